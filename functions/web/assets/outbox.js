// Changes that the service has not received yet, in order. Each is on disk before it is sent, and stays there until the service has it, so
// that a closed window, a lost answer or a day without a network loses nothing. Only one window of this browser sends at a time.
//
// A change carries the previous values of its fields. If the task has changed elsewhere, only the same field is a conflict.

import { Problem, getTask, newKey, sendChange, token } from './api.js';
import { soon } from './dom.js';
import { Key, changes } from './kept.js';
import { erase, inStore, readAll, write } from './store.js';

/** @typedef {import('./api.js').Task} Task */
/** @typedef {Partial<Task>} Patch */

/**
 * @typedef {object} Change
 * @property {number} key its position
 * @property {'create' | 'update' | 'complete' | 'reopen' | 'delete' | 'restore' | 'skip' | 'undo' | 'bulk'} kind
 * @property {number} id of the task; negative until the service has assigned one
 * @property {string} title of the task
 * @property {any} [body] body of the call
 * @property {Patch} [patch] the visible effect before the service has it
 * @property {Patch} [before] previous values of these fields
 * @property {number} [version] of the task that the user saw
 * @property {number[]} [ids] of the tasks, in bulk
 * @property {string} [once] makes a retry after a lost answer safe
 * @property {string} [line] as typed
 * @property {Refusal} [refused]
 */
/** @typedef {{ status: number, text: string, now?: Task | undefined, fields?: (keyof Task)[] | undefined }} Refusal why the service refused the change, and in a conflict the current task */
/** @typedef {{ task: Task | null, change: string | null, isMerged: boolean, sent?: number, results?: import('../api.d.ts').BulkResult[] }} Answer */

/** Statuses that leave the change in the queue. */
const AWAY = new Set([0, 401, 408, 429, 502, 503, 504]);
/** Milliseconds before the first and the later retries. */
const RETRY_MIN = 1_000;
const RETRY_MAX = 30_000;
/** Maximum retries of a change that met a newer version of the task, but not of its fields. */
const MERGES_MAX = 3;

/** The service refused the change, or the same field was changed elsewhere. */
export class Refused extends Error {
  /** @param {Change} change @param {Refusal} refusal */
  constructor(change, refusal) {
    super(refusal.text);
    this.name = 'Refused';
    this.change = change;
    this.refusal = refusal;
  }
}

/** Normalises a value, so that two spellings of it are equal. @param {string} field @param {any} value */
function plain(field, value) {
  if (value === null || value === undefined || value === '') return null;
  if (field === 'due_date') return Date.parse(value);
  if (field === 'reminder_offset' || field === 'recurrence_rule') return String(value).toLowerCase().replace(/s$/, '');
  if (field === 'title') return String(value).trim();
  return JSON.stringify(value);
}

/** @param {string} field @param {unknown} a @param {unknown} b */
const isSame = (field, a, b) => plain(field, a) === plain(field, b);

/** @type {(name: string, act: () => Promise<void>) => Promise<unknown>} Without a secure context a browser has no locks. */
const alone = (name, act) => ('locks' in navigator ? navigator.locks.request(name, act) : act());

/** Returns the change with the task's new id. @param {Change} change @param {number} from @param {number} to @returns {Change} */
function renamed(change, from, to) {
  const ids = change.ids?.map((id) => (id === from ? to : id));
  return { ...change, id: change.id === from ? to : change.id, ...(ids ? { ids, body: { ...change.body, ids } } : {}) };
}

/** Dispatches `change` when the number of waiting or refused changes differs, and `sent` with the service's answer. */
export class Outbox extends EventTarget {
  /** Waiting and refused changes, in order. @type {Change[]} */
  all = [];
  /** True if the last attempt did not reach the service. */
  isAway = false;
  /** The reason. */
  reason = '';

  #channel = new BroadcastChannel('taskflow.changes');
  /** Callers in this window that wait for the answer. @type {Map<number, { resolve: (answer: Answer | null) => void, reject: ((error: Refused) => void) | null }>} */
  #callers = new Map();
  /** Keys of changes that are not on disk yet. @type {Set<number>} */
  #writing = new Set();
  /** Version of each task after this browser's last change. @type {Map<number, number>} */
  #versions = new Map();
  /** Ids that the service assigned to tasks created here. @type {Map<number, number>} */
  #ids = new Map();
  #isSending = false;
  #isAsked = false;
  #wait = RETRY_MIN;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #tell = soon(() => this.dispatchEvent(new Event('change')));

  constructor() {
    super();
    this.#channel.addEventListener('message', ({ data: [what, ...rest] }) => this.#heard(what, rest));
    for (const name of ['online', 'focus']) addEventListener(name, () => this.flush());
    changes.addEventListener('change', (event) => {
      if (/** @type {CustomEvent<string>} */ (event).detail === Key.token && token()) this.flush();
    });
  }

  /** Resumes the changes of an earlier visit. @param {Change[]} left */
  resume(left) {
    const known = new Set(this.all.map(({ key }) => key));
    this.all = [...left.filter(({ key }) => !known.has(key)), ...this.all].sort((a, b) => a.key - b.key);
    this.#tell();
    if (this.all.length) this.flush();
  }

  /** Changes that wait. */
  get waiting() {
    return this.all.filter(({ refused }) => !refused);
  }

  /** Number of waiting changes that survive the end of this window. */
  get kept() {
    return this.waiting.filter(({ key }) => !this.#writing.has(key)).length;
  }

  /** Changes that need a decision of the user. */
  get refused() {
    return this.all.filter(({ refused }) => refused);
  }

  /** Returns the service's id of a task created here, if it has one. @param {number} id */
  idNow(id) {
    return this.#ids.get(id) ?? id;
  }

  /** Returns the version of a task to be changed. @param {number} id @param {number} seen */
  versionOf(id, seen) {
    return Math.max(seen, this.#versions.get(id) ?? 0);
  }

  /**
   * Queues a change and shows it at once.
   *
   * @param {Omit<Change, 'key'>} change
   * @param {boolean} [isOwn] whether the caller handles a refusal; otherwise the list of refused changes does
   * @returns {{ change: Change, answer: Promise<Answer | null> }} an answer of null if it was refused or withdrawn
   */
  add(change, isOwn = false) {
    const key = Math.max(Date.now() * 1_000, (this.all.at(-1)?.key ?? 0) + 1);
    const entry = { once: newKey(), ...[...this.#ids].reduce((own, [from, to]) => renamed(own, from, to), { ...change, key }) };
    this.all.push(entry);
    this.#writing.add(key);
    this.#tell();
    /** @type {Promise<Answer | null>} */
    const answer = new Promise((resolve, reject) => this.#callers.set(key, { resolve, reject: isOwn ? reject : null }));
    // Sent even if the browser stores nothing.
    write('changes', entry).catch(() => {}).finally(() => {
      this.#writing.delete(key);
      this.#tell();
      this.#channel.postMessage(['added', entry]);
      this.flush();
    });
    return { change: entry, answer };
  }

  /** True if a change was certainly not sent. @param {Change} change */
  isUnsent({ key }) {
    return this.isAway && !this.#isSending && this.all.some((other) => other.key === key);
  }

  /** Withdraws a change that was not sent, or was refused. @param {Change} change */
  async withdraw({ key, id, kind }) {
    // Changes of a task that will not exist go with it.
    const gone = this.all.filter((other) => other.key === key || (kind === 'create' && other.id === id));
    for (const other of gone) {
      this.#heard('removed', [other.key]);
      this.#channel.postMessage(['removed', other.key]);
      await erase('changes', other.key).catch(() => {});
    }
  }

  /** Sends a refused change again, on top of the version that caused the refusal. @param {Change} change @param {Partial<Change>} [parts] replacements for parts of the change */
  async retry(change, parts = {}) {
    const { refused, ...entry } = { ...change, ...parts };
    await write('changes', entry).catch(() => {});
    this.#heard('added', [entry]);
    this.#channel.postMessage(['added', entry]);
    this.flush();
  }

  /** Deletes all changes. */
  clear() {
    this.all = [];
    this.#tell();
  }

  /** Sends waiting changes. */
  flush() {
    if (this.#isSending) {
      this.#isAsked = true;
      return;
    }
    if (!this.waiting.length) return;
    clearTimeout(this.#timer);
    this.#isSending = true;
    void alone('taskflow.changes', () => this.#sendAll()).finally(() => {
      this.#isSending = false;
      if (this.#isAsked) {
        this.#isAsked = false;
        this.flush();
      }
    });
  }

  async #sendAll() {
    for (;;) {
      const all = await this.#stored();
      // Later changes of a task with a refused change wait for the user too.
      const entry = all.find(({ refused, id, ids = [], kind }) => !refused && (kind === 'create' || [id, ...ids].every((own) => own >= 0)));
      if (!entry) return this.#setAway('');
      try {
        const answer = await this.#send(entry);
        await this.#settle(entry, answer);
        this.#wait = RETRY_MIN;
        this.#setAway('');
      } catch (error) {
        if (error instanceof Problem && AWAY.has(error.status)) return this.#later(error);
        const refusal = error instanceof Refused ? error.refusal : { status: error instanceof Problem ? error.status : 0, text: error instanceof Problem ? error.text : String(error) };
        if (!(error instanceof Problem || error instanceof Refused)) console.error(error);
        const refused = { ...entry, refused: refusal };
        await write('changes', refused).catch(() => {});
        this.#heard('refused', [refused]);
        this.#channel.postMessage(['refused', refused]);
      }
    }
  }

  /** Changes of all windows: another one may have sent some that this one still holds. */
  async #stored() {
    const stored = await readAll('changes').catch(() => null);
    return stored ?? this.all;
  }

  /** @param {string} reason empty if the service is reachable */
  #setAway(reason) {
    if (this.reason === reason) return;
    this.reason = reason;
    this.isAway = reason !== '';
    this.#tell();
  }

  /** @param {Problem} problem */
  #later(problem) {
    this.#timer = setTimeout(() => this.flush(), this.#wait);
    this.#wait = Math.min(RETRY_MAX, this.#wait * 2);
    this.#setAway(problem.text);
  }

  /** @param {Change} entry @returns {Promise<Answer>} */
  async #send(entry) {
    const { kind, id, before, version = 0 } = entry;
    for (let merges = 0, sent = this.versionOf(id, version); ; merges += 1) {
      try {
        return { ...(await sendChange(entry, before ? sent : null)), isMerged: merges > 0, sent };
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        if (error.status === 404 && (kind === 'delete' || kind === 'undo')) return { task: null, change: null, isMerged: false };
        if (error.status !== 412 || !before) throw error;
        const now = await getTask(id);
        // The `due_date` of an all-day task follows from its `due_day`, so it is not compared.
        const fields = /** @type {(keyof Task)[]} */ (Object.keys(before)).filter((field) => field !== 'completed_at' && !(field === 'due_date' && entry.patch?.due_day));
        // The answer was lost: the service has the change.
        if (fields.every((field) => isSame(field, now[field], entry.patch?.[field]))) return { task: now, change: null, isMerged: false };
        const both = fields.filter((field) => !isSame(field, now[field], before[field]) && !isSame(field, now[field], entry.patch?.[field]));
        if (both.length || merges >= MERGES_MAX) throw new Refused(entry, { status: 412, text: 'It was also changed elsewhere.', now, fields: both });
        sent = now.version;
      }
    }
  }

  /** Removes a change, and gives later ones the id that the service assigned. @param {Change} entry @param {Answer} answer */
  async #settle(entry, answer) {
    const id = answer.task?.id;
    await inStore('changes', 'readwrite', (store) => {
      store.delete(entry.key);
      if (entry.kind !== 'create' || id === undefined) return;
      const walk = store.openCursor();
      walk.onsuccess = () => {
        const cursor = walk.result;
        if (!cursor) return;
        if (cursor.value.id === entry.id || cursor.value.ids?.includes(entry.id)) cursor.update(renamed(cursor.value, entry.id, id));
        cursor.continue();
      };
    }).catch(() => {});
    this.#heard('sent', [entry, answer]);
    this.#channel.postMessage(['sent', entry, answer]);
  }

  /** Handles an event of this window or another one. @param {string} what @param {any[]} rest */
  #heard(what, [one, answer]) {
    if (what === 'added' || what === 'refused') {
      const caller = what === 'refused' ? this.#callers.get(one.key) : undefined;
      this.all = [...this.all.filter(({ key }) => key !== one.key), one].sort((a, b) => a.key - b.key);
      if (caller) {
        this.#callers.delete(one.key);
        if (caller.reject) caller.reject(new Refused(one, one.refused));
        else caller.resolve(null);
      }
    } else if (what === 'removed') {
      this.all = this.all.filter(({ key }) => key !== one);
      this.#callers.get(one)?.resolve(null);
      this.#callers.delete(one);
    } else if (what === 'sent') {
      const { task } = answer;
      // Only changes by this browser are known here; changes from elsewhere are compared field by field.
      if (task && !answer.isMerged && task.version === (answer.sent ?? 0) + 1) this.#versions.set(task.id, task.version);
      this.all = this.all.filter(({ key }) => key !== one.key);
      if (one.kind === 'create' && task) {
        this.#ids.set(one.id, task.id);
        this.all = this.all.map((other) => renamed(other, one.id, task.id));
      }
      this.dispatchEvent(new CustomEvent('sent', { detail: { change: one, answer } }));
      this.#callers.get(one.key)?.resolve(answer);
      this.#callers.delete(one.key);
    }
    this.#tell();
  }
}
