// Places: which tasks each shows, how to get there, and what belongs to a day.

import assert from 'node:assert/strict';
import { PHONE, eventually, isReady, openTask, row, showsTitles, stories, titles } from './story.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Returns the date in Berlin this many days from today. @param {number} days */
const berlinDay = (days) => new Date(Date.now() + days * DAY).toLocaleDateString('sv-SE', { timeZone: 'Europe/Berlin' });

stories('places', {}, (story) => {
  story('the rail lists the places and the tags, with their counts', async ({ task, open }) => {
    await task({ title: 'Loose' });
    await task({ title: 'Late', due_date: berlinDay(-2) });
    await task({ title: 'Now', due_date: berlinDay(0), tags: ['home'] });
    await task({ title: 'Later', due_date: berlinDay(3), tags: ['work'] });
    const page = await open();
    const rail = page.getByRole('navigation', { name: 'Places' });
    await rail.getByRole('link', { name: 'Today 2' }).click();
    await showsTitles(page, ['Late', 'Now']);
    assert.equal(await page.getByRole('heading', { level: 2, name: 'Today' }).isVisible(), true);
    assert.equal(await rail.getByRole('link', { name: 'Today 2' }).getAttribute('aria-current'), 'page');
    await rail.getByRole('link', { name: 'Inbox 2' }).click();
    await showsTitles(page, ['Late', 'Loose']);
    await rail.getByRole('link', { name: 'Upcoming' }).click();
    await showsTitles(page, ['Now', 'Later']);
    await rail.getByRole('link', { name: 'work 1' }).click();
    await showsTitles(page, ['Later']);
    await page.goBack();
    await showsTitles(page, ['Now', 'Later']);
    await page.reload();
    await isReady(page);
    await showsTitles(page, ['Now', 'Later']);
  });

  story('the keys g t, g u and g i lead there', async ({ task, open }) => {
    await task({ title: 'Loose' });
    await task({ title: 'Now', due_date: berlinDay(0), tags: ['home'] });
    const page = await open();
    await row(page, 'Now').getByRole('button', { name: 'Now', exact: true }).focus();
    for (const [key, name, shown] of /** @type {const} */ ([['t', 'Today', ['Now']], ['i', 'Inbox', ['Loose']], ['u', 'Upcoming', ['Now']]])) {
      await page.keyboard.press('g');
      await page.keyboard.press(key);
      await page.getByRole('heading', { level: 2, name }).waitFor();
      await showsTitles(page, [...shown]);
      assert.equal(await page.getByRole('dialog').count(), 0, 'the second key is no command of its own');
    }
  });

  story('a task that is added in a list belongs to it', async ({ task, taskflow, open }) => {
    await task({ title: 'There', tags: ['home'] });
    const page = await open();
    await page.getByRole('link', { name: /^home/ }).click();
    await page.getByRole('textbox', { name: 'New task' }).fill('Water the plants');
    await page.keyboard.press('Enter');
    await eventually(async () => assert.deepEqual((await titles(page)).sort(), ['There', 'Water the plants']));
    await page.getByRole('link', { name: /^Today/ }).click();
    await page.getByRole('textbox', { name: 'New task' }).fill('Buy bread');
    await page.keyboard.press('Enter');
    await showsTitles(page, ['Buy bread']);
    await eventually(async () => {
      const all = await taskflow.call('GET', '/api/tasks?sort_by=title&order=asc');
      assert.deepEqual(all.map((/** @type {any} */ own) => [own.title, own.tags, own.due_day]), [['Buy bread', [], berlinDay(0)], ['There', ['home'], null], ['Water the plants', ['home'], null]]);
    });
  });

  story('a search says where it looks, and can look everywhere', async ({ task, taskflow, open }) => {
    await task({ title: 'Find the passport' });
    const done = await task({ title: 'Renew the passport' });
    await taskflow.call('POST', `/api/tasks/${done.id}/complete`);
    const page = await open({ path: '/#place=today' });
    await page.getByLabel('Search tasks').fill('passport');
    await page.getByRole('heading', { level: 2, name: 'Search in Today' }).waitFor();
    await page.getByText('Nothing matches').waitFor();
    assert.equal(await page.title(), 'Search in Today · Taskflow');
    await page.getByRole('button', { name: 'Search everything' }).click();
    await eventually(async () => assert.deepEqual((await titles(page)).sort(), ['Find the passport', 'Renew the passport']));
    await page.getByRole('heading', { level: 2, name: 'Search', exact: true }).waitFor();
    await page.getByRole('button', { name: 'Search everything' }).waitFor({ state: 'hidden' });
  });

  story('an added task that the place does not show is told with a way to it', async ({ open }) => {
    const page = await open({ path: '/#place=upcoming' });
    const line = page.getByRole('textbox', { name: 'New task' });
    await line.fill('Read a book');
    await line.press('Enter');
    await page.getByText('Added “Read a book”. The current list does not show it.').waitFor();
    await page.getByRole('button', { name: 'Show all' }).click();
    await showsTitles(page, ['Read a book']);
    await line.fill('Buy bread');
    await line.press('Enter');
    await page.getByText('Added “Buy bread”.', { exact: true }).waitFor();
  });

  story('Upcoming has a heading for each day of two weeks, then for each week', async ({ task, open }) => {
    for (const days of [0, 1, 4, 40]) await task({ title: `In ${days}`, due_date: berlinDay(days) });
    const page = await open({ path: '/#place=upcoming' });
    await showsTitles(page, ['In 0', 'In 1', 'In 4', 'In 40']);
    const groups = await page.locator('h3.group:visible').allTextContents();
    assert.match(groups[0] ?? '', /^Today · /);
    assert.match(groups[1] ?? '', /^Tomorrow · /);
    assert.match(groups[2] ?? '', /^\w{3}, ?\d|^\w{3} \d/);
    assert.match(groups[3] ?? '', / – /);
  });

  story('the heading of what is seen stays in sight', async ({ taskflow, open }) => {
    await Promise.all(Array.from({ length: 30 }, (_, at) => taskflow.call('POST', '/api/tasks', { title: `Task ${at}`, due_date: berlinDay(1), time_zone: 'Europe/Berlin' })));
    const page = await open();
    await row(page, 'Task 0').waitFor();
    await page.locator('.scroller').evaluate((scroller) => scroller.scrollTo(0, 400));
    await page.locator('.stuck').getByText('Tomorrow').waitFor();
  });

  story('a row that is dropped on a day moves there and keeps its time', async ({ task, taskflow, open }) => {
    const { id } = await task({ title: 'Call', due_date: `${berlinDay(1)}T14:00:00Z` });
    await task({ title: 'Lunch', due_date: berlinDay(3) });
    const page = await open({ path: '/#place=upcoming' });
    await row(page, 'Lunch').waitFor();
    await row(page, 'Call').locator('.row').dragTo(row(page, 'Lunch').locator('.row'));
    await eventually(async () => assert.equal((await taskflow.call('GET', `/api/tasks/${id}`)).due_date, `${berlinDay(3)}T14:00:00.000000Z`));
  });

  story('all selected tasks are dropped together, and a tag named like a place is a tag', async ({ task, taskflow, open }) => {
    for (const title of ['A', 'B']) await task({ title });
    await task({ title: 'C', tags: ['today'] });
    const page = await open({ path: '/#sort=title' });
    await showsTitles(page, ['A', 'B', 'C']);
    await row(page, 'A').getByRole('button', { name: 'A', exact: true }).focus();
    await page.keyboard.press('Shift+ArrowDown');
    await page.getByText('2 selected').waitFor();
    await row(page, 'B').locator('.row').dragTo(page.getByRole('link', { name: /^today/ }).last());
    await eventually(async () => {
      const all = await taskflow.call('GET', '/api/tasks?sort_by=title&order=asc');
      assert.deepEqual(all.map((/** @type {any} */ own) => [own.tags, own.due_day]), [[['today'], null], [['today'], null], [['today'], null]]);
    });
  });

  story('a list is saved under a name, in every browser of its user', async ({ task, open, taskflow }) => {
    await task({ title: 'A', priority: 'high' });
    await task({ title: 'B' });
    const page = await open();
    await page.locator('filter-bar').getByLabel('Priority').selectOption('High');
    await showsTitles(page, ['A']);
    await page.getByRole('button', { name: 'Save list' }).click();
    await page.getByLabel('Name of the list').fill('Urgent');
    await page.getByLabel('Name of the list').press('Enter');
    await page.getByRole('heading', { level: 2, name: 'Urgent' }).waitFor();
    await eventually(async () => assert.deepEqual((await taskflow.call('GET', '/api/preferences')).filters, [{ name: 'Urgent', query: 'priority=high' }]));
    const other = await open();
    await other.getByRole('link', { name: 'Urgent' }).click();
    await showsTitles(other, ['A']);
    const saved = async () => ((await taskflow.call('GET', '/api/preferences')).filters ?? []).map((/** @type {any} */ own) => own.name);
    await page.locator('filter-bar').getByLabel('Priority').selectOption('Low');
    await other.locator('filter-bar').getByLabel('Priority').selectOption('Medium');
    for (const [window, name] of /** @type {const} */ ([[page, 'Later'], [other, 'Normal']])) {
      await window.getByRole('button', { name: 'Save list' }).click();
      await window.getByLabel('Name of the list').fill(name);
      await window.getByLabel('Name of the list').press('Enter');
      await eventually(async () => assert.ok((await saved()).includes(name)));
    }
    assert.deepEqual(await saved(), ['Urgent', 'Later', 'Normal'], 'no window drops the list of another one');
    await other.getByRole('button', { name: 'Remove the list Later' }).click();
    await eventually(async () => assert.deepEqual(await saved(), ['Urgent', 'Normal']));
    await eventually(async () => assert.equal(await other.evaluate(() => document.activeElement?.ariaLabel ?? document.activeElement?.getAttribute('href')), 'Remove the list Normal'));
    await other.getByRole('button', { name: 'Undo' }).click();
    await eventually(async () => assert.deepEqual(await saved(), ['Urgent', 'Later', 'Normal']));
    for (const name of ['Urgent', 'Later', 'Normal']) await other.getByRole('button', { name: `Remove the list ${name}` }).click();
    await eventually(async () => assert.equal((await taskflow.call('GET', '/api/preferences')).filters, undefined));
  });

  story('on a phone the rail is a drawer', async ({ task, open }) => {
    await task({ title: 'Now', due_date: berlinDay(0) });
    await task({ title: 'Loose' });
    const page = await open(PHONE);
    assert.equal(await page.getByRole('link', { name: /^Today/ }).isVisible(), false);
    await page.getByRole('button', { name: 'Places' }).tap();
    await page.getByRole('link', { name: /^Today/ }).tap();
    await showsTitles(page, ['Now']);
    await page.getByRole('link', { name: /^Today/ }).waitFor({ state: 'hidden' });
  });

  story('dates and hours are as in the browser’s country, in English, unless a person chooses otherwise', async ({ task, open }) => {
    await task({ title: 'Fly', due_date: '2031-07-01T13:05:00Z' });
    const words = async (/** @type {string} */ locale) => {
      const page = await open({ locale });
      await openTask(page, 'Fly');
      const text = (await page.locator('task-detail .property').first().getAttribute('title')) ?? '';
      await page.locator('task-detail').getByRole('button', { name: /^Due/ }).click();
      const first = await page.getByRole('grid').locator('th').first().getAttribute('aria-label');
      return [text, first];
    };
    const [german, monday] = await words('de-DE');
    assert.match(german ?? '', /Tuesday,? 1 July 2031.*15:05/);
    assert.equal(monday, 'Mon');
    const [american, sunday] = await words('en-US');
    assert.match(american ?? '', /Tuesday, July 1, 2031.*3:05\sPM/);
    assert.equal(sunday, 'Sun');
    const page = await open({ locale: 'en-US' });
    await page.getByRole('button', { name: 'Settings and keys' }).click();
    await page.getByLabel('Hours').selectOption('15:30');
    await page.getByLabel('The week starts on').selectOption('Monday');
    await page.getByRole('button', { name: 'Done', exact: true }).click();
    await openTask(page, 'Fly');
    assert.match((await page.locator('task-detail .property').first().getAttribute('title')) ?? '', /15:05/);
  });
});
