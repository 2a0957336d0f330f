// Reminders that are pushed: the payload reaches the page's own service worker, and the user presses the notification's buttons on a desktop.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { Desktop } from './notifications.js';
import { PushService } from './push-service.js';
import { eventually, isReady, pane, row, stories } from './story.js';

/** @typedef {import('./story.js').Stage} Stage */

const desktop = new Desktop();
/** @type {PushService} */
let service;
before(async () => {
  await desktop.start();
  service = await PushService.start();
});
after(async () => {
  await service.stop();
  await desktop.stop();
});

/**
 * A window with the service worker, a subscribed browser, and the browser's own connection to its push service, which delivers the pushes.
 *
 * @param {Stage} stage
 */
async function subscribed({ open, taskflow }) {
  const page = await open({ serviceWorkers: 'allow', permissions: ['notifications'], desktop });
  await page.waitForFunction(() => navigator.serviceWorker.controller?.state === 'activated');
  const { subscription, pushed } = service.browser();
  await taskflow.call('POST', '/api/push/subscriptions', subscription);
  const session = await page.context().newCDPSession(page);
  const registration = new Promise((resolve) => session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations: [first] }) => first && resolve(first.registrationId)));
  await session.send('ServiceWorker.enable');
  const registrationId = String(await registration);
  const deliver = (/** @type {string} */ data) => session.send('ServiceWorker.deliverPushMessage', { origin: taskflow.url, registrationId, data });
  return { page, pushed, deliver };
}

/** Creates a task whose reminder fires at once. @param {Stage['task']} task @param {string} title */
const reminding = (task, title) => task({ title, due_date: new Date(Date.now() + 30 * 60_000).toISOString(), reminder_offset: '1 hour' });

/** Waits until the desktop shows the notification with this title. @param {string} title */
async function shown(title) {
  /** @type {import('./notifications.js').Shown | undefined} */
  let found;
  await eventually(() => {
    found = desktop.shown.find((one) => one.title === title);
    assert.ok(found, `no notification ${title}: ${JSON.stringify(desktop.shown)}`);
  });
  return /** @type {import('./notifications.js').Shown} */ (found);
}

const isGone = (/** @type {string} */ title) => eventually(() => assert.ok(desktop.shown.every((one) => one.title !== title)));

stories('a reminder that is pushed', { TASKFLOW_PUSH_TEST_ADDRESS: '127.0.0.1' }, (story) => {
  story('its button completes the task', async (stage) => {
    const { page, pushed, deliver } = await subscribed(stage);
    const { id } = await reminding(stage.task, 'Überweise die Miete ✓');
    const payload = await pushed();
    await deliver(payload);
    const notification = await shown('Überweise die Miete ✓');
    assert.match(notification.body, /\d\d:\d\d/, 'it says when the task is due');
    desktop.press(notification, 'Complete');
    await eventually(async () => assert.equal((await stage.taskflow.call('GET', `/api/tasks/${id}`)).status, 'completed'));
    await isGone(notification.title);
    await row(page, 'Überweise die Miete ✓').waitFor({ state: 'detached' });
  });

  story('its button snoozes the reminder', async (stage) => {
    const { pushed, deliver } = await subscribed(stage);
    const { id } = await reminding(stage.task, 'Water the plants');
    await deliver(await pushed());
    const before = Date.now();
    desktop.press(await shown('Water the plants'), '10 minutes');
    await eventually(async () => {
      const [{ status, scheduled_at }] = await stage.taskflow.call('GET', `/api/reminders?task_id=${id}`);
      assert.equal(status, 'pending');
      assert.ok(Date.parse(scheduled_at) >= before + 600_000 && Date.parse(scheduled_at) <= Date.now() + 600_000, scheduled_at);
    });
    assert.equal((await stage.taskflow.call('GET', `/api/tasks/${id}`)).status, 'pending');
  });

  story('a click on it opens the task in the window that is there', async (stage) => {
    const { page, pushed, deliver } = await subscribed(stage);
    await reminding(stage.task, 'Call the dentist');
    await deliver(await pushed());
    const windows = page.context().pages().length;
    desktop.press(await shown('Call the dentist'));
    const title = pane(page).getByRole('textbox', { name: 'Title' });
    await title.waitFor();
    assert.equal(await title.inputValue(), 'Call the dentist');
    assert.equal(page.context().pages().length, windows);
    await isReady(page);
  });

  story('a button that does not work says so, and a push that says nothing is shown', async (stage) => {
    stage.expectErrors(/status of 401/);
    const { pushed, deliver } = await subscribed(stage);
    const { id } = await reminding(stage.task, 'Pay rent');
    const payload = JSON.parse(await pushed());
    for (const action of payload.actions) action.url = action.url.replace('complete', 'snooze-1h');
    await deliver(JSON.stringify(payload));
    desktop.press(await shown('Pay rent'), 'Complete');
    assert.match((await shown('The action failed')).body, /Open Taskflow to see why/);
    assert.equal((await stage.taskflow.call('GET', `/api/tasks/${id}`)).status, 'pending', 'a link for another action is no link');
    await deliver('not JSON');
    await shown('A reminder is due');
  });
});
