// <notification-list>: fired reminders with their read state, each with buttons that snooze it and complete its task. A new one shows a toast and, if
// enabled, a desktop notification.

import { setDone, tasks } from './actions.js';
import { Problem, listNotices, readNotice, snoozeReminder, textOf } from './api.js';
import { byId, find, h, icon, setText } from './dom.js';
import { Key, keep, kept } from './kept.js';
import { inFull, inWords, timeInWords } from './time.js';
import { toast } from './toasts.js';
import { show } from './view.js';

/** @typedef {import('./api.js').Notice} Notice */

/** Maximum notifications shown, newest first. */
const SHOWN_MAX = 200;
/** Maximum answers read to catch up; the service sends 200 per answer. */
const ANSWERS_MAX = 20;
/** Maximum toasts for notifications that arrived earlier; the list has them all. */
const TOLD_MAX = 3;
/** How long a reminder can be snoozed for, as on pushed notifications and in mails. */
const PAUSES = ['10 minutes', '1 hour'];

/** Tells this browser's other windows which notifications were read. */
const channel = new BroadcastChannel('taskflow.notifications');

export class NotificationList extends HTMLElement {
  /** @type {Map<number, Notice>} */
  #all = new Map();
  /** Toasts of unread notifications. @type {Map<number, import('./toasts.js').Toast>} */
  #toasts = new Map();
  /** Id of the last known notification, to resume from. Null until the list was loaded. @type {number | null} */
  lastId = null;
  #failure = '';
  #list = find(this, 'ul', HTMLUListElement);
  #none = find(this, '.none', HTMLElement);
  #readAll = find(this, '.read-all', HTMLButtonElement);
  #bell = byId('bell', HTMLButtonElement);
  #badge = byId('unread', HTMLElement);

  connectedCallback() {
    this.#readAll.addEventListener('click', () => {
      this.#bell.focus();
      for (const notice of [...this.#all.values()]) void this.read(notice.id);
    });
    channel.addEventListener('message', ({ data }) => this.#markRead(Number(data)));
    // A task may have another title since, and "today" may be yesterday.
    this.addEventListener('beforetoggle', () => this.#draw());
    this.#draw();
  }

  /** Loads all notifications, or the new ones, and shows toasts for unread ones. */
  async load() {
    const isFirst = this.lastId === null;
    try {
      /** @type {Notice[]} */
      const fresh = [];
      for (let answers = 0; answers < ANSWERS_MAX; answers += 1) {
        // First the newest ones with their read state; if there are more than one answer holds, the following ones.
        const came = (await listNotices(answers === 0 ? null : this.lastId)).filter((notice) => this.#add(notice));
        if (came.length === 0) break;
        fresh.push(...came);
      }
      this.lastId ??= 0;
      this.#failure = '';
      if (!isFirst) this.#tellAll(fresh);
    } catch (error) {
      this.#failure = textOf(error);
      throw error;
    } finally {
      this.#draw();
    }
  }

  /** Handles a new notification. @param {Omit<Notice, 'read_at'>} notice */
  came(notice) {
    this.#add({ ...notice, read_at: null });
    const now = this.#all.get(notice.id);
    // The first list, which tells nothing, may have brought it a moment before.
    if (now && !this.#toasts.has(notice.id)) this.#tellAll([now]);
    this.#draw();
  }

  /** Returns true if it was not known. @param {Notice} notice */
  #add(notice) {
    const known = this.#all.get(notice.id);
    // A notification just read here stays read, whatever an answer in transit says.
    this.#all.set(notice.id, known?.read_at && !notice.read_at ? { ...notice, read_at: known.read_at } : notice);
    this.lastId = Math.max(this.lastId ?? 0, notice.id);
    return !known;
  }

  /** @param {Notice[]} notices */
  #tellAll(notices) {
    const unread = notices.filter(({ read_at }) => !read_at);
    for (const notice of unread.slice(-TOLD_MAX)) {
      const said = toast(notice.body, { title: notice.title, kind: 'reminder', sticky: true, actions: [...this.#answers(notice), { label: 'Open', run: () => this.#open(notice) }] });
      this.#toasts.set(notice.id, said);
      tellDesktop(notice, () => this.#open(notice));
    }
  }

  /** Returns the actions of a notification. Notifications of the previous release do not name their reminder. @param {Notice} notice @returns {import('./toasts.js').Action[]} */
  #answers({ id, task_id, reminder_id, title }) {
    const snooze = async (/** @type {string} */ pause) => {
      const { scheduled_at } = await snoozeReminder(/** @type {number} */ (reminder_id), pause);
      toast(`Taskflow reminds you of “${title}” again at ${timeInWords(scheduled_at)}.`);
    };
    const complete = async () => {
      const task = await tasks.fetch(task_id);
      if (task.status === 'pending') setDone(task, true);
    };
    const action = (/** @type {string} */ label, /** @type {string} */ about, /** @type {() => Promise<void>} */ act) => ({ label, about: `${about}: ${title}`, run: () => void this.#attempt(id, act) });
    const snoozes = PAUSES.map((pause) => action(`In ${pause}`, `Remind me again in ${pause}`, () => snooze(pause)));
    return [...(reminder_id ? snoozes : []), action('Complete', 'Complete', complete)];
  }

  /** Marks one as read if `act` succeeds. @param {number} id @param {() => Promise<void>} act */
  async #attempt(id, act) {
    try {
      await act();
    } catch (error) {
      toast(textOf(error), { title: 'The action failed', kind: 'bad' });
      return;
    }
    await this.read(id);
  }

  /** @param {Notice} notice */
  #open(notice) {
    void this.read(notice.id);
    if (this.matches(':popover-open')) this.hidePopover();
    show({ task: notice.task_id });
  }

  /** @param {number} id */
  async read(id) {
    const notice = this.#all.get(id);
    if (!notice || notice.read_at) return;
    this.#markRead(id);
    try {
      await readNotice(id);
      channel.postMessage(id);
    } catch (error) {
      if (error instanceof Problem && error.status === 404) return;
      this.#all.set(id, notice);
      this.#draw();
      toast(textOf(error), { title: 'The notification was not marked as read', kind: 'bad' });
    }
  }

  /** @param {number} id */
  #markRead(id) {
    const notice = this.#all.get(id);
    this.#toasts.get(id)?.remove();
    this.#toasts.delete(id);
    if (!notice || notice.read_at) return;
    this.#all.set(id, { ...notice, read_at: new Date().toISOString() });
    this.#draw();
  }

  #draw() {
    const sorted = [...this.#all.values()].sort((a, b) => b.id - a.id);
    const unread = sorted.filter(({ read_at }) => !read_at).length;
    this.#badge.hidden = unread === 0;
    setText(this.#badge, unread > 99 ? '99+' : String(unread));
    this.#bell.setAttribute('aria-label', unread ? `Notifications, ${unread} unread` : 'Notifications');
    document.title = `${unread ? `(${unread}) ` : ''}${document.title.replace(/^\(\d+\) /, '')}`;
    this.#readAll.hidden = unread === 0;
    this.#none.hidden = sorted.length > 0;
    setText(this.#none, this.#failure ? `The notifications could not be loaded. ${this.#failure}` : 'No notifications yet. Reminders appear here.');
    const focused = this.#list.contains(document.activeElement) ? document.activeElement?.closest('li')?.dataset.id : undefined;
    this.#list.replaceChildren(...sorted.slice(0, SHOWN_MAX).map((notice) => this.#item(notice)));
    if (focused !== undefined) find(this.#list, `[data-id="${focused}"] .notice-open`, HTMLElement).focus();
  }

  /** @param {Notice} notice */
  #item(notice) {
    const isUnread = !notice.read_at;
    const read = isUnread && h('button', { className: 'icon-button small', 'aria-label': `Mark read: ${notice.title}`, title: 'Mark read', onclick: () => void this.read(notice.id) }, icon('check'));
    return h(
      'li',
      { className: isUnread ? 'notice unread' : 'notice', 'data-id': notice.id },
      h(
        'button',
        { className: 'notice-open', onclick: () => this.#open(notice) },
        isUnread && h('span', { className: 'sr', textContent: 'Unread: ' }),
        h('span', { className: 'notice-title', dir: 'auto', textContent: tasks.get(notice.task_id)?.title ?? notice.title }),
        h('span', { className: 'muted', textContent: notice.body }),
        h('time', { className: 'muted', dateTime: notice.created_at, title: inFull(notice.created_at), textContent: `Reminded ${inWords(notice.created_at)}` }),
      ),
      read,
      isUnread && h('div', { className: 'answers' }, ...this.#answers(notice).map(({ label, about, run }) => h('button', { className: 'quiet', 'aria-label': about, textContent: label, onclick: run }))),
    );
  }
}

/** Whether reminders are shown on the desktop while a window is open. @returns {'on' | 'off' | 'denied' | 'none'} */
export function desktopState() {
  if (!('Notification' in window)) return 'none';
  if (Notification.permission === 'denied') return 'denied';
  return Notification.permission === 'granted' && kept(Key.desktop) === 'on' ? 'on' : 'off';
}

/**
 * Enables notifications on the desktop, for which the browser may ask the user, or disables them.
 *
 * @param {boolean} isOn
 */
export async function setDesktop(isOn) {
  keep(Key.desktop, isOn && (await Notification.requestPermission()) === 'granted' ? 'on' : null);
}

/**
 * Shows a notification, unless the page is visible or the service worker shows it, because this browser is subscribed to pushes. Several windows show
 * the same one once.
 *
 * @param {Notice} notice
 * @param {() => void} open
 */
function tellDesktop(notice, open) {
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
