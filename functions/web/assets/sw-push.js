// The push part of the service worker, loaded by /sw.js: shows pushed reminders, and handles their buttons.

(() => {
  /** Payload from push-reminder. A push service with a low limit gets only `tag` and `task_id`. @typedef {{ tag?: string, title?: string, body?: string, task_id?: number | null, overdue?: number, actions?: { action: string, title: string, url: string }[] }} Payload */

  const worker = /** @type {any} */ (globalThis);
  const ICON = '/assets/icon-192.png';
  const CHANGED = 'taskflow-push-changed';

  /** Always shows a notification, because a browser may show a notice of its own otherwise. @param {any} message */
  async function show(message) {
    /** @type {Payload} */
    let payload = {};
    try {
      payload = message?.json() ?? {};
    } catch {
      // Not ours; the default below is shown.
    }
    const { title = 'A reminder is due', body = 'Open Taskflow to see it.', tag = 'taskflow', task_id = null, actions = [], overdue } = payload;
    if (overdue !== undefined) void badge(overdue);
    await worker.registration.showNotification(title, {
      body,
      tag,
      renotify: true,
      requireInteraction: true,
      icon: ICON,
      badge: ICON,
      data: { task_id, actions, tag },
      actions: actions.map(({ action, title: words }) => ({ action, title: words })),
    });
  }

  /** Shows the number of overdue tasks on the application's icon. @param {number} count */
  async function badge(count) {
    await worker.navigator.setAppBadge?.(count).catch(() => {});
  }

  /** The button's link is its credential: this worker has no token. @param {string} url @param {string} tag */
  async function answer(url, tag) {
    const response = await fetch(url, { method: 'POST' }).catch(() => null);
    if (response?.ok) return;
    const body = response ? 'Open Taskflow to see why.' : 'There is no connection.';
    await worker.registration.showNotification('The action failed', { body, tag, icon: ICON, data: { task_id: null, actions: [], tag } });
  }

  /** Opens the task in an open window, else in a new one. @param {number | null} task */
  async function open(task) {
    const path = task === null ? '/' : `/#task=${task}`;
    const [window] = await worker.clients.matchAll({ type: 'window', includeUncontrolled: true });
    if (!window) return void (await worker.clients.openWindow(path));
    await window.focus();
    window.postMessage({ open: task });
  }

  worker.addEventListener('push', (/** @type {any} */ event) => event.waitUntil(show(event.data)));
  worker.addEventListener('notificationclick', (/** @type {any} */ event) => {
    const { notification } = event;
    const { task_id, actions, tag } = notification.data ?? { task_id: null, actions: [], tag: 'taskflow' };
    notification.close();
    const chosen = actions.find((/** @type {{ action: string }} */ { action }) => action === event.action);
    event.waitUntil(chosen ? answer(chosen.url, tag) : open(task_id));
  });
  // The page subscribes again at its next visit, because it has the token.
  worker.addEventListener('pushsubscriptionchange', (/** @type {any} */ event) => {
    const tell = async () => {
      for (const window of await worker.clients.matchAll({ type: 'window' })) window.postMessage(CHANGED);
    };
    event.waitUntil(tell());
  });
})();
