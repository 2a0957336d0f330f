// Live updates: changes from another window, reminders, a lost and restored connection; and the token.

import assert from 'node:assert/strict';
import { eventually, isReady, openTask, pane, row, showsTitles, stories, titles } from './story.js';

const DAY = 86_400_000;
/** What a browser logs if the server is unavailable, and for calls while it is offline. */
const AWAY = [/WebSocket connection to .* failed/, /net::ERR_/];

/** A task whose reminder is due at once. @param {import('./story.js').Stage['task']} task @param {string} title */
const reminding = (task, title) => task({ title, due_date: new Date(Date.now() + 30 * 60_000).toISOString(), reminder_offset: '1 hour' });

stories('two windows', {}, (story) => {
  story('what one window does, the other one shows without being asked', async ({ open, tab }) => {
    const one = await open();
    const two = await tab(one.context());
    await one.getByRole('textbox', { name: 'New task' }).fill('Buy bread #home');
    await one.keyboard.press('Enter');
    await row(two, 'Buy bread').waitFor();
    const detail = await openTask(one, 'Buy bread');
    await detail.getByRole('textbox', { name: 'Title' }).fill('Buy good bread');
    await detail.getByRole('textbox', { name: 'Title' }).press('Enter');
    await row(two, 'Buy good bread').waitFor();
    await two.getByRole('checkbox', { name: 'Completed: Buy good bread' }).click();
    await eventually(async () => assert.equal(await detail.getByRole('checkbox', { name: /^Completed/ }).isChecked(), true));
    await showsTitles(one, []);
    await two.getByRole('button', { name: 'Undo' }).click();
    await row(one, 'Buy good bread').waitFor();
    await detail.getByRole('button', { name: 'Delete the task' }).click();
    await showsTitles(two, []);
  });

  story('what changes before the connection is there is shown once it is', async ({ task, open, taskflow }) => {
    await task({ title: 'There', tags: ['home'] });
    const page = await open({ ready: false, path: '/openapi.json' });
    let connect = () => {};
    const isChanged = new Promise((resolve) => {
      connect = () => resolve(null);
    });
    await page.routeWebSocket('**/ws/notifications*', async (socket) => {
      await isChanged;
      socket.connectToServer();
    });
    await page.goto(taskflow.url);
    await row(page, 'There').waitFor();
    await page.getByRole('link', { name: /^home/ }).waitFor();
    await task({ title: 'Meanwhile', tags: ['garden'] });
    connect();
    await row(page, 'Meanwhile').waitFor();
    await page.getByRole('link', { name: /^garden/ }).waitFor();
  });

  story('a field that is not being edited follows the other window while one that is stays', async ({ task, taskflow, open }) => {
    const { id } = await task({ title: 'Draft' });
    const page = await open();
    const detail = await openTask(page, 'Draft');
    await detail.getByLabel('Notes').fill('I am writing');
    await taskflow.call('PUT', `/api/tasks/${id}`, { priority: 'high', description: 'theirs' });
    await detail.getByRole('button', { name: 'Priority: High' }).waitFor();
    assert.equal(await detail.getByLabel('Notes').inputValue(), 'I am writing');
  });

  story('a hundred changes from elsewhere are shown, and do not make a hundred calls', async ({ task, taskflow, open }) => {
    const { id } = await task({ title: 'Counter 0' });
    const page = await open();
    await row(page, 'Counter 0').waitFor();
    let calls = 0;
    page.on('request', (request) => {
      if (new URL(request.url()).pathname === '/api/tasks') calls += 1;
    });
    for (let count = 1; count <= 100; count += 1) await taskflow.call('PUT', `/api/tasks/${id}`, { title: `Counter ${count}` });
    await row(page, 'Counter 100').waitFor();
    assert.ok(calls < 40, `${calls} calls`);
  });

  story('what is read stays in its place when something above it comes', async ({ taskflow, open }) => {
    const made = [];
    for (let at = 0; at < 60; at += 1) made.push(taskflow.call('POST', '/api/tasks', { title: `Task ${String(at).padStart(3, '0')}` }));
    await Promise.all(made);
    const page = await open();
    await page.locator('filter-bar').getByLabel('Sort').selectOption('Title');
    await eventually(async () => assert.deepEqual((await titles(page)).slice(0, 3), ['Task 000', 'Task 001', 'Task 002']));
    await page.locator('.scroller').evaluate((scroller) => scroller.scrollTo(0, 1200));
    await row(page, 'Task 030').waitFor();
    const place = async () => (await row(page, 'Task 030').boundingBox())?.y;
    const before = await place();
    await taskflow.call('POST', '/api/tasks', { title: 'A first one' });
    await eventually(async () => assert.match((await page.locator('#count').textContent()) ?? '', /^61 /));
    await eventually(async () => assert.ok(Math.abs(((await place()) ?? 0) - (before ?? 0)) < 2));
  });
});

stories('reminders', {}, (story) => {
  story('a reminder is told at once, is in the list until it is read, and is read in every window', async ({ task, open, tab }) => {
    const page = await open();
    const other = await tab(page.context());
    await reminding(task, 'Call the dentist');
    const toast = page.locator('.toast.reminder', { hasText: 'Call the dentist' });
    await toast.waitFor();
    await page.getByRole('button', { name: 'Notifications, 1 unread' }).waitFor();
    assert.equal(await page.title(), '(1) All tasks · Taskflow');
    await page.keyboard.press('b');
    const list = page.getByRole('dialog', { name: 'Notifications' });
    await list.getByText('Unread:').waitFor({ state: 'attached' });
    await list.getByRole('button', { name: 'Mark read: Call the dentist' }).click();
    await toast.waitFor({ state: 'detached' });
    for (const window of [page, other]) {
      await window.getByRole('button', { name: 'Notifications', exact: true }).waitFor();
      assert.equal(await window.title(), 'All tasks · Taskflow');
    }
    await page.reload();
    await isReady(page);
    await page.keyboard.press('b');
    await list.getByRole('button', { name: /Call the dentist/ }).click();
    await pane(page).getByRole('textbox', { name: 'Title' }).waitFor();
    assert.equal(await pane(page).getByRole('textbox', { name: 'Title' }).inputValue(), 'Call the dentist');
  });

  story('all can be marked read in one go', async ({ task, open }) => {
    const page = await open();
    for (const title of ['One', 'Two', 'Three']) await reminding(task, title);
    await page.getByRole('button', { name: 'Notifications, 3 unread' }).click();
    await page.getByRole('button', { name: 'Mark all read' }).click();
    await page.getByRole('button', { name: 'Notifications', exact: true }).waitFor();
    assert.equal(await page.locator('.toast.reminder').count(), 0);
  });

  story('one is snoozed, and its task completed, in its toast and in the list', async ({ task, taskflow, open }) => {
    const page = await open();
    const plants = await reminding(task, 'Water the plants');
    const before = Date.now();
    await page.locator('.toast.reminder').getByRole('button', { name: 'Remind me again in 10 minutes: Water the plants' }).click();
    await page.locator('.toast', { hasText: 'Taskflow reminds you of “Water the plants” again at' }).waitFor();
    const [{ status, scheduled_at }] = await taskflow.call('GET', `/api/reminders?task_id=${plants.id}`);
    assert.equal(status, 'pending');
    assert.ok(Date.parse(scheduled_at) >= before + 600_000 && Date.parse(scheduled_at) <= Date.now() + 600_000, scheduled_at);
    await page.getByRole('button', { name: 'Notifications', exact: true }).waitFor();

    const dentist = await reminding(task, 'Call the dentist');
    await page.getByRole('button', { name: 'Notifications, 1 unread' }).click();
    const list = page.getByRole('dialog', { name: 'Notifications' });
    await list.getByRole('button', { name: 'Complete: Call the dentist' }).click();
    await page.locator('.toast', { hasText: 'Completed “Call the dentist”' }).waitFor();
    await eventually(async () => assert.equal((await taskflow.call('GET', `/api/tasks/${dentist.id}`)).status, 'completed'));
    await page.getByRole('button', { name: 'Notifications', exact: true }).waitFor();
  });

  story('one that cannot be answered says why and stays', async ({ task, taskflow, open, expectErrors }) => {
    expectErrors(/status of 409/);
    const page = await open();
    const { id } = await reminding(task, 'Pay rent');
    await page.locator('.toast.reminder', { hasText: 'Pay rent' }).waitFor();
    await taskflow.call('POST', `/api/tasks/${id}/complete`);
    await page.locator('.toast.reminder').getByRole('button', { name: 'Remind me again in 1 hour: Pay rent' }).click();
    await page.locator('.toast.bad', { hasText: 'The task is completed' }).waitFor();
    await page.getByRole('button', { name: 'Notifications, 1 unread' }).waitFor();
  });

  story('the badge of the application counts what is overdue', async ({ task, taskflow, open }) => {
    const late = await task({ title: 'Late', due_date: new Date(Date.now() - DAY).toISOString() });
    const page = await open({
      init: () => {
        Object.defineProperty(navigator, 'setAppBadge', {
          value: (/** @type {number} */ count) => {
            Reflect.set(window, 'badge', count);
            return Promise.resolve();
          },
        });
      },
    });
    const shows = (/** @type {number} */ count) => eventually(async () => assert.equal(await page.evaluate(() => Reflect.get(window, 'badge')), count));
    await shows(1);
    await page.clock.install();
    await page.reload();
    await isReady(page);
    const due = Date.now() + 4_000;
    await task({ title: 'Soon', due_date: new Date(due).toISOString() });
    await row(page, 'Soon').waitFor();
    await taskflow.call('POST', `/api/tasks/${late.id}/complete`);
    await shows(0);
    // Time passes without a change.
    await eventually(() => assert.ok(Date.now() > due));
    await page.clock.fastForward(40_000);
    await shows(1);
  });

  story('on the desktop they are shown only after a person asked for it, and not while the page is looked at', async ({ task, open }) => {
    const page = await open({
      permissions: ['notifications'],
      init: () => {
        /** @type {string[]} */
        const shown = [];
        Object.assign(window, { shown });
        const permission = 'granted';
        class Notification {
          static permission = permission;
          static requestPermission = () => Promise.resolve(permission);
          /** @param {string} title */
          constructor(title) {
            shown.push(title);
          }
          close() {}
        }
        Object.assign(window, { Notification });
        Object.defineProperty(document, 'hasFocus', { value: () => !Reflect.get(window, 'isAway') });
      },
    });
    const shown = () => page.evaluate(() => Reflect.get(window, 'shown'));
    const away = (/** @type {boolean} */ isAway) => page.evaluate((value) => Reflect.set(window, 'isAway', value), isAway);
    await away(true);
    await reminding(task, 'Not asked for');
    await page.locator('.toast.reminder', { hasText: 'Not asked for' }).waitFor();
    await page.getByRole('button', { name: 'Settings and keys' }).click();
    await page.getByRole('group', { name: 'Reminders on the desktop' }).getByRole('button', { name: 'Turn on…' }).click();
    await page.getByText('On, while a window of this page is open.').waitFor();
    await page.getByRole('button', { name: 'Done', exact: true }).click();
    await away(false);
    await reminding(task, 'In sight');
    await page.locator('.toast.reminder', { hasText: 'In sight' }).waitFor();
    await away(true);
    await reminding(task, 'Far away');
    await eventually(async () => assert.deepEqual(await shown(), ['Far away']));
  });
});

stories('a connection that comes and goes', {}, (story) => {
  story('while the service is away the page says so, keeps what it has, and resumes by itself', async ({ task, taskflow, open, expectErrors }) => {
    expectErrors(...AWAY);
    await task({ title: 'Before' });
    const page = await open();
    await row(page, 'Before').waitFor();
    await taskflow.down();
    await page.getByText('Reconnecting…').waitFor();
    await showsTitles(page, ['Before']);
    await taskflow.up();
    await task({ title: 'Meanwhile' });
    await reminding(task, 'Reminded meanwhile');
    await eventually(async () => assert.equal((await taskflow.call('GET', '/api/notifications')).at(-1)?.title, 'Reminded meanwhile'));
    await page.locator('connection-state[data-state="live"]').waitFor();
    await row(page, 'Meanwhile').waitFor();
    const toast = page.locator('.toast.reminder', { hasText: 'Reminded meanwhile' });
    await toast.waitFor();
    assert.equal(await toast.count(), 1, 'what was missed is told once');
  });

  story('an open task follows what happened meanwhile, in the list or not', async ({ task, taskflow, open, expectErrors }) => {
    expectErrors(...AWAY, /status of 404/);
    const { id } = await task({ title: 'Before' });
    const page = await open({ path: `/#tags=other&task=${id}` });
    const title = pane(page).getByRole('textbox', { name: 'Title' });
    const meanwhile = async (/** @type {() => Promise<unknown>} */ change) => {
      await page.context().setOffline(true);
      await page.locator('connection-state[data-state="offline"]').waitFor();
      await change();
      await page.context().setOffline(false);
      await isReady(page);
    };
    await eventually(async () => assert.equal(await title.inputValue(), 'Before'));
    await meanwhile(() => taskflow.call('PUT', `/api/tasks/${id}`, { title: 'After' }));
    await eventually(async () => assert.equal(await title.inputValue(), 'After'));
    await meanwhile(() => taskflow.call('DELETE', `/api/tasks/${id}`));
    await page.getByText('The task that was open was deleted elsewhere.').waitFor();
  });

  story('a part of the page that does not come is tried again until it does', async ({ task, open, expectErrors }) => {
    expectErrors(...AWAY);
    await task({ title: 'Before' });
    const page = await open();
    let isAway = true;
    await page.route('**/assets/{task-detail,dialogs}.js', (route) => (isAway ? route.abort('connectionrefused') : route.continue()));
    await page.getByRole('button', { name: 'Before', exact: true }).click();
    await page.getByText('A part of the page could not be loaded.').waitFor();
    isAway = false;
    await pane(page).getByRole('textbox', { name: 'Title' }).waitFor();
    isAway = true;
    await page.getByRole('button', { name: 'Settings and keys' }).click();
    await page.getByText('A part of the page could not be loaded.').nth(1).waitFor();
    isAway = false;
    await page.getByRole('dialog', { name: 'Settings' }).waitFor();
  });

  story('a list that cannot be loaded says why, and another try shows it', async ({ task, open, expectErrors }) => {
    expectErrors(...AWAY, /status of 503/);
    await task({ title: 'There' });
    const page = await open({ ready: false, path: '/#status=completed' });
    await isReady(page);
    await page.route('**/api/tasks?*', (route) =>
      route.fulfill({ status: 503, contentType: 'application/problem+json', body: JSON.stringify({ title: 'Service Unavailable', status: 503, detail: 'the database is away' }) }),
    );
    await page.locator('filter-bar').getByText('Open', { exact: true }).click();
    await page.locator('away-banner').getByText('The database is away').waitFor();
    await page.unrouteAll();
    await page.locator('away-banner').getByRole('button', { name: 'Try now' }).click();
    await showsTitles(page, ['There']);
    await page.locator('away-banner').waitFor({ state: 'hidden' });
  });

  story('the assistant that is not there says so, and no message is lost', async ({ open, expectErrors }) => {
    expectErrors(/status of 404/);
    const page = await open();
    // A Taskflow that was deployed without a token.
    await page.route('**/api/chat', (route) => route.fulfill({ status: 404, contentType: 'application/problem+json', body: '{"title":"Not Found","status":404}' }));
    const chat = page.getByRole('complementary', { name: 'Assistant' });
    const line = chat.getByLabel('Message to the assistant');
    await line.fill('What is overdue?');
    await line.press('Enter');
    await chat.getByText('This Taskflow has no assistant.').waitFor();
    await page.reload();
    await isReady(page);
    await chat.getByText('What is overdue?').waitFor();
    await page.unroute('**/api/chat');
    await chat.getByRole('button', { name: 'Send again' }).click();
    await chat.locator('.message.assistant[aria-busy="false"]').waitFor();
    await chat.getByRole('button', { name: 'New conversation' }).click();
    await chat.getByText('Use your own words').waitFor();
    await page.getByRole('button', { name: 'Close the assistant' }).click();
    await chat.waitFor({ state: 'hidden' });
    await page.keyboard.press('c');
    await chat.waitFor();
  });
});

const TOKEN = 'correct-horse/battery+staple=';

stories('a service that asks for a token', { TASKFLOW_API_TOKEN: TOKEN }, (story) => {
  story('it is asked for once, kept, sent in no address, and lets the live connection in', async ({ task, open, expectErrors }) => {
    expectErrors(/status of 401/, ...AWAY);
    await task({ title: 'Behind the door', due_date: new Date(Date.now() + DAY).toISOString() });
    const page = await open({ ready: false });
    /** @type {string[]} */
    const addresses = [];
    page.on('request', (request) => addresses.push(request.url()));
    page.on('websocket', (socket) => addresses.push(socket.url()));
    const dialog = page.getByRole('dialog', { name: 'Access token' });
    await dialog.waitFor();
    assert.equal(await page.getByRole('dialog').count(), 1, 'one question for all calls');
    await dialog.getByLabel('Access token').fill('wrong');
    await dialog.getByRole('button', { name: 'Use it' }).click();
    await dialog.getByText('refused this browser').waitFor();
    await dialog.getByLabel('Access token').fill(TOKEN);
    await dialog.getByLabel('Access token').press('Enter');
    await isReady(page);
    await showsTitles(page, ['Behind the door']);
    await page.reload();
    await isReady(page);
    await showsTitles(page, ['Behind the door']);
    assert.ok(addresses.length > 10);
    const spellings = [TOKEN, encodeURIComponent(TOKEN), Buffer.from(TOKEN).toString('base64url')];
    assert.deepEqual(addresses.filter((address) => spellings.some((token) => address.includes(token))), []);
    assert.ok(!page.url().includes('token'));
  });

  story('whoever declines sees why there is nothing, and can come back to it', async ({ task, open, expectErrors }) => {
    expectErrors(/status of 401/, ...AWAY);
    await task({ title: 'Behind the door' });
    const page = await open({ ready: false });
    const dialog = page.getByRole('dialog', { name: 'Access token' });
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await page.locator('task-list').getByText('An access token is required.').waitFor();
    await page.getByText('Access token required').waitFor();
    assert.equal(await dialog.isVisible(), false, 'nobody is asked twice');
    assert.deepEqual(await titles(page), []);
    await page.getByRole('button', { name: 'Settings and keys' }).click();
    await page.getByRole('button', { name: 'Enter one…' }).click();
    await dialog.getByLabel('Access token').fill(TOKEN);
    await dialog.getByLabel('Access token').press('Enter');
    await page.getByText('A token is stored in this browser.').waitFor();
    await page.getByRole('button', { name: 'Done', exact: true }).click();
    await isReady(page);
    await showsTitles(page, ['Behind the door']);
  });

  story('forgetting it locks the page of this browser', async ({ open, expectErrors }) => {
    expectErrors(/status of 401/, ...AWAY);
    const page = await open({ ready: false });
    const dialog = page.getByRole('dialog', { name: 'Access token' });
    await dialog.getByLabel('Access token').fill(TOKEN);
    await dialog.getByLabel('Access token').press('Enter');
    await isReady(page);
    await page.getByRole('button', { name: 'Settings and keys' }).click();
    await page.getByRole('button', { name: 'Forget it' }).click();
    assert.equal(await page.evaluate(() => localStorage.getItem('taskflow.token')), null);
    await page.reload();
    await dialog.waitFor();
  });
});
