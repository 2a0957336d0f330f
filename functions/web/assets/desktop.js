// Reminders on the desktop, if a person asked for them and the browser agrees.

import { Key, keep, kept } from './kept.js';

/** @returns {'on' | 'off' | 'denied' | 'none'} */
export function desktopState() {
  if (!('Notification' in window)) return 'none';
  if (Notification.permission === 'denied') return 'denied';
  return Notification.permission === 'granted' && kept(Key.desktop) === 'on' ? 'on' : 'off';
}

/**
 * Turns them on, which may ask the person, or off.
 *
 * @param {boolean} isOn
 */
export async function setDesktop(isOn) {
  keep(Key.desktop, isOn && (await Notification.requestPermission()) === 'granted' ? 'on' : null);
}

/** Tells on the application's icon how many tasks are overdue. @param {number} count */
export const showBadge = (count) => void navigator.setAppBadge?.(count).catch(() => {});

/**
 * Shows one, unless the page is in sight anyway, or the service worker shows it because this browser is subscribed to pushes. Windows that hear of the
 * same one show it once.
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
    // Some phones know the permission, but let a page show nothing without a service worker; the toast is there.
  }
}
