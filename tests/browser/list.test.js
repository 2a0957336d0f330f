// The list: adding, finding, ordering and completing tasks.

import assert from 'node:assert/strict';
import { PHONE, eventually, isReady, openTask, row, showsTitles, stories, titles } from './story.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const inTime = (/** @type {number} */ milliseconds) => new Date(Date.now() + milliseconds).toISOString();

/** Returns what the line was parsed as, without the words for screen readers. @param {import('./story.js').Page} page */
const chips = async (page) => (await page.locator('.understood .chip').allTextContents()).map((text) => text.replace(/: keep .*/, ''));

/** Returns the only task as soon as the service has it; the list shows it earlier. @param {import('./parts.js').Taskflow} taskflow */
async function saved(taskflow) {
  await eventually(async () => assert.equal((await taskflow.call('GET', '/api/tasks')).length, 1));
  return taskflow.call('GET', '/api/tasks');
}

stories('the list', {}, (story) => {
  story('an empty list says so, and the first task is one line and Enter', async ({ taskflow, open }) => {
    const page = await open();
    await page.getByText('No tasks here').waitFor();
    await page.getByRole('button', { name: 'Buy bread tomorrow at 9 #home' }).click();
    assert.equal(await page.getByRole('textbox', { name: 'New task' }).inputValue(), 'Buy bread tomorrow at 9 #home', 'an example to begin with');
    await page.getByRole('textbox', { name: 'New task' }).fill('Buy bread #Home #errands !high');
    await eventually(async () => assert.deepEqual(await chips(page), ['tag home', 'tag errands', 'priority high']));
    await page.keyboard.press('Enter');
    await row(page, 'Buy bread').waitFor();
    assert.equal(await page.getByRole('textbox', { name: 'New task' }).inputValue(), '', 'the line is free for the next one');
    const [task] = await saved(taskflow);
    assert.deepEqual([task.title, task.tags, task.priority, task.due_date, task.time_zone], ['Buy bread', ['home', 'errands'], 'high', null, 'Europe/Berlin']);
  });

  story('what only looks like a sign stays in the title', async ({ taskflow, open }) => {
    const page = await open();
    for (const title of ['Rank #1, then stop', 'Wow!', '# heading !', 'C# lesson']) {
      await page.getByRole('textbox', { name: 'New task' }).fill(title);
      await page.keyboard.press('Enter');
      await row(page, title).waitFor();
    }
    assert.equal((await taskflow.call('GET', '/api/tags')).length, 0);
  });

  story('a line is read while it is written: day, time, repetition, tag and priority, in the zone of the browser', async ({ taskflow, open }) => {
    const page = await open();
    await page.getByRole('textbox', { name: 'New task' }).fill('Call Mira tomorrow at 10 every 2 weeks #family !high');
    await eventually(async () => assert.deepEqual(await chips(page), ['due Tomorrow 10:00', 'repeats every 2 weeks', 'tag family', 'priority high']));
    await page.keyboard.press('Enter');
    await row(page, 'Call Mira').waitFor();
    const [task] = await saved(taskflow);
    assert.deepEqual([task.recurrence, task.tags, task.priority, task.time_zone], ['custom', ['family'], 'high', 'Europe/Berlin']);
    assert.match(task.recurrence_rule, /FREQ=WEEKLY;INTERVAL=2/);
    assert.equal(new Date(task.due_date).toLocaleTimeString('en-GB', { timeZone: 'Europe/Berlin' }), '10:00:00');
  });

  story('a line that is written and sent at once is read all the same', async ({ taskflow, open }) => {
    const page = await open();
    await page.getByRole('textbox', { name: 'New task' }).fill('Water the roses tomorrow at 7 #garden');
    await page.keyboard.press('Enter');
    await row(page, 'Water the roses').waitFor();
    const [task] = await saved(taskflow);
    assert.deepEqual(task.tags, ['garden']);
    assert.notEqual(task.due_date, null);
  });

  story('a click on a chip puts its words back into the title', async ({ taskflow, open }) => {
    const page = await open();
    const line = page.getByRole('textbox', { name: 'New task' });
    await line.fill('Read Tomorrow every day #books !low');
    await eventually(async () => assert.ok((await chips(page)).includes('repeats every day')));
    await page.locator('.understood .of-repeats').click();
    await page.locator('.understood .of-repeats').waitFor({ state: 'detached' });
    await page.locator('.understood .of-tag').click();
    await page.locator('.understood .of-tag').waitFor({ state: 'detached' });
    await eventually(async () => assert.deepEqual((await chips(page)).at(-1), 'priority low'));
    await line.press('Enter');
    const [task] = await saved(taskflow);
    assert.deepEqual([task.recurrence, task.tags, task.priority], ['none', [], 'low']);
    assert.match(task.title, /every day #books/);
    assert.doesNotMatch(task.title, /\u2060/, 'nothing else is in the title');
  });

  story('without the service, the signs of a line are read here', async ({ taskflow, open, expectErrors }) => {
    expectErrors(/status of 404/);
    const page = await open();
    await page.route('**/api/chat/draft', (route) => route.fulfill({ status: 404, contentType: 'application/problem+json', body: '{"title":"Not Found","status":404}' }));
    await page.getByRole('textbox', { name: 'New task' }).fill('Buy bread tomorrow #home !high');
    await page.keyboard.press('Enter');
    await row(page, 'Buy bread tomorrow').waitFor();
    await eventually(async () => assert.equal((await taskflow.call('GET', '/api/tasks')).length, 1));
    const [alone] = await taskflow.call('GET', '/api/tasks');
    assert.deepEqual([alone.tags, alone.priority], [['home'], 'high']);
  });

  story('several lines that are pasted are several tasks, if a person says so', async ({ open }) => {
    const page = await open({ permissions: ['clipboard-read', 'clipboard-write'] });
    await page.evaluate(() => navigator.clipboard.writeText('- Bread\n- [ ] Milk\n3. Eggs #shop\n'));
    await page.getByRole('textbox', { name: 'New task' }).press('ControlOrMeta+v');
    await page.getByRole('button', { name: 'Add 3 tasks' }).click();
    await eventually(async () => assert.deepEqual((await titles(page)).sort(), ['Bread', 'Eggs', 'Milk']));
    await page.getByText('Added 3 tasks.').waitFor();
    await page.getByRole('button', { name: 'Undo' }).click();
    await showsTitles(page, []);
  });

  story('the first visit asks for its tasks once, before the page is read', async ({ task, open, taskflow }) => {
    await task({ title: 'There' });
    const page = await open({ ready: false, path: '/openapi.json' });
    // Once it is connected, the page asks again, because the list may have changed since.
    await page.routeWebSocket('**/ws/notifications*', () => new Promise(() => {}));
    await page.goto(taskflow.url);
    await showsTitles(page, ['There']);
    const asked = await page.evaluate(() => performance.getEntriesByType('resource').filter(({ name }) => name.includes('/api/tasks')).map(({ startTime }) => startTime));
    const read = await page.evaluate(() => performance.getEntriesByType('navigation').map((entry) => Reflect.get(entry, 'domInteractive'))[0]);
    assert.equal(asked.length, 1);
    assert.ok(Number(asked[0]) < read, `${asked[0]} ${read}`);
  });

  story('a line without words is refused where it is written', async ({ taskflow, open }) => {
    const page = await open();
    const line = page.getByRole('textbox', { name: 'New task' });
    for (const [text, words] of [
      ['', 'Write a title for the task.'],
      ['#home', 'A task needs a title. Add some words.'],
      ['x'.repeat(201), 'A title has at most 200 characters.'],
    ]) {
      await line.fill(text ?? '');
      await line.press('Enter');
      await page.getByText(words ?? '').waitFor();
      assert.equal(await line.getAttribute('aria-invalid'), 'true');
    }
    assert.deepEqual(await taskflow.call('GET', '/api/tasks'), []);
  });

  story('Shift and Enter adds a task and opens it', async ({ open }) => {
    const page = await open();
    await page.getByRole('textbox', { name: 'New task' }).fill('Plan the journey');
    await page.keyboard.press('Shift+Enter');
    await page.locator('task-detail').getByRole('textbox', { name: 'Title' }).waitFor();
    assert.equal(await page.locator('task-detail').getByRole('textbox', { name: 'Title' }).inputValue(), 'Plan the journey');
  });

  story('tasks stand in groups of days, the overdue ones first', async ({ task, open }) => {
    const now = new Date();
    await task({ title: 'Some day' });
    await task({ title: 'Far away', due_date: inTime(60 * DAY) });
    await task({ title: 'Late', due_date: inTime(-2 * HOUR) });
    await task({ title: 'In four days', due_date: inTime(4 * DAY) });
    // A day in Berlin that is still in the future, whenever this runs.
    const berlin = new Date(now.toLocaleString('en-US', { timeZone: 'Europe/Berlin' }));
    const minutesLeft = 24 * 60 - berlin.getHours() * 60 - berlin.getMinutes();
    await task({ title: 'Before midnight', due_date: inTime((minutesLeft * 60_000) / 2) });
    const page = await open();
    await showsTitles(page, ['Late', 'Before midnight', 'In four days', 'Far away', 'Some day']);
    assert.deepEqual(await page.locator('.group:visible').allTextContents(), ['Overdue', 'Today', 'Next 7 days', 'Later', 'No date']);
  });

  story('search finds as one types, in titles and notes, and Escape takes it back', async ({ task, open }) => {
    await task({ title: 'Water the roses' });
    await task({ title: 'Pay the rent', description: 'by bank transfer, roses are cheaper' });
    await task({ title: 'Call Rosa' });
    const page = await open();
    await page.keyboard.press('/');
    await page.keyboard.type('ros');
    await eventually(async () => assert.deepEqual((await titles(page)).sort(), ['Call Rosa', 'Pay the rent', 'Water the roses']));
    await page.keyboard.type('es');
    await showsTitles(page, ['Water the roses', 'Pay the rent']);
    await page.keyboard.type(' nothing like that');
    await page.getByText('Nothing matches').waitFor();
    await page.keyboard.press('Escape');
    await eventually(async () => assert.equal((await titles(page)).length, 3));
    assert.equal(await page.getByLabel('Search tasks').inputValue(), '');
  });

  story('a day is found by its date, whatever its zone', async ({ task, open }) => {
    const today = new Intl.DateTimeFormat('en-CA', { timeZone: 'Europe/Berlin' }).format();
    await task({ title: 'Here', due_date: today });
    await task({ title: 'In Auckland', due_date: today, time_zone: 'Pacific/Auckland' });
    await task({ title: 'Soon', due_date: inTime(3 * DAY) });
    const page = await open();
    const due = page.locator('filter-bar').getByLabel('Due');
    await due.selectOption('Today');
    await eventually(async () => assert.deepEqual((await titles(page)).sort(), ['Here', 'In Auckland']));
    await due.selectOption('Next 7 days');
    await eventually(async () => assert.deepEqual((await titles(page)).sort(), ['Here', 'In Auckland', 'Soon']));
  });

  story('filters by status, priority, date and tags narrow the list together, and one button clears them', async ({ task, taskflow, open }) => {
    await task({ title: 'A', priority: 'high', tags: ['home', 'garden'], due_date: inTime(-HOUR) });
    await task({ title: 'B', priority: 'high', tags: ['home'], due_date: inTime(3 * DAY) });
    await task({ title: 'C', tags: ['work'] });
    const done = await task({ title: 'D', priority: 'high', tags: ['home'] });
    await taskflow.call('POST', `/api/tasks/${done.id}/complete`);
    const page = await open();
    const bar = page.locator('filter-bar');
    await showsTitles(page, ['A', 'B', 'C']);
    await bar.getByLabel('Priority').selectOption('High');
    await showsTitles(page, ['A', 'B']);
    await bar.getByLabel('Due').selectOption('Overdue');
    await showsTitles(page, ['A']);
    await bar.getByLabel('Due').selectOption('Next 7 days');
    await eventually(async () => assert.ok((await titles(page)).includes('B')));
    await bar.getByLabel('Due').selectOption('Any date');
    await bar.getByText('All', { exact: true }).click();
    await eventually(async () => assert.deepEqual((await titles(page)).sort(), ['A', 'B', 'D']));
    await bar.getByText('Done', { exact: true }).click();
    await showsTitles(page, ['D']);
    await bar.getByRole('button', { name: 'Clear' }).click();
    await showsTitles(page, ['A', 'B', 'C']);
    await bar.getByRole('button', { name: /Filter by tags/ }).click();
    const menu = page.getByRole('dialog', { name: 'Filter by tags' });
    await menu.getByRole('checkbox', { name: /^home/ }).check();
    await showsTitles(page, ['A', 'B']);
    await menu.getByRole('checkbox', { name: /^garden/ }).check();
    await showsTitles(page, ['A']);
    await menu.getByRole('radio', { name: 'any of these' }).check();
    await showsTitles(page, ['A', 'B']);
    await page.keyboard.press('Escape');
    assert.match((await page.locator('#count').textContent()) ?? '', /^2 tasks$/);
  });

  story('what is searched and filtered survives a reload, and stays out of what the server sees', async ({ task, open }) => {
    await task({ title: 'Secret plan', priority: 'low' });
    await task({ title: 'Other plan' });
    const page = await open();
    await page.locator('filter-bar').getByLabel('Priority').selectOption('Low');
    await page.getByLabel('Search tasks').fill('secret');
    await showsTitles(page, ['Secret plan']);
    await page.waitForURL(/text=secret/);
    /** @type {string[]} */
    const pages = [];
    page.on('request', (request) => request.isNavigationRequest() && pages.push(new URL(request.url()).search));
    await page.reload();
    await isReady(page);
    await showsTitles(page, ['Secret plan']);
    assert.equal(await page.getByLabel('Search tasks').inputValue(), 'secret');
    assert.deepEqual(pages, ['']);
  });

  story('quick keys of a search are one address, and the way back from a task leads to it', async ({ task, open }) => {
    await task({ title: 'Water the roses' });
    await task({ title: 'Pay the rent' });
    const page = await open();
    /** @type {string[]} */
    const addresses = [];
    page.on('framenavigated', (frame) => addresses.push(new URL(frame.url()).hash));
    // All keys in one task, because a busy machine may pause between two.
    await page.getByLabel('Search tasks').evaluate((/** @type {HTMLInputElement} */ field) => {
      for (const key of 'water') {
        field.value += key;
        field.dispatchEvent(new Event('input', { bubbles: true }));
      }
    });
    await showsTitles(page, ['Water the roses']);
    await page.waitForURL(/#text=water$/);
    assert.deepEqual(addresses, ['#text=water']);

    await page.getByLabel('Search tasks').fill('rent');
    await showsTitles(page, ['Pay the rent']);
    // The address may be behind the list when the task is opened.
    await openTask(page, 'Pay the rent');
    await page.goBack();
    await page.waitForURL(/#text=rent$/);
    await showsTitles(page, ['Pay the rent']);
  });

  story('a tag in a row filters by it', async ({ task, open }) => {
    await task({ title: 'A', tags: ['home'] });
    await task({ title: 'B', tags: ['work'] });
    const page = await open();
    await row(page, 'B').getByRole('button', { name: 'work' }).click();
    await showsTitles(page, ['B']);
  });

  story('the order can be chosen and turned around', async ({ task, open }) => {
    await task({ title: 'Banana', priority: 'low', due_date: inTime(2 * DAY) });
    await task({ title: 'Apple', priority: 'high', due_date: inTime(3 * DAY) });
    await task({ title: 'Cherry', priority: 'medium', due_date: inTime(DAY) });
    const page = await open();
    const bar = page.locator('filter-bar');
    await showsTitles(page, ['Cherry', 'Banana', 'Apple']);
    await bar.getByLabel('Sort').selectOption('Title');
    await showsTitles(page, ['Apple', 'Banana', 'Cherry']);
    await bar.getByRole('button', { name: /change to descending/ }).click();
    await showsTitles(page, ['Cherry', 'Banana', 'Apple']);
    await bar.getByLabel('Sort').selectOption('Priority');
    await showsTitles(page, ['Apple', 'Cherry', 'Banana']);
    await bar.getByLabel('Sort').selectOption('Created');
    await showsTitles(page, ['Cherry', 'Apple', 'Banana']);
  });

  story('a task is completed with a click, leaves the open ones, and comes back with Undo', async ({ task, taskflow, open }) => {
    const { id } = await task({ title: 'Buy bread' });
    await task({ title: 'Buy milk' });
    const page = await open();
    await page.getByRole('checkbox', { name: 'Completed: Buy bread' }).click();
    await showsTitles(page, ['Buy milk']);
    assert.equal((await taskflow.call('GET', `/api/tasks/${id}`)).status, 'completed');
    await page.getByRole('button', { name: 'Undo' }).click();
    await eventually(async () => assert.deepEqual((await titles(page)).sort(), ['Buy bread', 'Buy milk']));
    assert.equal((await taskflow.call('GET', `/api/tasks/${id}`)).status, 'pending');
  });

  story('completing a recurring task shows the next one by itself; Undo takes it away again', async ({ task, taskflow, open }) => {
    const due = inTime(DAY);
    await task({ title: 'Water the plants', due_date: due, recurrence: 'daily' });
    const page = await open();
    await page.getByRole('checkbox', { name: 'Completed: Water the plants' }).click();
    await page.getByText('The next occurrence is created.').waitFor();
    await eventually(async () => {
      const open_ = await taskflow.call('GET', '/api/tasks?status=pending');
      assert.equal(open_.length, 1);
      assert.equal(open_[0].recurrence_number, 2);
    });
    await showsTitles(page, ['Water the plants']);
    await page.getByRole('button', { name: 'Undo' }).click();
    await eventually(async () => {
      const all = await taskflow.call('GET', '/api/tasks');
      assert.deepEqual(all.map((/** @type {any} */ one) => [one.status, one.recurrence_number]), [['pending', 1]]);
    });
    await showsTitles(page, ['Water the plants']);
  });

  story('deleting asks no question: the toast, a key or the trash takes it back', async ({ task, taskflow, open }) => {
    await task({ title: 'Old plan' });
    const page = await open();
    await openTask(page, 'Old plan');
    await page.getByRole('button', { name: 'Delete the task' }).click();
    await showsTitles(page, []);
    await eventually(async () => assert.deepEqual(await taskflow.call('GET', '/api/tasks'), []));
    assert.equal(await page.locator('#detail').isVisible(), false, 'the pane of a task that is gone closes');
    await page.getByRole('button', { name: 'Undo' }).click();
    await row(page, 'Old plan').waitFor();
    await row(page, 'Old plan').getByRole('button', { name: 'Old plan', exact: true }).focus();
    await page.keyboard.press('Backspace');
    await showsTitles(page, []);
    await page.keyboard.press('ControlOrMeta+z');
    await row(page, 'Old plan').waitFor();
    await row(page, 'Old plan').getByRole('button', { name: 'Old plan', exact: true }).focus();
    await page.keyboard.press('Delete');
    await eventually(async () => assert.equal((await taskflow.call('GET', '/api/trash')).some((/** @type {any} */ one) => one.title === 'Old plan'), true));
    await page.getByRole('link', { name: 'Trash' }).click();
    await page.getByRole('button', { name: 'Restore Old plan' }).click();
    await eventually(async () => assert.equal((await taskflow.call('GET', '/api/tasks')).length, 1));
  });

  story('the trash is worked with the keyboard: Tab and a key restore one task, the selection bar several', async ({ task, taskflow, open }) => {
    for (const title of ['Fern', 'Moss', 'Reed', 'Sage']) await taskflow.call('DELETE', `/api/tasks/${(await task({ title })).id}`);
    const page = await open({ path: '/#place=trash' });
    assert.equal(await page.getByLabel('Search tasks').isVisible(), false, 'the trash cannot be searched');
    const open_ = async () => (await taskflow.call('GET', '/api/tasks?sort_by=title&order=asc')).map((/** @type {any} */ own) => own.title);
    await row(page, 'Fern').getByRole('button', { name: 'Fern', exact: true }).focus();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await eventually(async () => assert.deepEqual(await open_(), ['Fern']));
    await row(page, 'Moss').getByRole('button', { name: 'Moss', exact: true }).focus();
    await page.keyboard.press('r');
    await eventually(async () => assert.deepEqual(await open_(), ['Fern', 'Moss']));
    await row(page, 'Reed').getByRole('button', { name: 'Reed', exact: true }).focus();
    await page.keyboard.press('s');
    await row(page, 'Sage').getByRole('button', { name: 'Sage', exact: true }).focus();
    await page.keyboard.press('s');
    const bar = page.getByRole('toolbar', { name: 'Selected tasks' });
    await bar.getByText('2 selected').waitFor();
    assert.deepEqual(await bar.getByRole('button').filter({ visible: true }).evaluateAll((all) => all.map((one) => one.textContent || one.ariaLabel)), ['Restore', 'Clear the selection']);
    await bar.getByRole('button', { name: 'Restore' }).click();
    await eventually(async () => assert.deepEqual(await open_(), ['Fern', 'Moss', 'Reed', 'Sage']));
  });

  story('deleting the open task stays on the page, however long the step back takes', async ({ task, open }) => {
    await task({ title: 'Old plan' });
    const page = await open({
      init: () => {
        const back = history.back.bind(history);
        history.back = () => void setTimeout(back, 500);
      },
    });
    await openTask(page, 'Old plan');
    const address = page.url();
    await page.getByRole('button', { name: 'Delete the task' }).click();
    await page.getByText('Deleted “Old plan”.').waitFor();
    await page.getByText('No tasks here').waitFor();
    await page.waitForURL((url) => url.href !== address);
    await task({ title: 'New plan' });
    await row(page, 'New plan').waitFor();
    assert.equal(await page.getByText('was deleted elsewhere').count(), 0, 'it was deleted here');
  });

  story('the whole list can be worked with the keyboard alone', async ({ task, taskflow, open }) => {
    for (const title of ['A', 'B', 'C', 'D']) await task({ title });
    const page = await open();
    await page.locator('filter-bar').getByLabel('Sort').selectOption('Title');
    await showsTitles(page, ['A', 'B', 'C', 'D']);
    await page.getByRole('link', { name: 'Skip to the tasks' }).press('Enter');
    const focused = () => page.evaluate(() => document.activeElement?.closest('.task')?.querySelector('.title')?.textContent);
    await eventually(async () => assert.equal(await focused(), 'A'));
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('j');
    assert.equal(await focused(), 'C');
    await page.keyboard.press('k');
    assert.equal(await focused(), 'B');
    await page.keyboard.press('1');
    await eventually(async () => assert.equal((await taskflow.call('GET', '/api/tasks?sort_by=title'))[1].priority, 'high'));
    await page.keyboard.press('x');
    await showsTitles(page, ['A', 'C', 'D']);
    await eventually(async () => assert.equal(await focused(), 'C', 'the focus is on the task that took its place'));
    await page.keyboard.press('z');
    await showsTitles(page, ['A', 'B', 'C', 'D']);
    await page.keyboard.press('End');
    assert.equal(await focused(), 'D');
    await page.keyboard.press('Delete');
    await showsTitles(page, ['A', 'B', 'C']);
    await eventually(async () => assert.equal(await focused(), 'C'));
    await page.keyboard.press('Home');
    await page.keyboard.press('Enter');
    const title = page.locator('task-detail').getByRole('textbox', { name: 'Title' });
    await title.waitFor();
    assert.equal(await title.inputValue(), 'A');
    await page.keyboard.press('Escape');
    await eventually(async () => assert.equal(await focused(), 'A', 'closing leads back to where one was'));
    await page.keyboard.press('n');
    await page.keyboard.type('E');
    await page.keyboard.press('Enter');
    await showsTitles(page, ['A', 'B', 'C', 'E']);
  });

  story('the keys are listed first when asked for, and the notifications open and close with one key', async ({ task, taskflow, open }) => {
    await task({ title: 'A' });
    const page = await open();
    await page.keyboard.press('?');
    const box = page.getByRole('checkbox', { name: 'Keyboard shortcuts' });
    await eventually(async () => assert.equal(await box.evaluate((element) => element === document.activeElement), true));
    await page.getByText('Make an app password').waitFor();
    assert.equal(await page.getByText('Print the whole list').evaluate((element) => element.getBoundingClientRect().bottom < innerHeight), true, 'late sections do not push them away');
    await page.keyboard.press('Escape');
    await row(page, 'A').getByRole('button', { name: 'A', exact: true }).focus();
    await page.keyboard.press('b');
    const notices = page.getByRole('dialog', { name: 'Notifications' });
    await notices.waitFor();
    await page.keyboard.press('x');
    await page.keyboard.press('b');
    await notices.waitFor({ state: 'hidden' });
    assert.equal(await page.evaluate(() => document.activeElement?.className), 'open', 'the focus is back');
    assert.equal((await taskflow.call('GET', '/api/tasks'))[0].status, 'pending', 'no key reaches the row behind');
  });

  story('a row says in words when its task repeats, when it reminds, and at what time next year', async ({ task, open }) => {
    const day = new Date(Date.now() + 35 * DAY).toISOString().slice(0, 10);
    const rules = [
      ['FREQ=YEARLY;BYMONTH=1;BYMONTHDAY=27', 'every year on the 27th in January'],
      ['FREQ=MONTHLY;BYMONTHDAY=1,15', 'every month on the 1st and the 15th'],
      ['FREQ=MONTHLY;INTERVAL=3', 'every 3 months'],
      ['FREQ=HOURLY;INTERVAL=2', 'every 2 hours'],
      ['FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1', 'every month on the last weekday'],
      ['FREQ=MONTHLY;BYMONTHDAY=28,29,30,31;BYSETPOS=-1', 'every month on the 31st'],
      ['FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13', 'every month on Friday the 13th'],
      ['FREQ=MONTHLY;BYDAY=-1FR;COUNT=1', 'every month on the last Friday, once'],
    ];
    for (const [at, [rule]] of rules.entries()) await task({ title: `Task ${at}`, due_date: `${day}T08:00:00Z`, recurrence_rule: rule, reminder_offset: '0 minutes' });
    const page = await open();
    for (const [at, [, words = '']] of rules.entries()) await row(page, `Task ${at}`).getByText(`repeats ${words}`, { exact: true }).waitFor({ state: 'attached' });
    await row(page, 'Task 0').getByText('reminder when due').waitFor({ state: 'attached' });
    assert.match((await row(page, 'Task 0').locator('.due').textContent()) ?? '', /\d\d:00$/);
  });

  story('single keys can be turned off', async ({ task, taskflow, open }) => {
    await task({ title: 'A' });
    const page = await open();
    await page.keyboard.press('?');
    await page.getByRole('checkbox', { name: 'Keyboard shortcuts' }).uncheck();
    await page.getByRole('button', { name: 'Done', exact: true }).click();
    await row(page, 'A').getByRole('button', { name: 'A', exact: true }).focus();
    for (const key of ['x', '1', 'n', '/']) await page.keyboard.press(key);
    assert.equal(await page.evaluate(() => document.activeElement?.className), 'open', 'the focus stayed');
    const [{ status, priority }] = await taskflow.call('GET', '/api/tasks');
    assert.deepEqual([status, priority], ['pending', 'medium']);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('?');
    assert.equal(await page.getByRole('dialog').isVisible(), false);
  });

  story('text of tasks is text, whatever is in it', async ({ task, open }) => {
    const title = '<img src=x onerror="document.title=\'owned\'"><b>bold</b> & “quotes”';
    await task({ title, description: '<script>document.title="owned"</script>', tags: ['<i>tag</i>'], due_date: inTime(DAY), reminder_offset: '1 hour' });
    const page = await open();
    await showsTitles(page, [title]);
    const detail = await openTask(page, title);
    assert.equal(await detail.getByRole('textbox', { name: 'Title' }).inputValue(), title);
    await detail.getByText('History').click();
    await detail.getByText('Created', { exact: true }).waitFor();
    await page.getByRole('checkbox', { name: `Completed: ${title}` }).first().click();
    await page.getByText(`Completed “${title}”`).waitFor();
    assert.equal(await page.locator('task-list img, task-list b, task-detail img, .toast img, .toast b, i').count(), 0);
    assert.equal(await page.title(), 'All tasks · Taskflow');
  });

  story('on a phone the list, a new task, an opened task and the way back work with a finger', async ({ task, open }) => {
    await task({ title: 'Pay the rent', due_date: inTime(DAY), tags: ['home'] });
    const page = await open(PHONE);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false, 'nothing sticks out');
    await page.getByRole('textbox', { name: 'New task' }).tap();
    await page.getByRole('textbox', { name: 'New task' }).fill('Buy bread');
    await page.getByRole('button', { name: 'Add' }).tap();
    await row(page, 'Buy bread').waitFor();
    await page.getByRole('button', { name: 'Pay the rent' }).tap();
    await page.locator('task-detail').getByRole('textbox', { name: 'Title' }).waitFor();
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false, 'nothing sticks out');
    assert.equal(await page.locator('main').evaluate((main) => /** @type {HTMLElement} */ (main).inert), true, 'what is covered is out of reach');
    await page.goBack();
    await page.locator('#detail').waitFor({ state: 'hidden' });
    await row(page, 'Pay the rent').getByRole('checkbox').tap();
    await showsTitles(page, ['Buy bread']);
  });

  story('a first visit calls one function, and the others after the list', async ({ task, open, taskflow }) => {
    await task({ title: 'Pay the rent' });
    const page = await open({ ready: false, path: '/openapi.json' });
    /** @type {Set<string>} */
    const called = new Set();
    page.on('request', (request) => {
      const { pathname } = new URL(request.url());
      if (pathname.startsWith('/api/') || pathname.startsWith('/ws/')) called.add(pathname);
    });
    page.on('websocket', () => called.add('/ws/notifications'));
    let answer = () => {};
    const isAwake = new Promise((resolve) => {
      answer = () => resolve(null);
    });
    await page.route('**/api/tasks?limit=50*', (route) => isAwake.then(() => route.continue()));
    await page.clock.install();
    await page.goto(taskflow.url);
    await page.waitForFunction(() => customElements.get('filter-bar') && customElements.get('quick-add'));
    // Longer than a cold start.
    await page.clock.runFor(5_000);
    assert.deepEqual([...called], ['/api/tasks']);
    answer();
    await page.clock.resume();
    await showsTitles(page, ['Pay the rent']);
    await eventually(async () => assert.ok(called.has('/api/tags') && called.has('/ws/notifications')));
  });
});
