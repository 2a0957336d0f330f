// <connection-state>: the WebSocket that tells of changes elsewhere and of reminders, and how it is. A connection that is lost is
// tried again, each time after a longer while, and resumes after the last notification that is known.

import { tasks } from './actions.js';
import { Problem, enterToken, token } from './api.js';
import { byId, find, setText } from './dom.js';
import { Key, changes } from './kept.js';
import './away.js';
import { NotificationList } from './notices.js';

/** Milliseconds between two pings, and how long an answer may take: a connection that is dead without a word is noticed. */
const PING_EVERY = 25_000;
const PONG_WITHIN = 10_000;
/** Milliseconds that a handshake may take. */
const OPEN_WITHIN = 15_000;
/** Milliseconds to the first and to the last kind of another try. */
const RETRY_MIN = 500;
const RETRY_MAX = 30_000;

/** @param {string} text */
const base64url = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text))).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');

/** @typedef {'connecting' | 'live' | 'waiting' | 'offline' | 'locked'} State */

export class ConnectionState extends HTMLElement {
  #words = find(this, '.words', HTMLElement);
  #button = find(this, 'button', HTMLButtonElement);
  /** @type {WebSocket | null} */
  #socket = null;
  #tries = 0;
  #wasLive = false;
  /** @type {State} */
  #state = 'connecting';
  /** @type {Set<ReturnType<typeof setTimeout>>} */
  #timers = new Set();

  connectedCallback() {
    // With a token, keeping it restarts; without, nothing would be other than before.
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

  /** A page that sleeps in the background may have lost its connection without a word. */
  #wake() {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#ping();
    else if (this.#state !== 'locked') this.restart();
  }

  /** Tries at once. */
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
    // The token travels as a subprotocol, which no log and no history keeps as they keep an address.
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
    // Subscribed first, loaded then: nothing falls between. What changed while nobody listened, the list has to ask for.
    this.#notices().load().catch(() => {
      // The list of notifications says so.
    });
    tasks.outbox.flush();
    if (this.#wasLive || tasks.failure !== null || tasks.isKept) void tasks.refresh();
    this.#wasLive = true;
    this.#in(() => this.#ping(), PING_EVERY);
  }

  #ping() {
    this.#socket?.send('{"type":"ping"}');
    this.#in(() => this.#later(), PONG_WITHIN);
  }

  /** A socket cannot say why it was refused; a call can, and it asks for the token if that is why. */
  async #closed() {
    const wasLive = this.#state === 'live';
    this.#later();
    if (wasLive || !navigator.onLine) return;
    try {
      await this.#notices().load();
    } catch (error) {
      if (error instanceof Problem && error.status === 401) {
        this.#stop();
        this.#show('locked', 'Access token needed');
      }
    }
  }

  /** Tries again after a while, and not all pages at the same moment. */
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
    // A connection that carries something is a good one; one that only opens and closes keeps its while.
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

customElements.define('notification-list', NotificationList);
customElements.define('connection-state', ConnectionState);
