// <connection-state>: the WebSocket for changes and reminders, and its state. A lost connection is retried with growing pauses, and resumes after the
// last known notification. <away-banner>: one line while the service is unreachable: which list is shown, how old it is, and how many changes wait.

import { tasks } from './actions.js';
import { Problem, enterToken, textOf, token } from './api.js';
import { byId, find, h, setText } from './dom.js';
import { Key, changes } from './kept.js';
import { NotificationList } from './notices.js';
import { inWords } from './time.js';
import { view } from './view.js';

/** Milliseconds between two pings, and time limit of the answer, which detects a dead connection. */
const PING_EVERY = 25_000;
const PONG_WITHIN = 10_000;
/** Time limit of the handshake, in milliseconds. */
const OPEN_WITHIN = 15_000;
/** Milliseconds before the first retry, and maximum pause. */
const RETRY_MIN = 500;
const RETRY_MAX = 30_000;
/** Milliseconds after which an unsent change counts as waiting. */
const PATIENCE = 1_500;

/** @param {string} text */
const base64url = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text))).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');

/** @typedef {'connecting' | 'live' | 'waiting' | 'offline' | 'locked'} State */

export class ConnectionState extends HTMLElement {
  #words = find(this, '.words', HTMLElement);
  #button = find(this, 'button', HTMLButtonElement);
  /** @type {WebSocket | null} */
  #socket = null;
  #tries = 0;
  /** @type {State} */
  #state = 'connecting';
  /** @type {Set<ReturnType<typeof setTimeout>>} */
  #timers = new Set();

  connectedCallback() {
    // A new token restarts the connection; without a new token nothing changes.
    this.#button.addEventListener('click', () => void (this.#state === 'locked' ? enterToken() : this.restart()));
    addEventListener('online', () => this.restart());
    addEventListener('offline', () => this.#later());
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') this.#wake();
    });
    changes.addEventListener('change', (event) => {
      if (/** @type {CustomEvent<string>} */ (event).detail === Key.token) this.restart();
    });
    this.connect();
  }

  #notices() {
    return byId('notifications', NotificationList);
  }

  /** A page in the background may have lost its connection silently. */
  #wake() {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#ping();
    else if (this.#state !== 'locked') this.restart();
  }

  /** Reconnects at once. */
  restart() {
    this.#tries = 0;
    this.connect();
  }

  /** @param {() => void} act @param {number} after in milliseconds */
  #in(act, after) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, after);
    this.#timers.add(timer);
    return timer;
  }

  #stop() {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  connect() {
    this.#stop();
    this.#show('connecting', 'Connecting…');
    const { lastId } = this.#notices();
    const url = new URL('/ws/notifications', location.href);
    url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
    if (lastId !== null) url.searchParams.set('after', String(lastId));
    const own = token();
    // The token is sent as a subprotocol, because logs and the browser's history store addresses.
    const socket = new WebSocket(url, own ? ['taskflow', `bearer.${base64url(own)}`] : ['taskflow']);
    this.#socket = socket;
    const mine = (/** @type {() => void} */ act) => () => this.#socket === socket && act();
    socket.addEventListener('open', mine(() => this.#opened()));
    socket.addEventListener('close', mine(() => this.#closed()));
    socket.addEventListener('message', ({ data }) => this.#socket === socket && this.#received(String(data)));
    this.#in(() => this.#closed(), OPEN_WITHIN);
  }

  #opened() {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#show('live', 'Live');
    // Subscribed first, then loaded, so that nothing is missed. The list came before the connection, which takes seconds if functions start for it.
    this.#notices().load().catch(() => {
      // The list of notifications reports the error.
    });
    tasks.outbox.flush();
    const { task } = view();
    // The open task need not be in the list.
    if (task === null) tasks.refreshSoon();
    else tasks.heard('task.updated', task, {});
    this.#in(() => this.#ping(), PING_EVERY);
  }

  #ping() {
    this.#socket?.send('{"type":"ping"}');
    this.#in(() => this.#later(), PONG_WITHIN);
  }

  /** A socket does not report why it was refused, but a call does, and asks for the token if that is the reason. */
  async #closed() {
    const wasLive = this.#state === 'live';
    this.#later();
    if (wasLive || !navigator.onLine) return;
    try {
      await this.#notices().load();
    } catch (error) {
      if (error instanceof Problem && error.status === 401) {
        this.#stop();
        this.#show('locked', 'Access token required');
      }
    }
  }

  /** Reconnects after a pause, which differs between pages. */
  #later() {
    this.#stop();
    const wait = Math.min(RETRY_MAX, RETRY_MIN * 2 ** Math.min(this.#tries, 10)) * (0.5 + Math.random() / 2);
    this.#tries += 1;
    if (navigator.onLine) this.#show('waiting', 'Reconnecting…');
    else this.#show('offline', 'Offline');
    this.#in(() => this.connect(), wait);
  }

  /** @param {string} text */
  #received(text) {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#in(() => this.#ping(), PING_EVERY);
    // Only a connection that carried a message resets the pause; one that merely opens and closes does not.
    this.#tries = 0;
    let frame;
    try {
      frame = JSON.parse(text);
    } catch {
      return;
    }
    const { type, ...rest } = frame;
    if (type === 'notification') this.#notices().came(rest);
    if (type === 'imported') tasks.refreshSoon();
    if (type === 'update') tasks.heard(rest.event_type, rest.task_id, rest.update_data ?? {});
  }

  /** @param {State} state @param {string} words */
  #show(state, words) {
    this.#state = state;
    this.dataset.state = state;
    setText(this.#words, words);
    setText(this.#button, state === 'locked' ? 'Enter it' : 'Try now');
    this.#button.hidden = state === 'live' || state === 'connecting';
  }
}

export class AwayBanner extends HTMLElement {
  #words = h('p', { className: 'grow', role: 'status' });
  #again = h('button', { className: 'quiet', textContent: 'Try now', onclick: () => this.#try() });
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** True if changes have waited for a while. */
  #isLong = false;

  connectedCallback() {
    this.append(this.#words, this.#again);
    tasks.addEventListener('change', () => this.#draw());
    tasks.outbox.addEventListener('change', () => this.#draw());
    this.#draw();
  }

  #try() {
    tasks.outbox.flush();
    void tasks.refresh();
  }

  #draw() {
    const { failure, outbox, total, answeredAt } = tasks;
    const waiting = outbox.kept;
    if (!waiting) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#isLong = false;
    } else {
      this.#timer ??= setTimeout(() => {
        this.#isLong = true;
        this.#draw();
      }, PATIENCE);
    }
    const waits = waiting && (outbox.isAway || this.#isLong) ? `${waiting === 1 ? '1 change waits' : `${waiting} changes wait`} on this device.` : '';
    const isCut = failure instanceof Problem && failure.status === 0 && !navigator.onLine;
    const why = failure === null || total === null ? '' : isCut ? 'You are offline.' : textOf(failure);
    const seen = why && answeredAt ? `Last loaded: ${inWords(answeredAt.toISOString())}.` : '';
    const text = [why, seen, waits].filter(Boolean).join(' ');
    this.hidden = !text;
    setText(this.#words, text);
  }
}

customElements.define('away-banner', AwayBanner);
customElements.define('notification-list', NotificationList);
customElements.define('connection-state', ConnectionState);
