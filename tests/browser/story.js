// A story of a user: a browser window on a Taskflow without tasks. It fails if the page logs an error that the story did not announce.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { chromium as driver } from 'playwright-core';
import { Taskflow, chromium } from './parts.js';

/** @typedef {import('playwright-core').Page} Page */
/** @typedef {import('playwright-core').BrowserContextOptions} Window */

/** Milliseconds that a story waits for an expected state: far longer than necessary, because the machine may be busy. */
export const PATIENCE = 20_000;
/** Milliseconds that the end of a story waits for answers. Some stories never answer a request. */
const ANSWER_MAX = 5_000;
/** Milliseconds of a whole story. */
const STORY_MAX = 120_000;

/** The windows that most views are looked at in. */
export const DESKTOP = Object.freeze({ viewport: { width: 1440, height: 900 } });
export const PHONE = Object.freeze({ viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true });

/** A browser in Berlin, in British English. */
const HOME = Object.freeze({ timezoneId: 'Europe/Berlin', locale: 'en-GB' });

/** The tools of a story. */
export class Stage {
  /** @type {string[]} */
  #errors = [];
  /** @type {RegExp[]} */
  #announced = [];
  /** @type {import('playwright-core').BrowserContext[]} */
  #contexts = [];
  /** Changes that its windows have sent, until they are answered. @type {Set<import('playwright-core').Request>} */
  #sent = new Set();

  /** @param {Taskflow} taskflow @param {import('playwright-core').Browser} browser */
  constructor(taskflow, browser) {
    this.taskflow = taskflow;
    this.browser = browser;
  }

  /** Announces errors in the browser's log, such as those of an unavailable server. @param {...RegExp} patterns */
  expectErrors = (...patterns) => void this.#announced.push(...patterns);

  /**
   * Opens the page in a new browser.
   *
   * Only stories about the service worker start it, because stories cannot replace its responses.
   *
   * @param {Window & { path?: string, ready?: boolean, init?: () => void, desktop?: import('./notifications.js').Desktop }} [options]
   *   `ready: false` does not wait for the list. With `desktop`, the browser shows its notifications there
   */
  open = async ({ path = '/', ready = true, init, desktop, ...window } = {}) => {
    /** @type {Window} */
    const options = { ...HOME, ...DESKTOP, serviceWorkers: 'block', ...window };
    const env = /** @type {Record<string, string>} */ ({ ...process.env, ...desktop?.env });
    // Chromium only receives clicks on a profile's notifications, and the windows of one browser have no profile.
    const context = desktop ? await driver.launchPersistentContext('', { executablePath: chromium(), env, ...options }) : await this.browser.newContext(options);
    this.#contexts.push(context);
    context.on('request', (request) => void (request.method() !== 'GET' && this.#sent.add(request)));
    context.on('requestfinished', (request) => void this.#sent.delete(request));
    context.on('requestfailed', (request) => void this.#sent.delete(request));
    if (init) await context.addInitScript(init);
    return this.tab(context, path, ready);
  };

  /** Opens another window of the same browser. @param {import('playwright-core').BrowserContext} context */
  tab = async (context, path = '/', ready = true) => {
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE);
    page.on('console', (message) => {
      const isOurs = !message.text().includes('registration blocked by Playwright');
      if (isOurs && (message.type() === 'error' || message.type() === 'warning')) this.#errors.push(message.text());
    });
    // The browser's own errors, such as a module that did not load, have no stack.
    page.on('pageerror', (error) => this.#errors.push(error.stack || String(error)));
    await page.goto(this.taskflow.url + path);
    if (ready) await isReady(page);
    return page;
  };

  /** Creates a task through the API. @param {Record<string, unknown>} task @returns {Promise<any>} */
  task = (task) => this.taskflow.call('POST', '/api/tasks', { time_zone: 'Europe/Berlin', ...task });

  /**
   * Closes its windows. Waits for the answers to their changes first, because the service continues to process them and could create a task
   * in the next story.
   */
  async end() {
    const end = Date.now() + ANSWER_MAX;
    while (this.#sent.size > 0 && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 25));
    for (const context of this.#contexts) await context.close();
  }

  /** Reports what its windows show and what the service knows, after a failure. */
  async tell() {
    for (const page of this.#contexts.flatMap((context) => context.pages())) {
      const shown = await page.locator('body').innerText({ timeout: 2000 }).catch(String);
      console.error(`# ${page.url()} shows: ${shown.replace(/\s+/g, ' ')}`);
    }
    const tasks = await this.taskflow.call('GET', '/api/tasks').catch(String);
    console.error(`# the service has: ${JSON.stringify(tasks)}`);
  }

  /** Fails if the browser logged an unannounced error. */
  checkLog() {
    const errors = this.#errors.filter((error) => !this.#announced.some((pattern) => pattern.test(error)));
    assert.deepEqual(errors, [], 'the browser logged errors');
  }
}

/** Waits until the list is loaded and live updates are connected. @param {Page} page */
export async function isReady(page) {
  await page.locator('task-list:not([data-first]) .rows:not([inert])').waitFor({ state: 'attached' });
  await page.locator('connection-state[data-state="live"]').waitFor();
}

/**
 * Repeats an assertion until it holds. Its last failure fails the story.
 *
 * @param {() => Promise<void> | void} check
 */
export async function eventually(check) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
}

/** The row of a task in the list. @param {Page} page @param {string} title */
export const row = (page, title) => page.locator('.task[data-id]').filter({ has: page.getByRole('button', { name: title, exact: true }) });

/** The titles in the list, from the top. @param {Page} page */
export const titles = (page) => page.locator('.task[data-id] .title').allTextContents();

/** @param {Page} page @param {string[]} expected */
export const showsTitles = (page, expected) => eventually(async () => assert.deepEqual(await titles(page), expected));

/** The pane of the open task. @param {Page} page */
export const pane = (page) => page.locator('task-detail');

/** Opens a task from the list. @param {Page} page @param {string} title */
export async function openTask(page, title) {
  await page.getByRole('button', { name: title, exact: true }).click();
  await pane(page).getByRole('textbox', { name: 'Title' }).waitFor();
  return pane(page);
}

/**
 * Stories on one Taskflow.
 *
 * @param {string} name
 * @param {Record<string, string>} settings of the Taskflow
 * @param {(story: (name: string, act: (stage: Stage) => Promise<void>) => void) => void} tell
 */
export function stories(name, settings, tell) {
  describe(name, () => {
    /** @type {Taskflow} */
    let taskflow;
    /** @type {import('playwright-core').Browser} */
    let browser;
    before(async () => {
      browser = await driver.launch({ executablePath: chromium() });
      taskflow = await Taskflow.start(settings);
    });
    after(async () => {
      await browser?.close();
      await taskflow?.remove();
    });
    tell((title, act) =>
      it(title, { timeout: STORY_MAX }, async () => {
        await clear(taskflow);
        const stage = new Stage(taskflow, browser);
        try {
          await act(stage);
          stage.checkLog();
        } catch (error) {
          await stage.tell();
          throw error;
        } finally {
          await stage.end();
        }
      }),
    );
  });
}

/** Removes the tasks of the previous story, and those that its events still create, such as a next occurrence. @param {Taskflow} taskflow */
async function clear(taskflow) {
  for (;;) {
    const isQuiet = /outbox_depth 0$/m.test(await taskflow.call('GET', '/metrics'));
    const tasks = await taskflow.call('GET', '/api/tasks?limit=500');
    if (tasks.length === 0 && isQuiet) return;
    for (const { id } of tasks) await taskflow.call('DELETE', `/api/tasks/${id}`).catch(() => {});
  }
}
