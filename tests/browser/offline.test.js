// Without the service and without a network: the page opens, accepts changes, and loses nothing that was typed.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium as driver } from 'playwright-core';
import { chromium } from './parts.js';
import { DESKTOP, PHONE, eventually, isReady, openTask, pane, row, showsTitles, stories, titles } from './story.js';

/** What a browser logs if the service is unavailable. */
const AWAY = [/WebSocket connection to .* failed/, /net::ERR_/, /status of 4\d\d/];

/** Waits until the worker has cached all files of the page. @param {import('./story.js').Page} page */
const isKept = (page) => eventually(async () => assert.equal(await page.evaluate(() => navigator.serviceWorker.controller?.state), 'activated'));

/**
 * Returns the content of one of the browser's stores; empty before the page has created it.
 *
 * @param {import('./story.js').Page} page
 * @param {string} name
 * @returns {Promise<any[]>}
 */
const inStore = (page, name) =>
  page.evaluate(async (store) => {
    // Opening a missing database would create it.
    if (!(await indexedDB.databases()).some((database) => database.name === 'taskflow')) return [];
    return new Promise((resolve, reject) => {
      const opening = indexedDB.open('taskflow');
      opening.onerror = () => reject(opening.error);
      opening.onsuccess = () => {
        const all = opening.result.transaction(store).objectStore(store).getAll();
        all.onsuccess = () => {
          opening.result.close();
          resolve(all.result);
        };
      };
    });
  }, name);

/** Waits until the shown list is cached for the next visit. @param {import('./story.js').Page} page @param {string} title */
const hasList = (page, title) => eventually(async () => assert.ok((await inStore(page, 'lists')).some(({ tasks }) => tasks.some((/** @type {any} */ task) => task.title === title))));

stories('offline', {}, (story) => {
  story('two tabs, a restart and a lost answer: one task, completed', async ({ taskflow, expectErrors, task }) => {
    expectErrors(...AWAY);
    await task({ title: 'There before' });
    const folder = await mkdtemp(join(tmpdir(), 'taskflow-profile-'));
    const options = { executablePath: chromium(), timezoneId: 'Europe/Berlin', locale: 'en-GB', ...DESKTOP };
    let context = await driver.launchPersistentContext(folder, options);
    try {
      const one = await context.newPage();
      await one.goto(taskflow.url);
      await isReady(one);
      await isKept(one);
      await hasList(one, 'There before');
      const two = await context.newPage();
      await two.goto(taskflow.url);
      await isReady(two);
      await context.setOffline(true);
      await one.getByRole('textbox', { name: 'New task' }).fill('Buy bread');
      await one.keyboard.press('Enter');
      await row(one, 'Buy bread').waitFor();
      await row(two, 'Buy bread').waitFor();
      const detail = await openTask(two, 'Buy bread');
      await detail.getByRole('textbox', { name: 'Title' }).fill('Buy good bread');
      await detail.getByRole('textbox', { name: 'Title' }).press('Enter');
      await row(one, 'Buy good bread').waitFor();
      await one.getByRole('checkbox', { name: 'Completed: Buy good bread' }).click();
      await eventually(async () => assert.deepEqual(await titles(one), ['There before']));
      await one.locator('away-banner').getByText('3 changes wait').waitFor();
      // Closing a page can end the emulated outage while it still runs, so it is left first.
      for (const page of context.pages()) await page.goto('about:blank');
      await context.close();
      assert.equal((await taskflow.call('GET', '/api/tasks')).length, 1, 'the service knows nothing of it');

      context = await driver.launchPersistentContext(folder, options);
      await context.setOffline(true);
      const again = await context.newPage();
      await again.goto(taskflow.url);
      await again.locator('away-banner').getByText('3 changes wait').waitFor();
      await showsTitles(again, ['There before']);
      // The service receives the creation, but its answer is lost.
      let lost = 0;
      await context.route('**/api/tasks', async (route) => {
        if (route.request().method() !== 'POST' || lost > 0) return route.continue();
        lost += 1;
        await route.fetch();
        return route.abort();
      });
      await context.setOffline(false);
      await eventually(async () => {
        const all = await taskflow.call('GET', '/api/tasks?sort_by=created_at&order=asc');
        assert.deepEqual(all.map((/** @type {any} */ own) => [own.title, own.status]), [['There before', 'pending'], ['Buy good bread', 'completed']]);
      });
      assert.equal(lost, 1);
      await again.locator('away-banner').waitFor({ state: 'hidden' });
    } finally {
      await context.close();
      await rm(folder, { recursive: true, force: true });
    }
  });

  story('the first frame shows the last picture of the list, before any module is there', async ({ task, taskflow, open }) => {
    await task({ title: 'Water the *plants*', tags: ['home'], priority: 'high', due_date: '2099-01-05T08:00:00Z', recurrence: 'weekly', reminder_offset: '1 hour' });
    await task({ title: 'Pay the rent', due_date: '2099-01-05' });
    const page = await open();
    const rows = page.locator('.rows');
    const picture = () => page.evaluate(() => localStorage.getItem('taskflow.picture') ?? '');
    const looks = () => rows.evaluate((list) => [...list.children].map((child) => child.outerHTML));
    await eventually(async () => assert.match(await picture(), /Pay the rent.*Water the/));
    const before = await looks();

    let release = () => {};
    /** Modules arrive only after this. @type {Promise<void>} */
    let gate;
    const hold = () => {
      gate = new Promise((resolve) => {
        release = resolve;
      });
    };
    hold();
    // A request may be gone by then.
    await page.context().route('**/assets/*.js', (route) => gate.then(() => route.continue()).catch(() => {}));
    await page.reload({ waitUntil: 'commit' });
    await row(page, 'Pay the rent').waitFor();
    assert.deepEqual(await looks(), before);
    assert.ok(await rows.evaluate((list) => /** @type {HTMLElement} */ (list).inert), 'nothing can be clicked that would not be noticed');

    release();
    await isReady(page);
    await page.getByRole('checkbox', { name: 'Completed: Pay the rent' }).click();
    await eventually(async () => assert.ok(!(await picture()).includes('Pay the rent')));

    // Another view, another width or another day would look different.
    hold();
    for (const [path, width] of /** @type {const} */ ([['/#place=today', 1440], ['/', 700]])) {
      await page.setViewportSize({ width, height: 900 });
      await page.goto('about:blank');
      await page.goto(taskflow.url + path, { waitUntil: 'commit' });
      await page.waitForFunction(() => document.readyState !== 'loading');
      await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
      assert.deepEqual(await looks(), []);
    }
    release();
  });

  story('the page opens without a network, shows what it had, and how old that is', async ({ task, open, expectErrors }) => {
    expectErrors(...AWAY);
    await task({ title: 'Kept', tags: ['home'] });
    const page = await open({ serviceWorkers: 'allow' });
    await isKept(page);
    await hasList(page, 'Kept');
    await page.getByRole('link', { name: /^home/ }).waitFor();
    await page.context().setOffline(true);
    await page.reload();
    await row(page, 'Kept').waitFor();
    await page.locator('away-banner').getByText(/You are offline\. Last loaded: Today \d\d:\d\d\./).waitFor();
    await page.getByRole('link', { name: /^home/ }).waitFor();
    await page.getByRole('textbox', { name: 'New task' }).fill('Call Mira tomorrow at 9');
    await page.getByText('Dates and times cannot be read now. They stay in the title.').waitFor();
    await page.getByRole('textbox', { name: 'New task' }).fill('');
    await openTask(page, 'Kept');
    assert.equal(await pane(page).getByRole('textbox', { name: 'Title' }).inputValue(), 'Kept', 'every part of the page is there');
    await page.keyboard.press('Escape');
    await page.getByRole('link', { name: 'Done' }).click();
    await page.getByText(/No tasks here|Nothing matches/).waitFor();
    await page.getByRole('link', { name: 'Inbox' }).click();
    await showsTitles(page, []);
    await page.context().setOffline(false);
    await page.locator('away-banner').waitFor({ state: 'hidden' });
  });

  story('adds, edits, completions and deletes wait in order, on a phone as well', async ({ task, taskflow, open, expectErrors }) => {
    expectErrors(...AWAY);
    const first = await task({ title: 'First' });
    const second = await task({ title: 'Second' });
    const page = await open({ ...PHONE, serviceWorkers: 'allow' });
    await row(page, 'Second').waitFor();
    await isKept(page);
    await page.context().setOffline(true);
    await row(page, 'First').getByRole('checkbox').tap();
    await showsTitles(page, ['Second']);
    await openTask(page, 'Second');
    await pane(page).getByLabel('Notes').fill('written in the subway');
    await page.goBack();
    await page.getByRole('textbox', { name: 'New task' }).fill('Third #home');
    await page.getByRole('button', { name: 'Add', exact: true }).tap();
    await row(page, 'Third').waitFor();
    await page.locator('away-banner').getByText('3 changes wait').waitFor();
    await page.context().setOffline(false);
    await eventually(async () => {
      assert.equal((await taskflow.call('GET', `/api/tasks/${first.id}`)).status, 'completed');
      assert.equal((await taskflow.call('GET', `/api/tasks/${second.id}`)).description, 'written in the subway');
      assert.deepEqual((await taskflow.call('GET', '/api/tasks?status=pending&sort_by=title&order=asc')).map((/** @type {any} */ own) => own.title), ['Second', 'Third']);
    });
    await page.locator('away-banner').waitFor({ state: 'hidden' });
  });

  story('a change counts as kept on this device when it is on disk', async ({ open, expectErrors }) => {
    expectErrors(...AWAY);
    const page = await open({ serviceWorkers: 'allow' });
    await isKept(page);
    await page.context().setOffline(true);
    const line = page.getByRole('textbox', { name: 'New task' });
    const banner = page.locator('away-banner');
    await line.fill('On disk');
    await line.press('Enter');
    await banner.getByText('1 change waits').waitFor();

    // A transaction that does not end makes others wait, as a slow disk does.
    await page.evaluate(() => new Promise((resolve) => {
      const opening = indexedDB.open('taskflow');
      opening.onsuccess = () => {
        const store = opening.result.transaction('changes', 'readwrite').objectStore('changes');
        const hold = () => {
          if (Reflect.get(window, 'isReleased')) opening.result.close();
          else store.count().onsuccess = hold;
          resolve(null);
        };
        hold();
      };
    }));
    await line.fill('On its way');
    await line.press('Enter');
    await row(page, 'On its way').waitFor();
    assert.match(await banner.innerText(), /1 change waits/);
    await page.evaluate(() => Reflect.set(window, 'isReleased', true));
    await banner.getByText('2 changes wait').waitFor();
    await page.reload();
    await banner.getByText('2 changes wait').waitFor();
  });

  story('what was added before the first list came is shown after a reload', async ({ task, taskflow, open, expectErrors }) => {
    expectErrors(...AWAY);
    await task({ title: 'Never loaded' });
    const page = await open({ serviceWorkers: 'allow' });
    await isKept(page);
    await page.context().setOffline(true);
    await page.evaluate(() => new Promise((resolve) => {
      const opening = indexedDB.open('taskflow');
      opening.onsuccess = () => {
        const clearing = opening.result.transaction('lists', 'readwrite');
        clearing.objectStore('lists').clear();
        clearing.oncomplete = () => resolve(opening.result.close());
      };
    }));
    await page.reload();
    const line = page.getByRole('textbox', { name: 'New task' });
    await line.fill('Before any list');
    await line.press('Enter');
    await row(page, 'Before any list').waitFor();
    const banner = page.locator('away-banner');
    await banner.getByText('1 change waits').waitFor();
    await page.reload();
    await row(page, 'Before any list').waitFor();
    assert.doesNotMatch(await banner.innerText(), /Last loaded/, 'no list was loaded');
    await page.context().setOffline(false);
    await showsTitles(page, ['Never loaded', 'Before any list']);
    await eventually(async () => assert.equal((await taskflow.call('GET', '/api/tasks')).length, 2));
  });

  story('a change that was not sent is simply taken back', async ({ task, taskflow, open, expectErrors }) => {
    expectErrors(...AWAY);
    await task({ title: 'Buy bread' });
    const page = await open();
    await row(page, 'Buy bread').waitFor();
    await page.context().setOffline(true);
    await row(page, 'Buy bread').getByRole('button', { name: 'Buy bread', exact: true }).focus();
    await page.keyboard.press('Delete');
    await showsTitles(page, []);
    await page.locator('away-banner').getByText('1 change waits').waitFor();
    await page.keyboard.press('z');
    await showsTitles(page, ['Buy bread']);
    await page.context().setOffline(false);
    await page.locator('away-banner').waitFor({ state: 'hidden' });
    assert.equal((await taskflow.call('GET', '/api/tasks'))[0].version, 1, 'nothing was sent');
  });

  story('only a change to the same field is a conflict; both versions are shown', async ({ task, taskflow, open, expectErrors }) => {
    expectErrors(...AWAY);
    const { id } = await task({ title: 'Report', priority: 'low' });
    const page = await open({ serviceWorkers: 'allow' });
    await row(page, 'Report').waitFor();
    await isKept(page);
    await page.context().setOffline(true);
    await row(page, 'Report').getByRole('button', { name: 'Report', exact: true }).focus();
    await page.keyboard.press('1');
    await page.keyboard.press('t');
    const picker = page.getByRole('dialog', { name: 'Due date of Report' });
    await picker.getByRole('button', { name: 'Tomorrow' }).click();
    await page.locator('away-banner').getByText('2 changes wait').waitFor();
    await taskflow.call('PUT', `/api/tasks/${id}`, { description: 'from elsewhere', due_date: '2031-01-14' });
    await page.context().setOffline(false);
    const refused = page.locator('refused-changes li');
    await refused.getByText('“Report” was not changed.').waitFor();
    assert.match((await refused.locator('.versions').first().textContent()) ?? '', /Tomorrow.*14 Jan 2031/s);
    const now = await taskflow.call('GET', `/api/tasks/${id}`);
    assert.deepEqual([now.priority, now.description, now.due_day], ['high', 'from elsewhere', '2031-01-14'], 'the priority was nobody else’s');
    await refused.getByRole('button', { name: 'Use mine' }).click();
    await eventually(async () => assert.notEqual((await taskflow.call('GET', `/api/tasks/${id}`)).due_day, '2031-01-14'));
    await refused.waitFor({ state: 'detached' });
  });

  story('what the service refuses is shown with its reason and its text, after a reload, too', async ({ taskflow, open, expectErrors }) => {
    expectErrors(...AWAY);
    const page = await open();
    await page.route('**/api/tasks', (route) =>
      route.request().method() === 'POST' ? route.fulfill({ status: 422, contentType: 'application/problem+json', body: '{"status":422,"title":"Invalid","errors":[{"pointer":"/title","detail":"is not pleasant"}]}' }) : route.continue(),
    );
    await page.getByRole('textbox', { name: 'New task' }).fill('A long thought #home');
    await page.keyboard.press('Enter');
    const refused = page.locator('refused-changes li');
    await refused.getByText('is not pleasant').waitFor();
    await page.reload();
    await isReady(page);
    await refused.getByText('A long thought #home').waitFor();
    await page.unrouteAll();
    await refused.getByRole('button', { name: 'Edit' }).click();
    assert.equal(await page.getByRole('textbox', { name: 'New task' }).inputValue(), 'A long thought #home');
    await page.keyboard.press('Enter');
    await row(page, 'A long thought').waitFor();
    await eventually(async () => assert.deepEqual((await taskflow.call('GET', '/api/tasks')).map((/** @type {any} */ own) => own.title), ['A long thought']));
  });

  story('a text for a task that was deleted elsewhere becomes a new task', async ({ task, taskflow, open, expectErrors }) => {
    expectErrors(...AWAY);
    const { id } = await task({ title: 'Trip' });
    const page = await open();
    await openTask(page, 'Trip');
    await page.context().setOffline(true);
    await pane(page).getByLabel('Notes').fill('passport, tickets');
    await page.keyboard.press('Escape');
    await taskflow.call('DELETE', `/api/tasks/${id}`);
    await page.context().setOffline(false);
    const refused = page.locator('refused-changes li');
    await refused.getByText('It was deleted elsewhere.').waitFor();
    await refused.getByText('passport, tickets').waitFor();
    await refused.getByRole('button', { name: 'Add as a new task' }).click();
    await eventually(async () => assert.deepEqual((await taskflow.call('GET', '/api/tasks')).map((/** @type {any} */ own) => [own.title, own.description]), [['Trip', 'passport, tickets']]));
  });

  story('what is typed and not saved is there after a reload', async ({ task, open }) => {
    await task({ title: 'Trip' });
    const page = await open();
    await page.getByRole('textbox', { name: 'New task' }).fill('Half a thou');
    await openTask(page, 'Trip');
    await pane(page).getByLabel('Notes').pressSequentially('passport and');
    await eventually(async () => assert.ok((await inStore(page, 'drafts')).some(({ text }) => text === 'passport and')));
    await page.reload();
    await isReady(page);
    assert.equal(await page.getByRole('textbox', { name: 'New task' }).inputValue(), 'Half a thou');
    await pane(page).getByText('Unsaved text from').waitFor();
    assert.equal(await pane(page).getByLabel('Notes').inputValue(), 'passport and');
    await pane(page).getByRole('button', { name: 'Save it' }).click();
    await pane(page).locator('.notes-view').getByText('passport and').waitFor();
  });

  story('a note that is closed by its cross, Escape or the way back is saved', async ({ task, taskflow, open }) => {
    const { id } = await task({ title: 'Trip' });
    const page = await open();
    const saved = async (/** @type {string} */ text) => eventually(async () => assert.equal((await taskflow.call('GET', `/api/tasks/${id}`)).description, text));
    const edit = async (/** @type {string} */ text) => {
      await openTask(page, 'Trip');
      const button = pane(page).getByRole('button', { name: 'Edit notes' });
      if (await button.isVisible()) await button.click();
      await pane(page).getByLabel('Notes').fill(text);
    };
    await edit('by the cross');
    await pane(page).getByRole('button', { name: 'Close the task' }).click();
    await saved('by the cross');
    await edit('by Escape');
    await page.keyboard.press('Escape');
    await pane(page).waitFor({ state: 'hidden' });
    await saved('by Escape');
    await edit('by the way back');
    await page.goBack();
    await saved('by the way back');
  });

  story('a new release replaces the worker, and no window has files of two', async ({ taskflow, browser, expectErrors }) => {
    expectErrors(...AWAY);
    // A proxy in front of the service that serves another worker. The browser recognises a release by its worker only.
    let isNext = false;
    const proxy = createServer((asked, answer) => {
      const { hostname, port } = new URL(taskflow.url);
      const passed = request({ hostname, port, path: asked.url, method: asked.method, headers: { ...asked.headers, 'accept-encoding': 'identity' } }, (response) => {
        const { 'content-length': _, etag: _tag, ...headers } = response.headers;
        answer.writeHead(response.statusCode ?? 502, headers);
        response.pipe(answer, { end: !isNext || asked.url !== '/sw.js' });
        if (isNext && asked.url === '/sw.js') response.on('end', () => answer.end('\n// The next release.\n'));
      });
      asked.pipe(passed);
    });
    await new Promise((resolve) => proxy.listen(0, '127.0.0.1', () => resolve(undefined)));
    const address = proxy.address();
    const url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
    const context = await browser.newContext(DESKTOP);
    try {
      const [one, two] = [await context.newPage(), await context.newPage()];
      await one.goto(url);
      await isKept(one);
      await two.goto(url);
      await isKept(two);
      const releases = () => one.evaluate(async () => (await caches.keys()).length);
      assert.equal(await releases(), 1);
      isNext = true;
      await one.evaluate(async () => void (await (await navigator.serviceWorker.ready).update()));
      const reloaded = [one, two].map((page) => page.waitForEvent('load'));
      await one.locator('.toast', { hasText: 'A new version of Taskflow is ready.' }).getByRole('button', { name: 'Reload' }).click();
      await Promise.all(reloaded);
      await isKept(one);
      assert.equal(await releases(), 1, 'the files of the release before are gone');
    } finally {
      await context.close();
      proxy.closeAllConnections();
      proxy.close();
    }
  });
});

const TOKEN = 'correct-horse/battery+staple=';

stories('offline behind a token', { TASKFLOW_API_TOKEN: TOKEN }, (story) => {
  story('forgetting the token empties what this browser keeps', async ({ task, open, expectErrors }) => {
    expectErrors(...AWAY);
    await task({ title: 'Behind the door' });
    const page = await open({ ready: false });
    const dialog = page.getByRole('dialog', { name: 'Access token' });
    await dialog.getByLabel('Access token').fill(TOKEN);
    await dialog.getByLabel('Access token').press('Enter');
    await isReady(page);
    await hasList(page, 'Behind the door');
    await eventually(async () => assert.match((await page.evaluate(() => localStorage.getItem('taskflow.picture'))) ?? '', /Behind the door/));
    await page.context().setOffline(true);
    await page.getByRole('checkbox', { name: 'Completed: Behind the door' }).click();
    await page.locator('away-banner').getByText('1 change waits').waitFor();
    await page.getByRole('button', { name: 'Settings and keys' }).click();
    await page.getByRole('button', { name: 'Forget it' }).click();
    const question = page.getByRole('dialog', { name: 'Delete unsent changes?' });
    await question.getByRole('button', { name: 'Forget', exact: true }).click();
    for (const store of ['lists', 'changes', 'drafts']) await eventually(async () => assert.deepEqual(await inStore(page, store), [], store));
    assert.equal(await page.evaluate(() => localStorage.getItem('taskflow.token')), null);
    await eventually(async () => assert.equal(await page.evaluate(() => localStorage.getItem('taskflow.picture')), null));
  });
});
