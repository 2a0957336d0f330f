// Values that this browser stores between visits: the token, the theme and others. Other windows are notified of changes.

/** The keys; all begin with the product's name. */
export const Key = Object.freeze({
  token: 'taskflow.token',
  theme: 'taskflow.theme',
  desktop: 'taskflow.desktop-notifications',
  shortcuts: 'taskflow.single-key-shortcuts',
  chat: 'taskflow.chat-open',
  /** How the list looked last, for first.js. */
  picture: 'taskflow.picture',
  conversation: 'taskflow.conversation',
  introduced: 'taskflow.introduced',
  device: 'taskflow.push-device',
  askedPush: 'taskflow.asked-for-push',
  locale: 'taskflow.locale',
  hours: 'taskflow.hours',
  weekStart: 'taskflow.week-start',
});

/** Dispatches `change` with the key as `detail`, from this window or another one. */
export const changes = new EventTarget();

/**
 * Values of this visit, in a browser that stores nothing (private mode).
 *
 * @type {Map<string, string>}
 */
const visit = new Map();

/**
 * @param {string} key
 * @returns {string | null}
 */
export function kept(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return visit.get(key) ?? null;
  }
}

/**
 * Stores a value; null deletes it.
 *
 * @param {string} key
 * @param {string | null} value
 */
export function keep(key, value) {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    if (value === null) visit.delete(key);
    else visit.set(key, value);
  }
  changes.dispatchEvent(new CustomEvent('change', { detail: key }));
}

/** True if keyboard shortcuts are enabled; WCAG 2.1.4 requires that they can be turned off. */
export const hasShortcuts = () => kept(Key.shortcuts) !== 'off';

addEventListener('storage', ({ key }) => {
  if (key) changes.dispatchEvent(new CustomEvent('change', { detail: key }));
});
