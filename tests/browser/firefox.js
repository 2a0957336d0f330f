// The whole path of a reminder in a real Firefox: the user turns on reminders in the settings, Firefox subscribes at its push service, Taskflow
// pushes, the service worker shows the notification, and its button completes the task. `just firefox` runs it.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Autopush } from './autopush.js';
import { Firefox } from './bidi.js';
import { Desktop } from './notifications.js';
import { Taskflow } from './parts.js';
import { eventually } from './story.js';

/** Maximum milliseconds of the whole story. */
const STORY_MAX = 180_000;
const TITLE = 'Überweise die Miete ✓';

it('a reminder reaches a Firefox that subscribed, and its button completes the task', { timeout: STORY_MAX }, async () => {
  const autopush = await Autopush.start();
  const desktop = new Desktop();
  const firefox = new Firefox();
  /** @type {Taskflow | undefined} */
  let taskflow;
  try {
    await desktop.start();
    taskflow = await Taskflow.start({ TASKFLOW_PUSH_TEST_ADDRESS: '127.0.0.1' });
    const { call, url } = { call: taskflow.call.bind(taskflow), url: taskflow.url };
    await firefox.start({ ...autopush.preferences, 'permissions.default.desktop-notification': 1 }, desktop.env);
    await firefox.visit(url);
    await firefox.run("navigator.serviceWorker.ready.then(() => '')");
    await firefox.run("document.getElementById('settings').click()");
    const press = "[...document.querySelectorAll('dialog fieldset')].find(({ textContent }) => textContent.includes('Reminders on your devices'))?.querySelector('.choices button:not([hidden])')";
    await eventually(async () => assert.equal(await firefox.run(`${press}?.textContent`), 'Turn on…'));
    await firefox.run(`${press}.click()`);
    await eventually(async () => assert.match((await call('GET', '/api/push/subscriptions'))[0]?.name ?? '', /^Firefox on Linux/));

    const due_date = new Date(Date.now() + 30 * 60_000).toISOString();
    const { id } = await call('POST', '/api/tasks', { title: TITLE, due_date, reminder_offset: '1 hour' });
    await eventually(() => assert.ok(desktop.shown.some(({ title }) => title === TITLE), JSON.stringify(desktop.shown)));
    const [notification] = desktop.shown.filter(({ title }) => title === TITLE);
    assert.ok(notification);
    desktop.press(notification, 'Complete');
    await eventually(async () => assert.equal((await call('GET', `/api/tasks/${id}`)).status, 'completed'));
    const [{ deliveries }] = await call('GET', `/api/reminders?task_id=${id}`);
    assert.equal(deliveries.find((/** @type {{ type: string }} */ { type }) => type === 'push')?.status, 'sent');
    assert.deepEqual(autopush.acknowledged.map(({ code }) => code), [100], 'Firefox has decrypted the push, and its service worker taken it');
  } finally {
    await firefox.stop();
    await taskflow?.remove();
    await desktop.stop();
    await autopush.stop();
  }
});
