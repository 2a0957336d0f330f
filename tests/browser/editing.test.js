// Fast editing: dates in a popover, many tasks at once, and undo.

import assert from 'node:assert/strict';
import { eventually, openTask, row, showsTitles, stories } from './story.js';

const DAY = 86_400_000;
/** Returns the date in Berlin this many days from today. @param {number} days */
const berlinDay = (days) => new Date(Date.now() + days * DAY).toLocaleDateString('sv-SE', { timeZone: 'Europe/Berlin' });

stories('fast editing', {}, (story) => {
  story('the key t opens the dates: a sentence, a day that keeps the time, the month by keyboard', async ({ task, taskflow, open }) => {
    const { id } = await task({ title: 'Call', due_date: `${berlinDay(2)}T14:00:00Z` });
    const page = await open();
    const due = async () => (await taskflow.call('GET', `/api/tasks/${id}`)).due_date;
    const picker = page.getByRole('dialog', { name: 'Due date of Call' });
    const button = row(page, 'Call').getByRole('button', { name: 'Call', exact: true });
    await button.focus();
    await page.keyboard.press('t');
    await picker.getByRole('button', { name: 'Tomorrow' }).click();
    await eventually(async () => assert.equal(await due(), `${berlinDay(1)}T14:00:00.000000Z`));
    await eventually(async () => assert.equal(await button.evaluate((element) => element === document.activeElement), true, 'the focus is back'));
    await page.keyboard.press('t');
    await picker.getByLabel('Type a date').waitFor();
    await page.keyboard.type('14 january 2031 3pm');
    await picker.getByText('14 Jan 2031').waitFor();
    await page.keyboard.press('Enter');
    await eventually(async () => assert.equal(await due(), '2031-01-14T14:00:00.000000Z'));
    await row(page, 'Call').getByRole('button', { name: /change the date/ }).click();
    await picker.getByRole('grid').locator('[tabindex="0"]').focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    await eventually(async () => assert.equal(await due(), '2031-01-22T14:00:00.000000Z'));
    await page.keyboard.press('t');
    await picker.getByLabel('Type a date').waitFor();
    await page.keyboard.type('nonsense');
    await picker.getByText('“nonsense” is not a date that Taskflow understands.').waitFor();
    await page.keyboard.press('Escape');
    await picker.waitFor({ state: 'detached' });
  });

  story('everything overdue is rescheduled at once, each task at its time', async ({ task, taskflow, open }) => {
    await task({ title: 'A', due_date: berlinDay(-3) });
    await task({ title: 'B', due_date: `${berlinDay(-2)}T14:00:00Z` });
    const page = await open();
    await page.getByRole('button', { name: 'Reschedule all' }).click();
    await page.getByRole('dialog', { name: 'A new date for everything overdue' }).getByRole('button', { name: 'Tomorrow' }).click();
    await eventually(async () => {
      const all = await taskflow.call('GET', '/api/tasks?sort_by=title&order=asc');
      assert.deepEqual([all[0].due_day, all[1].due_date], [berlinDay(1), `${berlinDay(1)}T14:00:00.000000Z`]);
    });
    await page.getByText('Moved 2 tasks.').waitFor();
    await page.getByRole('button', { name: 'Undo' }).click();
    await eventually(async () => {
      const all = await taskflow.call('GET', '/api/tasks?sort_by=title&order=asc');
      assert.deepEqual([all[0].due_day, all[1].due_date], [berlinDay(-3), `${berlinDay(-2)}T14:00:00.000000Z`]);
    });
  });

  story('selected tasks are changed in one call', async ({ task, taskflow, open }) => {
    for (const title of ['A', 'B', 'C', 'D']) await task({ title });
    const page = await open({ path: '/#sort=title' });
    await showsTitles(page, ['A', 'B', 'C', 'D']);
    await row(page, 'A').getByRole('button', { name: 'A', exact: true }).focus();
    await page.keyboard.press('Shift+ArrowDown');
    await row(page, 'D').getByRole('button', { name: 'D', exact: true }).click({ modifiers: ['ControlOrMeta'] });
    const bar = page.getByRole('toolbar', { name: 'Selected tasks' });
    await bar.getByText('3 selected').waitFor();
    /** @type {string[]} */
    const calls = [];
    page.on('request', (request) => {
      if (request.method() === 'POST' && request.url().includes('/api/tasks')) calls.push(new URL(request.url()).pathname);
    });
    await bar.getByRole('button', { name: 'Priority' }).click();
    await page.getByRole('dialog', { name: 'Priority of the selected tasks' }).getByRole('button', { name: 'High' }).click();
    const of = async (/** @type {string} */ field) => (await taskflow.call('GET', '/api/tasks?sort_by=title&order=asc')).map((/** @type {any} */ own) => own[field]);
    await eventually(async () => assert.deepEqual(await of('priority'), ['high', 'high', 'medium', 'high']));
    assert.deepEqual(calls, ['/api/tasks/bulk']);
    await bar.getByRole('button', { name: 'Tags' }).click();
    await page.getByLabel('Add a tag').last().fill('Home, #garden');
    await page.keyboard.press('Enter');
    await eventually(async () => assert.deepEqual(await of('tags'), [['home', 'garden'], ['home', 'garden'], [], ['home', 'garden']]));
    await bar.getByRole('button', { name: 'Delete' }).click();
    await showsTitles(page, ['C']);
    await eventually(async () => assert.deepEqual(await of('title'), ['C']));
    await page.keyboard.press('z');
    await showsTitles(page, ['A', 'B', 'C', 'D']);
    await page.keyboard.press('z');
    await eventually(async () => assert.deepEqual(await of('tags'), [[], [], [], []]));
    await page.keyboard.press('z');
    await eventually(async () => assert.deepEqual(await of('priority'), ['medium', 'medium', 'medium', 'medium']));
  });

  story('what is done a few times in a row is told once', async ({ task, open }) => {
    for (const title of ['A', 'B', 'C']) await task({ title });
    const page = await open();
    for (const title of ['A', 'B', 'C']) await page.getByRole('checkbox', { name: `Completed: ${title}` }).click();
    await page.getByText('Completed 3 tasks.').waitFor();
    assert.equal(await page.locator('.toast').count(), 1);
    await page.keyboard.press('z');
    await showsTitles(page, ['A', 'B', 'C']);
  });

  story('a change in the pane is undone before older changes', async ({ task, taskflow, open }) => {
    const alpha = await task({ title: 'Alpha' });
    const bravo = await task({ title: 'Bravo' });
    const page = await open();
    const priorities = async () => Promise.all([alpha, bravo].map(async ({ id }) => (await taskflow.call('GET', `/api/tasks/${id}`)).priority));
    await row(page, 'Alpha').getByRole('button', { name: 'Alpha', exact: true }).focus();
    await page.keyboard.press('1');
    const detail = await openTask(page, 'Bravo');
    await detail.getByRole('button', { name: 'Priority' }).click();
    await detail.getByRole('radio', { name: 'Low' }).check();
    await eventually(async () => assert.deepEqual(await priorities(), ['high', 'low']));
    await page.keyboard.press('ControlOrMeta+z');
    await page.getByText('Undone: “Bravo”.').waitFor();
    await eventually(async () => assert.deepEqual(await priorities(), ['high', 'medium']));
    await eventually(async () => assert.equal(await detail.getByRole('radio', { name: 'Medium' }).isChecked(), true));
    await page.keyboard.press('ControlOrMeta+z');
    await eventually(async () => assert.deepEqual(await priorities(), ['medium', 'medium']));
  });

  story('a change of several tasks that fails for some counts the others, and undoes only those', async ({ task, taskflow, open }) => {
    const [a, b] = [await task({ title: 'A' }), await task({ title: 'B' })];
    const page = await open({ path: '/#sort=title' });
    await showsTitles(page, ['A', 'B']);
    await page.route('**/api/tasks/bulk', async (route) => {
      await taskflow.call('DELETE', `/api/tasks/${b.id}`);
      await route.continue();
    }, { times: 1 });
    await row(page, 'A').getByRole('button', { name: 'A', exact: true }).focus();
    await page.keyboard.press('Shift+ArrowDown');
    await page.getByRole('toolbar', { name: 'Selected tasks' }).getByRole('button', { name: 'Done' }).click();
    await page.getByText('Completed 1 task.').waitFor();
    await page.getByText('Not completed: 1 task.').waitFor();
    assert.equal((await taskflow.call('GET', `/api/tasks/${a.id}`)).status, 'completed');
    await page.keyboard.press('z');
    await showsTitles(page, ['A']);
    assert.equal(await page.getByText(/Not reopened/).count(), 0, 'the deleted task is left alone');
  });

  story('a time alone keeps the day of each selected task, and an invalid time changes nothing', async ({ task, taskflow, open }) => {
    await task({ title: 'A', due_date: berlinDay(2) });
    await task({ title: 'B', due_date: `${berlinDay(3)}T10:00:00Z` });
    const page = await open();
    const due = async () => (await taskflow.call('GET', '/api/tasks?sort_by=title&order=asc')).map((/** @type {any} */ own) => own.due_day ?? own.due_date);
    await row(page, 'A').getByRole('button', { name: 'A', exact: true }).focus();
    await page.keyboard.press('Shift+ArrowDown');
    await page.getByRole('toolbar', { name: 'Selected tasks' }).getByRole('button', { name: 'Date' }).click();
    const picker = page.getByRole('dialog', { name: 'A date for the selected tasks' });
    await picker.getByLabel('Time', { exact: true }).fill('25:99');
    await picker.getByRole('button', { name: 'Set' }).click();
    await picker.getByText('Enter a time such as 15:30 or 3pm.').waitFor();
    await picker.getByLabel('Time', { exact: true }).fill('15:00');
    await picker.getByRole('button', { name: 'Set' }).click();
    const at = (/** @type {number} */ days) => new Date(`${berlinDay(days)}T15:00:00${new Date(`${berlinDay(days)}T12:00:00Z`).toLocaleString('en', { timeZone: 'Europe/Berlin', timeZoneName: 'longOffset' }).split('GMT')[1]}`).toISOString().replace('.000Z', '.000000Z');
    await eventually(async () => assert.deepEqual(await due(), [at(2), at(3)]));
    await page.getByText('Moved 2 tasks.').waitFor();
  });

  story('a sentence that repeats applies to every selected task', async ({ task, taskflow, open }) => {
    for (const title of ['A', 'B']) await task({ title });
    const page = await open({ path: '/#sort=title' });
    await showsTitles(page, ['A', 'B']);
    await row(page, 'A').getByRole('button', { name: 'A', exact: true }).focus();
    await page.keyboard.press('Shift+ArrowDown');
    await page.getByRole('toolbar', { name: 'Selected tasks' }).getByRole('button', { name: 'Date' }).click();
    await page.getByLabel('Type a date').fill('every friday');
    await page.getByText(/, repeating$/).waitFor();
    await page.keyboard.press('Enter');
    await eventually(async () => assert.deepEqual((await taskflow.call('GET', '/api/tasks')).map((/** @type {any} */ own) => own.recurrence), ['weekly', 'weekly']));
  });

  story('what is overdue beyond the loaded part is rescheduled, and Shift+End selects to the real end', async ({ taskflow, open }) => {
    await Promise.all(Array.from({ length: 130 }, (_, at) => taskflow.call('POST', '/api/tasks', { title: `Task ${at}`, due_date: berlinDay(-3), time_zone: 'Europe/Berlin' })));
    const page = await open();
    await page.locator('.task[data-id] .open').first().focus();
    await page.keyboard.press('Shift+End');
    await page.getByText('130 selected').waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press('ControlOrMeta+a');
    await page.getByText('130 selected').waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press('s');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('Delete');
    await page.getByText('129 tasks', { exact: true }).waitFor();
    assert.equal(await page.locator('.selected').count(), 0, 'the selected task is deleted, not the focused one');
    await page.getByText('Deleted “Task').waitFor();
    await page.keyboard.press('z');
    await page.getByText('130 tasks', { exact: true }).waitFor();
    await page.reload();
    await page.getByRole('button', { name: 'Reschedule all' }).click();
    await page.getByRole('dialog', { name: 'A new date for everything overdue' }).getByRole('button', { name: 'Tomorrow' }).click();
    await page.getByText('Moved 130 tasks.').waitFor();
    await eventually(async () => assert.equal((await taskflow.call('GET', `/api/tasks?limit=500&due_after=${berlinDay(1)}`)).length, 130));
  });

  story('a repeating task moves alone or with all after it, is skipped, and says what comes next', async ({ task, taskflow, open }) => {
    const { id } = await task({ title: 'Water', due_date: '2031-01-14T08:30:00Z', recurrence: 'weekly' });
    const page = await open();
    const detail = await openTask(page, 'Water');
    await detail.getByRole('button', { name: 'Repeats' }).click();
    await detail.getByText(/After this: .*21 Jan 2031.*28 Jan 2031.*4 Feb 2031/).waitFor();
    const picker = page.getByRole('dialog', { name: 'Due date of Water' });
    const saved = async () => taskflow.call('GET', `/api/tasks/${id}`);
    await detail.getByRole('button', { name: 'Due:' }).click();
    await picker.getByRole('gridcell').filter({ hasText: /^15$/ }).getByRole('button').click();
    await eventually(async () => assert.deepEqual([(await saved()).due_date, (await saved()).recurrence_start], ['2031-01-15T08:30:00.000000Z', '2031-01-14T08:30:00.000000Z']));
    await detail.getByRole('button', { name: 'Due:' }).click();
    await picker.getByLabel('This and all after').check();
    await picker.getByRole('gridcell').filter({ hasText: /^16$/ }).getByRole('button').click();
    await eventually(async () => assert.equal((await saved()).recurrence_start, '2031-01-16T08:30:00.000000Z'));
    await detail.getByRole('button', { name: 'Skip this one' }).click();
    await eventually(async () => assert.equal((await saved()).due_date, '2031-01-23T08:30:00.000000Z'));
    await page.getByText('Skipped “Water”.').waitFor();
  });

  story('a task has several reminders', async ({ task, taskflow, open }) => {
    const { id } = await task({ title: 'Fly', due_date: '2031-01-14T08:30:00Z', reminder_offset: '1 day' });
    const page = await open();
    const detail = await openTask(page, 'Fly');
    await detail.getByRole('button', { name: 'Reminders' }).click();
    await detail.getByRole('button', { name: 'Add another reminder' }).click();
    await detail.getByRole('button', { name: 'Add another reminder' }).click();
    assert.equal(await detail.getByLabel('Another reminder').count(), 1, 'an unused one is replaced');
    await detail.getByRole('button', { name: 'Cancel the new reminder' }).click();
    await detail.getByRole('button', { name: 'Add another reminder' }).click();
    await detail.getByLabel('Another reminder').selectOption('1 hour before');
    const waiting = async () => (await taskflow.call('GET', `/api/reminders?task_id=${id}&status=pending`)).map((/** @type {any} */ own) => own.reminder_offset).sort();
    await eventually(async () => assert.deepEqual(await waiting(), ['1 day', '1 hour']));
    await detail.getByRole('button', { name: /^Remove the reminder of/ }).click();
    await eventually(async () => assert.deepEqual(await waiting(), ['1 day']));
  });

  story('notes read as Markdown: links open, and a box ticks where it stands', async ({ task, taskflow, open }) => {
    const { id } = await task({ title: 'Report', description: '- [x] numbers\n- [ ] words\n\nSee [last year](https://example.org/report), **not** <b>this</b>.' });
    const page = await open();
    await row(page, 'Report').getByText('1/2 done').waitFor({ state: 'attached' });
    const detail = await openTask(page, 'Report');
    const link = detail.getByRole('link', { name: 'last year' });
    assert.deepEqual([await link.getAttribute('href'), await link.getAttribute('rel')], ['https://example.org/report', 'noopener noreferrer']);
    assert.equal(await detail.locator('.notes-view b').count(), 0, 'markup is text');
    await detail.getByRole('checkbox', { name: 'words' }).check();
    await eventually(async () => assert.match((await taskflow.call('GET', `/api/tasks/${id}`)).description, /- \[x\] words/));
    await row(page, 'Report').getByText('2/2 done').waitFor({ state: 'attached' });
  });

  story('printing gives the whole list, even while it changes', async ({ taskflow, open }) => {
    await Promise.all(Array.from({ length: 120 }, (_, at) => taskflow.call('POST', '/api/tasks', { title: `Task ${at}` })));
    const page = await open({
      init: () => {
        window.print = () => {
          dispatchEvent(new Event('beforeprint'));
          Reflect.set(window, 'printed', document.querySelectorAll('.task[data-id]:not(.waiting)').length);
          dispatchEvent(new Event('afterprint'));
        };
      },
    });
    await row(page, 'Task 0').waitFor();
    await page.route(/offset=50/, async (route) => {
      await taskflow.call('POST', '/api/tasks', { title: 'Meanwhile' });
      await page.getByText('121 tasks').waitFor();
      await route.continue();
    }, { times: 1 });
    await page.keyboard.press('ControlOrMeta+p');
    await page.waitForFunction(() => Reflect.get(window, 'printed') === 121);
    await eventually(async () => assert.ok((await page.locator('.task').count()) < 60, 'and then it is light again'));
  });

  story('an opened task is read from its top, and Tab comes to Delete last', async ({ task, open }) => {
    await task({ title: 'Long', description: 'word\n\n'.repeat(200) });
    await task({ title: 'Other', description: 'word\n\n'.repeat(200) });
    const page = await open();
    const detail = await openTask(page, 'Long');
    await detail.locator('.detail-body').evaluate((body) => body.scrollTo(0, 2000));
    await openTask(page, 'Other');
    await eventually(async () => assert.equal(await detail.locator('.detail-body').evaluate((body) => body.scrollTop), 0));
    const order = await detail.locator('button, input, textarea, select, summary').evaluateAll((all) => all.filter((one) => one.checkVisibility()).map((one) => one.textContent));
    assert.equal(order.at(-1), 'Delete the task');
  });
});
