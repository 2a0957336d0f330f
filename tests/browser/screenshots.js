// Takes the pictures in docs/screenshots: each main view, light and dark, on a desktop and on a phone, with everyday tasks at 9:40 in the morning.
// `just screenshots`.

import { mkdir, rm, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { chromium as driver } from 'playwright-core';
import { settled } from './measure.js';
import { Taskflow, chromium } from './parts.js';
import { everydayLife } from './seed.js';
import { isReady, openTask, row } from './story.js';

/** @typedef {import('playwright-core').Page} Page */

const HOME = fileURLToPath(new URL('../../docs/screenshots/', import.meta.url));
const ZONE = 'Europe/Berlin';
/** Maximum number of bytes of a picture, because a repository keeps all versions. */
const BYTES_MAX = 200 * 1024;

const WINDOWS = {
  desktop: { viewport: { width: 1280, height: 800 } },
  phone: { viewport: { width: 390, height: 780 }, isMobile: true, hasTouch: true },
};

/** How to open the view of each picture from the list. @type {Record<string, (page: Page) => Promise<unknown>>} */
const VIEWS = {
  list: (page) => row(page, 'Pay the rent').waitFor(),
  task: async (page) => {
    const detail = await openTask(page, 'Lunch with friends');
    await detail.getByRole('button', { name: 'Repeats' }).click();
    await detail.getByText('It repeats').waitFor();
  },
  assistant: async (page) => {
    const chat = page.locator('#chat');
    if (!(await chat.isVisible())) await page.getByRole('button', { name: 'Assistant', exact: true }).click();
    await chat.getByLabel('Message to the assistant').fill('Show tasks tagged travel');
    await chat.getByLabel('Message to the assistant').press('Enter');
    await chat.getByRole('button', { name: 'Open Renew the passport' }).waitFor();
    await chat.getByLabel('Message to the assistant').fill('Remind me 2 hours before the piano lesson');
  },
  'quick-add': async (page) => {
    await page.getByRole('textbox', { name: 'New task' }).fill('Call Mira on Saturday at 10 every 2 weeks #family !high');
    await page.locator('.understood .of-repeats').waitFor();
  },
};

// The seed counts days on this process's clock. The page's clock shows tomorrow, whose reminders the service accepts at any hour.
process.env.TZ = ZONE;
const now = new Date();
now.setDate(now.getDate() + 1);
now.setHours(9, 40, 0, 0);

const browser = await driver.launch({ executablePath: chromium() });
const taskflow = await Taskflow.start({ TASKFLOW_TIME_ZONE: ZONE });
try {
  await everydayLife(taskflow, now);
  await settled(taskflow);
  await rm(HOME, { recursive: true, force: true });
  await mkdir(HOME, { recursive: true });
  for (const [size, window] of Object.entries(WINDOWS)) {
    for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
      for (const [view, enter] of Object.entries(VIEWS)) {
        const context = await browser.newContext({ ...window, colorScheme, timezoneId: ZONE, locale: 'en-GB', reducedMotion: 'reduce' });
        const page = await context.newPage();
        await page.clock.setFixedTime(now);
        await page.goto(taskflow.url);
        await isReady(page);
        await enter(page);
        await page.waitForLoadState('networkidle');
        const path = `${HOME}${view}-${size}-${colorScheme}.png`;
        await page.screenshot({ path, caret: 'hide' });
        await context.close();
        const { size: bytes } = await stat(path);
        if (bytes > BYTES_MAX) throw new Error(`${path} has ${bytes} bytes; ${BYTES_MAX} are allowed`);
      }
    }
  }
} finally {
  await browser.close();
  await taskflow.remove();
}
