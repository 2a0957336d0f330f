// Measures the page's response times in a real Chromium on the same machine as the service, and prints them as Markdown with the environment.
// `just bench-page`.

import { execFileSync } from 'node:child_process';
import { get } from 'node:http';
import { cpus, loadavg } from 'node:os';
import { chromium as driver } from 'playwright-core';
import { manyTasks, percentile, press, visit, watchPaints } from './measure.js';
import { Taskflow, chromium } from './parts.js';
import { DESKTOP, isReady } from './story.js';

const TASKS = 10_000;
/** First visits, each with an empty cache. */
const VISITS = 20;
/** Search texts, typed key by key. */
const SEARCHES = ['photograph', 'marathon', 'bread', 'invoice', 'window repair'];
/** Milliseconds until a new browser window is ready. It loads about eighty files of its own, on the same cores. */
const OPENED = 1_500;
/** Number of changes made elsewhere. */
const UPDATES = 50;

/** @typedef {import('playwright-core').Browser} Browser */

/** Opens a window with an empty cache. @param {Browser} browser */
async function window(browser) {
  const context = await browser.newContext(DESKTOP);
  await context.addInitScript(watchPaints);
  const page = await context.newPage();
  await page.waitForTimeout(OPENED);
  return { page, close: () => context.close() };
}

/** @param {Browser} browser @param {Taskflow} taskflow */
async function paints(browser, taskflow) {
  const waits = [];
  for (let number = 0; number < VISITS; number += 1) {
    const { page, close } = await window(browser);
    waits.push(await visit(page, taskflow.url));
    await close();
  }
  return waits;
}

/** Returns the bytes of a first visit without API responses, including headers. @param {Browser} browser @param {Taskflow} taskflow */
async function weight(browser, taskflow) {
  const { page, close } = await window(browser);
  const session = await page.context().newCDPSession(page);
  await session.send('Network.enable');
  /** @type {Set<string>} */
  const files = new Set();
  let bytes = 0;
  session.on('Network.requestWillBeSent', ({ requestId, request }) => {
    if (!new URL(request.url).pathname.startsWith('/api/')) files.add(requestId);
  });
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    if (files.has(requestId)) bytes += encodedDataLength;
  });
  await page.goto(taskflow.url);
  await isReady(page);
  await page.getByText('Use your own words').waitFor();
  await page.waitForLoadState('networkidle');
  await close();
  return bytes;
}

/** Returns the bytes of everything that the worker caches, including headers. @param {Taskflow} taskflow */
async function everything(taskflow) {
  const worker = await (await fetch(`${taskflow.url}/sw.js`)).text();
  const files = Object.keys(JSON.parse((/const FILES = (\{.*?\});/.exec(worker)?.[1] ?? '{}').replace(',}', '}')));
  const size = (/** @type {string} */ path) =>
    new Promise((resolve, reject) => {
      get(taskflow.url + path, { headers: { 'accept-encoding': 'br' } }, (response) => {
        let bytes = response.rawHeaders.reduce((sum, part) => sum + part.length + 2, 0);
        response.on('data', (chunk) => {
          bytes += chunk.length;
        });
        response.on('end', () => resolve(bytes));
      }).on('error', reject);
    });
  const sizes = await Promise.all([...files, '/sw.js'].map(size));
  return sizes.reduce((sum, bytes) => sum + Number(bytes), 0);
}

/** Later visits while the service is stopped: time to the first tasks painted, and the layout shift. @param {Browser} browser @param {Taskflow} taskflow */
async function asleep(browser, taskflow) {
  const { page, close } = await window(browser);
  await visit(page, taskflow.url);
  await isReady(page);
  await page.waitForFunction(() => navigator.serviceWorker.controller?.state === 'activated');
  await page.waitForTimeout(OPENED);
  await taskflow.down();
  const waits = [];
  const shifts = [];
  for (let number = 0; number < VISITS; number += 1) {
    waits.push(await visit(page, taskflow.url));
    await page.waitForTimeout(OPENED / 3);
    shifts.push(await page.evaluate(slide));
  }
  await close();
  await taskflow.up();
  return { waits, shifts };
}

/** The layout shift without user input (Layout Instability). Runs in the page. @returns {Promise<number>} */
const slide = () =>
  new Promise((resolve) => {
    new PerformanceObserver((list) => resolve(list.getEntries().filter((entry) => !Reflect.get(entry, 'hadRecentInput')).reduce((sum, entry) => sum + Reflect.get(entry, 'value'), 0))).observe({ type: 'layout-shift', buffered: true });
    // There was no shift.
    setTimeout(() => resolve(0), 100);
  });

/** @param {Browser} browser @param {Taskflow} taskflow */
async function slides(browser, taskflow) {
  const { page, close } = await window(browser);
  await visit(page, taskflow.url);
  await isReady(page);
  await page.waitForLoadState('networkidle');
  const slid = await page.evaluate(slide);
  await close();
  return slid;
}

/** @param {Browser} browser @param {Taskflow} taskflow */
async function keys(browser, taskflow) {
  const { page, close } = await window(browser);
  await visit(page, taskflow.url);
  await isReady(page);
  const searched = [];
  const done = [];
  await page.keyboard.press('/');
  for (const words of SEARCHES) {
    for (const key of words) {
      const wait = await press(page, key);
      if (wait !== null) searched.push(wait);
    }
    await page.getByLabel('Search tasks').fill('');
    await page.locator('#count', { hasText: /^10,\d{3} / }).waitFor();
  }
  await page.getByRole('link', { name: 'Skip to the tasks' }).press('Enter');
  for (const key of ['1', '3', '1', '3', '1', '3', '1', '3', '1', '3']) {
    const wait = await press(page, key);
    if (wait !== null) done.push(wait);
  }
  const rows = await page.locator('.task').count();
  await close();
  return { searched, done, rows };
}

/** Time from the call that changes a task to its row painted in another window. @param {Browser} browser @param {Taskflow} taskflow */
async function updates(browser, taskflow) {
  const { page, close } = await window(browser);
  await visit(page, taskflow.url);
  await isReady(page);
  const id = await page.locator('.task[data-id]').first().getAttribute('data-id');
  const waits = [];
  for (let number = 0; number < UPDATES; number += 1) {
    const title = `Changed elsewhere ${number}`;
    const painted = page.evaluate(
      (words) =>
        new Promise((resolve) => {
          const look = () => {
            if (![...document.querySelectorAll('.title')].some(({ textContent }) => textContent === words)) return;
            observer.disconnect();
            requestAnimationFrame(() => setTimeout(() => resolve(performance.timeOrigin + performance.now())));
          };
          const observer = new MutationObserver(look);
          observer.observe(document.body, { childList: true, characterData: true, subtree: true });
          // The change may arrive before the check starts.
          look();
        }),
      title,
    );
    const start = performance.timeOrigin + performance.now();
    const [end] = await Promise.all([painted, taskflow.call('PUT', `/api/tasks/${id}`, { title })]);
    waits.push(Number(end) - start);
  }
  await close();
  return waits;
}

const ms = (/** @type {number} */ value) => value.toFixed(0);
const both = (/** @type {number[]} */ samples) => `${ms(percentile(samples, 0.5))} / ${ms(Math.max(...samples))} ms`;
const loads = [loadavg()[0] ?? 0];

const browser = await driver.launch({ executablePath: chromium() });
const taskflow = await Taskflow.start();
try {
  await manyTasks(taskflow, TASKS);
  loads.push(loadavg()[0] ?? 0);
  const bytes = await weight(browser, taskflow);
  const visits = await paints(browser, taskflow);
  const { searched, done, rows } = await keys(browser, taskflow);
  const elsewhere = await updates(browser, taskflow);
  const whole = await everything(taskflow);
  const slid = await slides(browser, taskflow);
  const { waits: later, shifts } = await asleep(browser, taskflow);
  loads.push(loadavg()[0] ?? 0);
  const version = execFileSync(chromium(), ['--version']).toString().trim().split(' ').slice(0, 2).join(' ');
  console.log(`${version}, ${cpus().length} cores (${cpus()[0]?.model}), service and browser on the same machine, ${process.env.TASKFLOW ?? 'release build'}, load ${loads.map((load) => load.toFixed(1)).join(', ')} before, between and after.

| figure | measured | aim |
|---|---|---|
| the page: first visit, all files with their headers, assistant included | ${(bytes / 1024).toFixed(1)} KB | – |
| the page: everything that it keeps for a visit without a network, with headers | ${(whole / 1024).toFixed(1)} KB | 95 KB |
| the page: from the beginning of a later visit to tasks painted, the service stopped, p50 / worst of ${VISITS} | ${both(later)} | 100 ms |
| the page: layout shift of a first visit / worst of the later ones | ${slid.toFixed(3)} / ${Math.max(...shifts).toFixed(3)} | 0.02 |
| the page: from the visit's beginning to tasks painted at ${TASKS.toLocaleString('en')} tasks, nothing kept, p50 / worst of ${VISITS} | ${both(visits)} | 200 ms |
| the page: a key in the search to results painted at ${TASKS.toLocaleString('en')} tasks, p50 / worst of the ${searched.length} of ${SEARCHES.join('').length} keys that change what is seen | ${both(searched)} | 100 ms |
| the page: a key that changes a task to the change painted, p50 / worst of ${done.length} | ${both(done)} | 100 ms |
| the page: a change elsewhere, its call included, to the row painted, p50 / worst of ${elsewhere.length} | ${both(elsewhere)} | – |
| the page: rows in the document at ${TASKS.toLocaleString('en')} tasks | ${rows} | – |`);
} finally {
  await browser.close();
  await taskflow.remove();
}
