// Ten thousand tasks: the page stays as fast as with ten.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { chromium as driver } from 'playwright-core';
import { manyTasks, percentile, press, watchPaints } from './measure.js';
import { Taskflow, chromium } from './parts.js';
import { Stage, eventually, openTask, row } from './story.js';

const TASKS = 10_000;
/** Maximum number of rows in the document, whatever the list's length. */
const ROWS_MAX = 80;
/** Milliseconds after a key press that any user would notice as lag. docs/figures.md has measurements of `just bench-page`. */
const LAG = 1_000;

describe('ten thousand tasks', { timeout: 600_000 }, () => {
  /** @type {Taskflow} */
  let taskflow;
  /** @type {import('playwright-core').Browser} */
  let browser;
  before(async () => {
    browser = await driver.launch({ executablePath: chromium() });
    taskflow = await Taskflow.start();
    await manyTasks(taskflow, TASKS);
  });
  after(async () => {
    await browser?.close();
    await taskflow?.remove();
  });

  /** @param {(page: import('playwright-core').Page, stage: Stage) => Promise<void>} act */
  const onPage = (act) => async () => {
    const stage = new Stage(taskflow, browser);
    try {
      const page = await stage.open({ init: watchPaints });
      await act(page, stage);
      stage.checkLog();
    } finally {
      await stage.end();
    }
  };

  it('all are counted, and only those in sight are in the document', onPage(async (page) => {
    assert.equal(await page.locator('#count').textContent(), `${TASKS.toLocaleString('en-GB')} tasks`);
    assert.ok((await page.locator('.task').count()) <= ROWS_MAX);
  }));

  it('every place can be scrolled to, and the rows there are loaded', onPage(async (page) => {
    const scroller = page.locator('.scroller');
    for (const share of [0.5, 0.9, 0.1, 1, 0]) {
      await scroller.evaluate((element, to) => element.scrollTo(0, element.scrollHeight * to), share);
      await eventually(async () => {
        const [loaded, all] = await page.evaluate(() => [document.querySelectorAll('.task[data-id]:not(.waiting)').length, document.querySelectorAll('.task').length]);
        assert.equal(loaded, all);
        const index = await page.locator('.task').evaluateAll((rows) => rows.map((one) => Number(one.getAttribute('aria-posinset'))));
        assert.ok(Math.min(...index) <= Math.max(1, share * TASKS) && Math.max(...index) >= share * TASKS - ROWS_MAX, `${share}: ${index}`);
        assert.ok(all <= ROWS_MAX);
      });
    }
  }));

  it('the keys lead from the first to the last and back, and the focus is never lost', onPage(async (page) => {
    await page.getByRole('link', { name: 'Skip to the tasks' }).press('Enter');
    const place = () => page.evaluate(() => Number(document.activeElement?.closest('.task')?.getAttribute('aria-posinset')));
    await page.keyboard.press('End');
    await eventually(async () => assert.equal(await place(), TASKS));
    await eventually(async () => assert.equal(await page.evaluate(() => document.activeElement?.closest('.task')?.classList.contains('waiting')), false));
    await page.keyboard.press('ArrowUp');
    await eventually(async () => assert.equal(await place(), TASKS - 1));
    await page.keyboard.press('Home');
    await eventually(async () => assert.equal(await place(), 1));
    // The row with the focus stays in the document, although it is out of sight.
    await page.locator('.scroller').evaluate((element) => element.scrollTo(0, element.scrollHeight / 2));
    await eventually(async () => assert.ok((await page.locator('.task').count()) > 10));
    assert.equal(await place(), 1);
    await page.keyboard.press('ArrowDown');
    await eventually(async () => assert.equal(await place(), 2));
  }));

  it('each key of a search is answered before the next one', onPage(async (page) => {
    await page.keyboard.press('/');
    const waits = [];
    for (const word of ['marathon', 'photograph', 'bread 42']) {
      for (const key of word) {
        const wait = await press(page, key);
        if (wait !== null) waits.push(wait);
      }
      await eventually(async () => {
        const found = await taskflow.call('POST', '/api/tasks/search', { query: word, filters: { status: 'pending' } });
        assert.equal(await page.locator('#count').textContent(), `${found.total_count.toLocaleString('en-GB')} task${found.total_count === 1 ? '' : 's'}`);
      });
      await page.getByLabel('Search tasks').fill('');
      await eventually(async () => assert.match((await page.locator('#count').textContent()) ?? '', /^10,000/));
    }
    assert.ok(waits.length >= 10, `${waits}`);
    console.log(`# key to results painted, at ${TASKS} tasks: p50 ${percentile(waits, 0.5).toFixed(0)} ms, worst ${Math.max(...waits).toFixed(0)} ms, ${waits.length} keys`);
    assert.ok(percentile(waits, 0.5) < LAG);
  }));

  it('a task among them is opened, changed and completed as ever', onPage(async (page) => {
    await page.getByLabel('Search tasks').fill('piano 777');
    await page.getByLabel('Search tasks').fill('');
    const title = (await page.locator('.task[data-id] .title').first().textContent()) ?? '';
    const detail = await openTask(page, title);
    await detail.getByRole('textbox', { name: 'Title' }).fill('Changed among many');
    await detail.getByRole('textbox', { name: 'Title' }).press('Enter');
    await row(page, 'Changed among many').waitFor();
    await page.getByRole('checkbox', { name: 'Completed: Changed among many' }).first().click();
    await eventually(async () => assert.match((await page.locator('#count').textContent()) ?? '', /^9,999/));
    await page.getByRole('button', { name: 'Undo' }).click();
    await eventually(async () => assert.match((await page.locator('#count').textContent()) ?? '', /^10,000/));
  }));
});
