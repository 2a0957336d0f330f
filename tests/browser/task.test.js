// One task: every field is edited in place and saved at once, failures are shown, and the history is complete.

import assert from 'node:assert/strict';
import { eventually, openTask, pane, row, stories } from './story.js';

const DAY = 86_400_000;
/** Half past nine in Berlin, on a Tuesday in winter, far in the future. */
const DUE = '2031-01-14T08:30:00.000000Z';

stories('one task', {}, (story) => {
  story('title, notes, priority and tags are changed where they stand, and saved when left', async ({ task, taskflow, open }) => {
    const { id } = await task({ title: 'Pay rent', tags: ['home'] });
    await task({ title: 'Other', tags: ['money'] });
    const page = await open();
    const detail = await openTask(page, 'Pay rent');
    await detail.getByRole('textbox', { name: 'Title' }).fill('Pay the  rent ');
    await detail.getByRole('textbox', { name: 'Title' }).press('Enter');
    await row(page, 'Pay the rent').waitFor();
    await detail.getByLabel('Notes').fill('Two lines,\nas they are.');
    await detail.getByRole('button', { name: 'Priority' }).click();
    await detail.getByRole('radio', { name: 'High' }).check();
    await detail.getByLabel('Tags').fill('Money, #bills');
    await detail.getByLabel('Tags').press('Enter');
    await detail.getByRole('button', { name: 'Remove tag home' }).click();
    await eventually(async () => {
      const saved = await taskflow.call('GET', `/api/tasks/${id}`);
      assert.deepEqual([saved.title, saved.description, saved.priority, saved.tags], ['Pay the rent', 'Two lines,\nas they are.', 'high', ['money', 'bills']]);
    });
    await detail.getByText('Saved').waitFor();
    await row(page, 'Pay the rent').getByText('high priority').waitFor({ state: 'attached' });
    await row(page, 'Pay the rent').getByText('bills').waitFor();
  });

  story('a due date is typed or chosen, in the zone of the task, and taken away with what hangs on it', async ({ task, taskflow, open }) => {
    const { id } = await task({ title: 'Call', time_zone: 'America/New_York' });
    const page = await open();
    const detail = await openTask(page, 'Call');
    assert.equal(await detail.getByRole('button', { name: 'Repeats' }).isVisible(), false, 'without a due date nothing repeats');
    await detail.getByRole('button', { name: 'Due: Date' }).click();
    const picker = page.getByRole('dialog', { name: 'Due date of Call' });
    await picker.getByLabel('Type a date').fill('1 July 2031 at 9');
    await picker.getByText('1 Jul 2031').waitFor();
    await page.keyboard.press('Enter');
    const saved = async () => taskflow.call('GET', `/api/tasks/${id}`);
    await eventually(async () => assert.equal((await saved()).due_date, '2031-07-01T13:00:00.000000Z', 'nine in New York, in summer'));
    await detail.getByText('In America/New_York that is 09:00.').waitFor();
    await detail.getByText('More', { exact: true }).click();
    await detail.getByLabel('Time zone').selectOption('Asia/Tokyo');
    await eventually(async () => assert.equal((await saved()).due_date, '2031-07-01T00:00:00.000000Z', 'nine in Tokyo'));
    await detail.getByRole('button', { name: 'Repeats' }).click();
    await detail.getByLabel('Repeats', { exact: true }).selectOption('Every day');
    await detail.getByRole('button', { name: 'Reminders' }).click();
    await detail.getByLabel('Reminder', { exact: true }).selectOption('1 hour before');
    await eventually(async () => assert.equal((await saved()).reminder_offset, '1 hour'));
    await detail.getByRole('button', { name: 'Due:' }).click();
    await picker.getByRole('button', { name: 'Tomorrow' }).click();
    await eventually(async () => assert.match((await saved()).due_date, new RegExp(`^${new Date(Date.now() + DAY).getUTCFullYear()}.*T00:00:00`), 'a day alone keeps the time'));
    await detail.getByRole('button', { name: 'Due:' }).click();
    await picker.getByRole('button', { name: 'No date' }).click();
    await eventually(async () => {
      const { due_date, recurrence, reminder_offset } = await saved();
      assert.deepEqual([due_date, recurrence, reminder_offset], [null, 'none', null]);
    });
  });

  story('an all-day task has no time, until it gets one', async ({ task, taskflow, open }) => {
    const { id } = await task({ title: 'Feira', due_date: '2018-11-04', time_zone: 'America/Sao_Paulo' });
    await task({ title: 'Tax', due_date: '2031-01-14' });
    const page = await open();
    assert.match((await row(page, 'Tax').textContent()) ?? '', /14 Jan 2031|Jan 14, 2031/);
    assert.doesNotMatch((await row(page, 'Tax').textContent()) ?? '', /\d:\d\d/, 'no time is told');
    const detail = await openTask(page, 'Feira');
    const saved = async () => taskflow.call('GET', `/api/tasks/${id}`);
    const picker = page.getByRole('dialog', { name: 'Due date of Feira' });
    await detail.getByRole('button', { name: 'Due: Overdue: 4 Nov 2018' }).click();
    await picker.getByRole('button', { name: 'Tuesday, 6 November 2018' }).or(picker.getByRole('button', { name: 'Tuesday 6 November 2018' })).click();
    await eventually(async () => assert.deepEqual([(await saved()).due_day, (await saved()).all_day], ['2018-11-06', true]));
    await detail.getByRole('button', { name: 'Due:' }).click();
    assert.equal(await picker.getByLabel('All day').isChecked(), true);
    await picker.getByLabel('All day').uncheck();
    assert.equal(await picker.getByLabel('Time').inputValue(), '09:00');
    await picker.getByRole('button', { name: 'Set' }).click();
    await eventually(async () => assert.deepEqual([(await saved()).due_date, (await saved()).all_day], ['2018-11-06T11:00:00.000000Z', false]));
    await detail.getByRole('button', { name: 'Due:' }).click();
    await picker.getByLabel('All day').check();
    await picker.getByRole('button', { name: 'Set' }).click();
    await eventually(async () => assert.equal((await saved()).due_day, '2018-11-06'));
  });

  story('the first visit tells the service the zone and the language, and later ones leave them alone', async ({ taskflow, open }) => {
    const page = await open();
    const told = async () => taskflow.call('GET', '/api/preferences');
    await eventually(async () => assert.notEqual((await told()).updated_at, null));
    const { time_zone, locale } = await told();
    assert.deepEqual([time_zone, locale], await page.evaluate(() => [Intl.DateTimeFormat().resolvedOptions().timeZone, navigator.language]));
    await page.getByRole('button', { name: 'Settings' }).click();
    const start = page.getByLabel('The day starts at');
    await eventually(async () => assert.equal(await start.inputValue(), '09:00'));
    await start.fill('07:30');
    await eventually(async () => assert.equal((await told()).day_start, '07:30'));
    await taskflow.call('PUT', '/api/preferences', { time_zone: 'Asia/Tokyo' });
    await page.evaluate(() => localStorage.clear());
    await page.reload();
    await page.waitForFunction(() => localStorage.getItem('taskflow.introduced') === 'yes');
    assert.equal((await told()).time_zone, 'Asia/Tokyo');
  });

  story('how it repeats is chosen in words, and becomes an RFC 5545 rule', async ({ task, taskflow, open }) => {
    const { id } = await task({ title: 'Meet', due_date: DUE });
    const page = await open();
    const detail = await openTask(page, 'Meet');
    await detail.getByRole('button', { name: 'Repeats' }).click();
    const saved = async (/** @type {string} */ recurrence, /** @type {string | null} */ rule) =>
      eventually(async () => {
        const now = await taskflow.call('GET', `/api/tasks/${id}`);
        assert.deepEqual([now.recurrence, now.recurrence_rule], [recurrence, rule]);
      });
    const repeats = detail.getByLabel('Repeats', { exact: true });
    await repeats.selectOption('Every month');
    await saved('monthly', null);
    await repeats.selectOption('Every weekday');
    await saved('custom', 'FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR');
    await repeats.selectOption('Does not repeat');
    await saved('none', null);
    await repeats.selectOption('Something else…');
    await saved('custom', 'FREQ=WEEKLY;BYDAY=TU');
    await detail.getByLabel('Interval').fill('2');
    await detail.getByLabel('Interval').press('Tab');
    await saved('custom', 'FREQ=WEEKLY;INTERVAL=2;BYDAY=TU');
    await detail.getByLabel('Friday').check();
    await detail.getByText('It repeats every 2 weeks on Tuesday and Friday.').waitFor();
    await saved('custom', 'FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,FR');
    await detail.getByLabel('How long').selectOption('a number of times');
    await detail.getByLabel('Number of occurrences').fill('6');
    await detail.getByLabel('Number of occurrences').press('Tab');
    await saved('custom', 'FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,FR;COUNT=6');
    await detail.getByLabel('Unit', { exact: true }).first().selectOption('months');
    await detail.getByLabel('Which day of the month').selectOption('on a weekday');
    await detail.getByLabel('Which of the month').selectOption('last');
    await detail.getByLabel('Weekday').selectOption('Friday');
    await saved('custom', 'FREQ=MONTHLY;INTERVAL=2;BYDAY=-1FR;COUNT=6');
    await detail.getByLabel('How long').selectOption('until a day');
    await detail.getByLabel('The last day').fill('2032-12-31');
    await saved('custom', 'FREQ=MONTHLY;INTERVAL=2;BYDAY=-1FR;UNTIL=20321231');
    await detail.getByLabel('Which day of the month').selectOption('on the last day');
    await detail.getByLabel('How long').selectOption('without an end');
    await saved('custom', 'FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=-1');
    await detail.getByLabel('Counted from').selectOption('the day it is completed');
    await eventually(async () => assert.equal((await taskflow.call('GET', `/api/tasks/${id}`)).recurrence_from, 'completion'));
    await detail.getByRole('button', { name: 'Close the task' }).click();
    await row(page, 'Meet').getByText('repeats every 2 months on the last day, counted from completion').waitFor({ state: 'attached' });
  });

  story('a rule that the form cannot say is kept as text, and a wrong one is explained', async ({ task, taskflow, open, expectErrors }) => {
    expectErrors(/status of 422/);
    const { id } = await task({ title: 'Pay out', due_date: DUE, recurrence_rule: 'FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1' });
    const page = await open();
    const detail = await openTask(page, 'Pay out');
    await detail.getByRole('button', { name: 'Repeats' }).click();
    const text = detail.getByLabel('RFC 5545 rule');
    assert.match(await text.inputValue(), /BYSETPOS=-1/);
    await text.fill('FREQ=MONTHLY;BYDAY=XX');
    await text.blur();
    await detail.getByRole('alert').getByText(/BYDAY/).waitFor();
    assert.match((await taskflow.call('GET', `/api/tasks/${id}`)).recurrence_rule, /BYSETPOS=-1/, 'nothing was changed');
    await text.fill('FREQ=MONTHLY;BYDAY=SA,SU;BYSETPOS=1');
    await text.blur();
    await eventually(async () => assert.equal((await taskflow.call('GET', `/api/tasks/${id}`)).recurrence_rule, 'FREQ=MONTHLY;BYDAY=SA,SU;BYSETPOS=1'));
    await eventually(async () => assert.equal(await detail.getByRole('alert').count(), 0));
  });

  story('a reminder of any distance can be asked for, and says when it comes', async ({ task, taskflow, open }) => {
    const { id } = await task({ title: 'Fly', due_date: DUE });
    const page = await open();
    const detail = await openTask(page, 'Fly');
    await detail.getByRole('button', { name: 'Reminders' }).click();
    await detail.getByLabel('Reminder', { exact: true }).selectOption('Another time…');
    await detail.getByLabel('How many', { exact: true }).fill('3');
    await detail.getByLabel('Unit').selectOption('days');
    await eventually(async () => assert.equal((await taskflow.call('GET', `/api/tasks/${id}`)).reminder_offset, '3 days'));
    assert.equal(await detail.getByLabel('Reminder', { exact: true }).locator('option:checked').textContent(), '3 days before');
    await eventually(async () => assert.match((await detail.locator('.panel .plain').first().textContent()) ?? '', /11 Jan 2031.*waits/));
  });

  story('a reminder of what is past is refused with the reason of the service, beside the field', async ({ task, open, expectErrors }) => {
    expectErrors(/status of 422/);
    await task({ title: 'Late', due_date: '2020-01-01T00:00:00Z' });
    const page = await open();
    const detail = await openTask(page, 'Late');
    await detail.getByRole('button', { name: 'Reminders' }).click();
    await detail.getByLabel('Reminder', { exact: true }).selectOption('1 hour before');
    await detail.getByText('the due_date is in the past; use a later one, or no reminder_offset').waitFor();
    assert.equal(await detail.getByLabel('Reminder', { exact: true }).getAttribute('aria-invalid'), 'true');
    assert.equal(await row(page, 'Late').getByText(/^reminder/).count(), 0, 'the list shows what is, not what was wished');
  });

  story('an empty title is not sent, and Escape gives it back', async ({ task, taskflow, open }) => {
    const { id } = await task({ title: 'Keep me' });
    const page = await open();
    const detail = await openTask(page, 'Keep me');
    const title = detail.getByRole('textbox', { name: 'Title' });
    await title.fill('  ');
    await title.press('Enter');
    await detail.getByText('A task needs a title.').waitFor();
    await title.focus();
    await page.keyboard.press('Escape');
    assert.equal(await title.inputValue(), 'Keep me');
    assert.equal(await detail.isVisible(), true);
    await page.keyboard.press('Escape');
    await detail.waitFor({ state: 'hidden' });
    assert.equal((await taskflow.call('GET', `/api/tasks/${id}`)).version, 1);
  });

  story('two people change different fields at once: both changes stay, and it is said', async ({ task, taskflow, open, expectErrors }) => {
    expectErrors(/status of 412/);
    const { id } = await task({ title: 'Report', priority: 'low' });
    const page = await open();
    const detail = await openTask(page, 'Report');
    // The other change arrives while this one is in progress: between the answer that the page knows and its own request.
    let isFirst = true;
    await page.route('**/api/tasks/*', async (route) => {
      if (isFirst && route.request().method() === 'PUT') {
        isFirst = false;
        await taskflow.call('PUT', `/api/tasks/${id}`, { description: 'from elsewhere' });
      }
      await route.continue();
    });
    await detail.getByRole('button', { name: 'Priority' }).click();
    await detail.getByRole('radio', { name: 'High' }).check();
    await page.getByText('Both changes were kept.').waitFor();
    const saved = await taskflow.call('GET', `/api/tasks/${id}`);
    assert.deepEqual([saved.priority, saved.description], ['high', 'from elsewhere']);
    await detail.locator('.notes-view').getByText('from elsewhere').waitFor();
  });

  story('two people change the same field: both are shown, and a person decides', async ({ task, taskflow, open, expectErrors }) => {
    expectErrors(/status of 412/);
    const { id } = await task({ title: 'Report' });
    const page = await open();
    const detail = await openTask(page, 'Report');
    const title = detail.getByRole('textbox', { name: 'Title' });
    await title.fill('My report');
    await taskflow.call('PUT', `/api/tasks/${id}`, { title: 'Their report' });
    await row(page, 'Their report').waitFor();
    assert.equal(await title.inputValue(), 'My report', 'nothing is written over while it is typed');
    await title.press('Enter');
    const notice = detail.getByRole('alert');
    await notice.getByText('The title was also changed elsewhere.').waitFor();
    assert.deepEqual(await notice.locator('dd').allTextContents(), ['Their report', 'My report'], 'both versions are there');
    assert.equal(await title.inputValue(), 'Their report');
    assert.equal((await taskflow.call('GET', `/api/tasks/${id}`)).title, 'Their report');
    await notice.getByRole('button', { name: 'Use mine' }).click();
    await row(page, 'My report').waitFor();
    await eventually(async () => assert.equal((await taskflow.call('GET', `/api/tasks/${id}`)).title, 'My report'));
    await eventually(async () => assert.equal(await notice.count(), 0));
  });

  story('a task that somebody else deletes while it is open closes, and it is said', async ({ task, taskflow, open, expectErrors }) => {
    // The pane may be asking for more about it.
    expectErrors(/status of 404/);
    const { id } = await task({ title: 'Short-lived' });
    const page = await open();
    await openTask(page, 'Short-lived');
    await taskflow.call('DELETE', `/api/tasks/${id}`);
    await page.getByText('The task that was open was deleted elsewhere.').waitFor();
    await pane(page).waitFor({ state: 'hidden' });
    await page.getByText('No tasks here').waitFor();
  });

  story('an address of a task that is gone says so', async ({ task, taskflow, open, expectErrors }) => {
    expectErrors(/status of 404/);
    const { id } = await task({ title: 'Gone' });
    await taskflow.call('DELETE', `/api/tasks/${id}`);
    const page = await open({ path: `/#task=${id}` });
    await page.getByText('This task no longer exists').waitFor();
    await pane(page).getByRole('button', { name: 'Close', exact: true }).click();
    await pane(page).waitFor({ state: 'hidden' });
  });

  story('changes made one after the other arrive in their order', async ({ task, taskflow, open }) => {
    const { id } = await task({ title: 'Fast', priority: 'low' });
    const page = await open();
    await row(page, 'Fast').getByRole('button', { name: 'Fast' }).focus();
    for (const key of ['1', '2', '3', '1', '2', '1']) await page.keyboard.press(key);
    await eventually(async () => {
      const { priority, version } = await taskflow.call('GET', `/api/tasks/${id}`);
      assert.deepEqual([priority, version], ['high', 7]);
    });
    await row(page, 'Fast').getByText('high priority').waitFor({ state: 'attached' });
  });

  story('the history tells in words what happened, along the whole chain', async ({ task, taskflow, open }) => {
    const { id } = await task({ title: 'Water the plants', due_date: new Date(Date.now() + DAY).toISOString(), recurrence: 'daily', priority: 'low' });
    await taskflow.call('PUT', `/api/tasks/${id}`, { priority: 'high', tags: ['home'], description: 'Not the cactus.' });
    await taskflow.call('POST', `/api/tasks/${id}/complete`);
    await eventually(async () => assert.equal((await taskflow.call('GET', '/api/tasks?status=pending')).length, 1));
    await eventually(async () => assert.equal((await taskflow.call('GET', `/api/audit?task_id=${id}&chain=true`)).length, 4));
    const page = await open();
    const detail = await openTask(page, 'Water the plants');
    await detail.getByText('History').click();
    await detail.getByText('This one · due').waitFor();
    await detail.getByText('Occurrence 1 · due').waitFor();
    await detail.getByText('priority: low → high').waitFor();
    await detail.getByText('tags: none → home').waitFor();
    await detail.locator('.timeline').getByText('notes', { exact: true }).waitFor();
    assert.deepEqual(await detail.locator('.timeline strong').allTextContents(), ['Created', 'Completed', 'Changed', 'Created']);
    await detail.getByRole('button', { name: 'Open occurrence 1' }).click();
    await eventually(async () => assert.equal(await detail.getByRole('checkbox', { name: /Completed/ }).isChecked(), true));
  });
});
