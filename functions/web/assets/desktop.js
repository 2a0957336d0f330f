// Desktop notifications of reminders, if the user enabled them and the browser permits it.

import { Key, keep, kept } from './kept.js';

/** @returns {'on' | 'off' | 'denied' | 'none'} */
export function desktopState() {
  if (!('Notification' in window)) return 'none';
  if (Notification.permission === 'denied') return 'denied';
  return Notification.permission === 'granted' && kept(Key.desktop) === 'on' ? 'on' : 'off';
}

/**
 * Enables them, for which the browser may ask the user, or disables them.
 *
 * @param {boolean} isOn
 */
export async function setDesktop(isOn) {
  keep(Key.desktop, isOn && (await Notification.requestPermission()) === 'granted' ? 'on' : null);
}

/** Shows the number of overdue tasks on the application's icon. @param {number} count */
export const showBadge = (count) => void navigator.setAppBadge?.(count).catch(() => {});

/**
 * Shows a notification, unless the page is visible or the service worker shows it, because this browser is subscribed to pushes. Several windows show
 * the same one once.
 *
 * @param {import('./api.js').Notice} notice
 * @param {() => void} open
 */
export function tellDesktop(notice, open) {
  if (desktopState() !== 'on' || kept(Key.device) || (document.visibilityState === 'visible' && document.hasFocus())) return;
  try {
    const shown = new Notification(notice.title, { body: notice.body, tag: `taskflow-${notice.id}`, icon: '/assets/icon-192.png' });
    shown.onclick = () => {
      focus();
      shown.close();
      open();
    };
  } catch {
    // Some phones grant the permission, but need a service worker to show anything; the toast is shown anyway.
  }
}
