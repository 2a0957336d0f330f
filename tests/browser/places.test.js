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
    await other.getByRole('button', { name: 'Remove the list Urgent' }).click();
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
