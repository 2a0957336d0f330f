// The tasks as this page knows them: a window on a list that may be long, what the service said last of each task, and, on top of
// it, changes that are on their way. A change is shown at once, sent with the version it was made on, and taken back if it fails.

import { Problem, createTask, deleteTask, findTasks, getTask, isAborted, newKey, restoreTask, setDone, updateTask } from './api.js';
import { soon } from './dom.js';
import { here, instantOf, isDay } from './time.js';

/** @typedef {import('./api.js').Task} Task */
/** @typedef {import('./api.js').TaskChange} TaskChange */
/** @typedef {import('./api.js').Query} Query */
/** @typedef {Partial<Task>} Patch */

/** Tasks of one call: more than are in sight, and few enough to come at once. */
export const PAGE = 50;
/** Pages that are kept; those farthest from what is seen go first. */
const PAGES_MAX = 100;
/** Tasks beyond those of the pages that are kept for the detail pane and for changes under way. */
const STRAYS_MAX = 200;
/** How often a change that met a newer version of the task, but not of its fields, is sent again. */
const MERGES_MAX = 3;
/** Milliseconds after a change elsewhere until the list is asked again: a few that come together make one. */
const GATHER = 40;
/** Milliseconds between two such calls at least: many that come one by one make a few. */
const CALM = 250;

/** Somebody else changed what this change was to change. */
export class Conflict extends Error {
  /**
   * @param {Task} now the task as it is
   * @param {Patch} mine what was to be written
   * @param {(keyof Task)[]} fields those that both changed
   */
  constructor(now, mine, fields) {
    super(`“${now.title}” was changed elsewhere in the meantime.`);
    this.name = 'Conflict';
    this.now = now;
    this.mine = mine;
    this.fields = fields;
  }
}

/** @param {unknown} a @param {unknown} b */
const isSame = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/**
 * What a change does to the fields that people see, before the service has said so.
 *
 * @param {TaskChange} change
 * @returns {Patch}
 */
function foreseen({ recurrence, recurrence_rule, due_date, all_day: _, recurrence_start: _start, ...others }) {
  const due = due_date && isDay(due_date) ? { due_date: instantOf(`${due_date}T00:00`, here()).toISOString(), due_day: due_date, all_day: true } : { due_date: due_date ?? null, due_day: null, all_day: false };
  const rest = due_date === undefined ? others : { ...others, ...due };
  if (recurrence_rule) return { ...rest, recurrence: 'custom', recurrence_rule };
  return recurrence === undefined ? rest : { ...rest, recurrence, recurrence_rule: null };
}

/**
 * Dispatches `change` after anything that is to be seen, `touched` when tasks themselves changed, `reset` when another list begins, `gone` with the id of a task that is deleted,
 * `merged` with the task of a change that met another one and could keep both.
 */
export class Tasks extends EventTarget {
  /** How many match in all; null until that is known. @type {number | null} */
  total = null;
  /** Why the last call failed. @type {unknown} */
  failure = null;
  /** When the list was last answered. @type {Date | null} */
  answeredAt = null;
  /** Whether the list that is shown is still the one of another question. */
  isLoading = false;

  /** @type {() => Query} */
  #query;
  /** Ids of the tasks of each page. @type {Map<number, number[]>} */
  #pages = new Map();
  /** What the service said last. @type {Map<number, Task>} */
  #known = new Map();
  /** What is on its way, in order. @type {Map<number, { patch: Patch }[]>} */
  #patches = new Map();
  /** Tasks that are being deleted. @type {Set<number>} */
  #leaving = new Set();
  /** The last change of each task that is on its way. @type {Map<number, Promise<unknown>>} */
  #queues = new Map();
  /** The version that the last own change of a task made. @type {Map<number, number>} */
  #ownVersion = new Map();
  /** The call for what is seen that is under way. @type {AbortController | null} */
  #flight = null;
  /** Grows when what is loaded goes out of date: an answer to an older call is dropped. */
  #generation = 0;
  /** Pages that a call is under way for. @type {Set<number>} */
  #asked = new Set();
  /** The pages that are seen. */
  #seen = { first: 0, last: 0 };
  #refreshWanted = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #lastRefresh = 0;
  #tell = soon(() => this.dispatchEvent(new Event('change')));

  /** @param {() => Query} query what to ask for, read anew for each call */
  constructor(query) {
    super();
    this.#query = query;
  }

  /** The task, with what is on its way; undefined if it is not known. @param {number} id @returns {Task | undefined} */
  get(id) {
    const known = this.#known.get(id);
    const patches = this.#patches.get(id);
    return known && patches ? patches.reduce((task, { patch }) => ({ ...task, ...patch }), known) : known;
  }

  /** The task at this place of the list; undefined until it is loaded. @param {number} index */
  at(index) {
    const id = this.#pages.get(Math.floor(index / PAGE))?.[index % PAGE];
    return id === undefined ? undefined : this.get(id);
  }

  /** Whether a task of the list is on its way out. @param {number} id */
  isLeaving(id) {
    return this.#leaving.has(id);
  }

  /** Whether something about the task is on its way. @param {number} id */
  isSaving(id) {
    return this.#patches.has(id);
  }

  /** The loaded tasks with their places, in the order of the list. @returns {Generator<[number, Task]>} */
  *loaded() {
    for (const page of [...this.#pages.keys()].sort((a, b) => a - b)) {
      const ids = this.#pages.get(page) ?? [];
      for (const [at, id] of ids.entries()) {
        const task = this.get(id);
        if (task) yield [page * PAGE + at, task];
      }
    }
  }

  /** The place of a task in the list; -1 if it is not loaded. @param {number} id */
  indexOf(id) {
    for (const [page, ids] of this.#pages) {
      const at = ids.indexOf(id);
      if (at >= 0) return page * PAGE + at;
    }
    return -1;
  }

  /** Another question: what is under way is dropped, and what is shown stays until the answer is there. */
  async load() {
    this.#flight?.abort();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#asked.clear();
    this.isLoading = true;
    this.#seen = { first: 0, last: 0 };
    await this.#fetch([0], true);
  }

  /** Sees to it that these places are loaded. @param {number} first @param {number} last */
  need(first, last) {
    this.#seen = { first: Math.floor(first / PAGE), last: Math.floor(last / PAGE) };
    // What failed is tried again by a person or by the connection that is back, not by the next frame.
    if (this.isLoading || this.total === null || this.failure !== null) return;
    const missing = [];
    for (let page = this.#seen.first; page <= this.#seen.last; page += 1) if (!this.#pages.has(page) && !this.#asked.has(page)) missing.push(page);
    if (missing.length) void this.#fetch(missing, false);
  }

  /** Asks again for what is seen, in a moment; what is not seen is asked for when it is. */
  refreshSoon() {
    this.dispatchEvent(new Event('touched'));
    this.#refreshWanted = true;
    this.#later();
  }

  #later() {
    if (this.#timer !== undefined || this.#flight) return;
    const wait = Math.max(GATHER, this.#lastRefresh + CALM - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.refresh();
    }, wait);
  }

  /** Asks again for what is seen. */
  async refresh() {
    if (this.#flight) {
      this.#refreshWanted = true;
      return;
    }
    this.#refreshWanted = false;
    this.#lastRefresh = performance.now();
    const pages = [];
    for (let page = this.#seen.first; page <= this.#seen.last; page += 1) pages.push(page);
    await this.#fetch(pages, true);
  }

  /**
   * Loads pages, all at once, so that no task is seen twice.
   *
   * @param {number[]} pages
   * @param {boolean} replace whether what else is loaded is out of date
   */
  async #fetch(pages, replace) {
    if (replace) {
      this.#generation += 1;
      this.#flight = new AbortController();
    }
    const generation = this.#generation;
    const flight = replace ? this.#flight : null;
    for (const page of pages) this.#asked.add(page);
    const query = this.#query();
    try {
      const answers = await Promise.all(pages.map((page) => findTasks(query, page * PAGE, PAGE, flight?.signal)));
      if (generation === this.#generation) this.#take(pages, answers, replace);
    } catch (error) {
      if (isAborted(error) || generation !== this.#generation) return;
      this.failure = error;
      this.isLoading = false;
      this.#tell();
    } finally {
      for (const page of pages) this.#asked.delete(page);
      if (flight !== null && this.#flight === flight) {
        this.#flight = null;
        if (this.#refreshWanted) this.#later();
      }
    }
  }

  /**
   * @param {number[]} pages
   * @param {{ tasks: Task[], total: number }[]} answers
   * @param {boolean} replace
   */
  #take(pages, answers, replace) {
    const isReset = this.isLoading;
    if (replace) this.#pages.clear();
    const taken = new Set();
    for (const [at, page] of pages.entries()) {
      const { tasks = [], total = 0 } = answers[at] ?? {};
      // Between two calls the list may have moved by one: the first place of a task counts.
      const fresh = tasks.filter(({ id }) => !taken.has(id));
      for (const task of fresh) {
        taken.add(task.id);
        this.#learn(task);
      }
      this.#pages.set(page, fresh.map(({ id }) => id));
      this.total = total;
    }
    this.failure = null;
    this.isLoading = false;
    this.answeredAt = new Date();
    this.#forget();
    if (isReset) this.dispatchEvent(new Event('reset'));
    this.#tell();
  }

  /** Keeps what is newer than what is known. @param {Task} task */
  #learn(task) {
    const known = this.#known.get(task.id);
    if (!known || known.version <= task.version) {
      this.#known.delete(task.id);
      this.#known.set(task.id, task);
    }
  }

  /** Lets go of pages that are far away, and of tasks that are on no page. */
  #forget() {
    const distance = (/** @type {number} */ page) => Math.max(this.#seen.first - page, page - this.#seen.last, 0);
    const far = [...this.#pages.keys()].sort((a, b) => distance(b) - distance(a));
    for (const page of far.slice(0, Math.max(0, far.length - PAGES_MAX))) this.#pages.delete(page);
    const held = new Set([...this.#pages.values()].flat());
    let strays = this.#known.size - held.size - STRAYS_MAX;
    for (const id of this.#known.keys()) {
      if (strays <= 0) break;
      if (held.has(id) || this.#patches.has(id)) continue;
      this.#known.delete(id);
      this.#ownVersion.delete(id);
      strays -= 1;
    }
  }

  /** Asks the service for one task. @param {number} id @returns {Promise<Task>} */
  async fetch(id) {
    const task = await getTask(id);
    this.#learn(task);
    this.#tell();
    return this.get(id) ?? task;
  }

  /**
   * A change elsewhere, as the WebSocket tells of it.
   *
   * @param {string} type of the event
   * @param {number} id
   * @param {Patch} fields those that changed
   */
  heard(type, id, fields) {
    const known = this.#known.get(id);
    if (type === 'task.deleted') {
      this.#drop(id);
    } else if (known && fields.version !== undefined && fields.version === known.version + 1) {
      this.#known.set(id, { ...known, ...fields });
      this.#tell();
    } else if (known && (fields.version ?? Infinity) <= known.version) {
      // Our own change, whose answer came first. Only its place in the list may be another one.
    } else if (known) {
      this.fetch(id).catch(() => this.refreshSoon());
    }
    this.refreshSoon();
  }

  /** @param {number} id */
  #drop(id) {
    this.#known.delete(id);
    for (const [page, ids] of this.#pages) {
      if (!ids.includes(id)) continue;
      this.#pages.set(page, ids.filter((own) => own !== id));
      if (this.total !== null) this.total -= 1;
    }
    this.dispatchEvent(new CustomEvent('gone', { detail: id }));
    this.#tell();
  }

  /**
   * Makes a task. The key makes trying again after a lost answer safe.
   *
   * @param {TaskChange & { title: string }} task
   * @param {string} [key]
   */
  async create(task, key = newKey()) {
    const created = await createTask(task, key);
    this.#learn(created);
    this.dispatchEvent(new Event('touched'));
    await this.refresh();
    return created;
  }

  /**
   * Changes fields of a task.
   *
   * @param {number} id
   * @param {TaskChange} change
   * @param {Task} [seen] what the person saw who made the change; what is known now, unless a form has been open for a while
   */
  update(id, change, seen) {
    const send = (/** @type {number} */ version) => updateTask(id, change, version);
    return this.#send(id, foreseen(change), send, seen);
  }

  /** Completes or reopens a task. @param {number} id @param {boolean} isDone */
  setDone(id, isDone) {
    /** @type {Patch} */
    const patch = isDone ? { status: 'completed', completed_at: new Date().toISOString() } : { status: 'pending', completed_at: null };
    return this.#send(id, patch, (version) => setDone(id, isDone, version));
  }

  /**
   * Deletes a task; it leaves the list when the service has done so.
   *
   * @param {number} id
   * @param {number} version that the person saw
   */
  async remove(id, version) {
    this.#leaving.add(id);
    this.#tell();
    try {
      await this.#queues.get(id)?.catch(() => {});
      await deleteTask(id, Math.max(version, this.#ownVersion.get(id) ?? 0));
      this.#drop(id);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (error.status === 404) this.#drop(id);
      else if (error.status === 412) throw new Conflict(await this.fetch(id), {}, []);
      else throw error;
    } finally {
      this.#leaving.delete(id);
      this.#tell();
      this.refreshSoon();
    }
  }

  /**
   * Brings a deleted task back.
   *
   * @param {number} id
   */
  async restore(id) {
    await restoreTask(id);
    this.refreshSoon();
  }

  /**
   * Shows a change, sends it after those before it, and takes it back if it fails.
   *
   * @param {number} id
   * @param {Patch} patch
   * @param {(version: number) => Promise<Task>} send
   * @param {Task} [seen]
   * @returns {Promise<Task>}
   */
  async #send(id, patch, send, seen) {
    const base = seen ?? this.get(id) ?? (await this.fetch(id));
    const entry = { patch };
    this.#patches.set(id, [...(this.#patches.get(id) ?? []), entry]);
    this.#tell();
    const before = this.#queues.get(id) ?? Promise.resolve();
    const sent = before.catch(() => {}).then(() => this.#merge(base, patch, send));
    this.#queues.set(id, sent);
    try {
      const task = await sent;
      this.#ownVersion.set(id, task.version);
      this.#learn(task);
      return task;
    } finally {
      const left = (this.#patches.get(id) ?? []).filter((other) => other !== entry);
      if (left.length) this.#patches.set(id, left);
      else this.#patches.delete(id);
      if (this.#queues.get(id) === sent) this.#queues.delete(id);
      this.#tell();
      this.refreshSoon();
    }
  }

  /**
   * Sends a change on the version it was made on. If the task is newer, but not in these fields, both changes can stand; else it is a
   * conflict, for a person to decide.
   *
   * @param {Task} base
   * @param {Patch} patch
   * @param {(version: number) => Promise<Task>} send
   */
  async #merge(base, patch, send) {
    let version = Math.max(base.version, this.#ownVersion.get(base.id) ?? 0);
    for (let merges = 0; ; merges += 1) {
      try {
        const task = await send(version);
        if (merges > 0) this.dispatchEvent(new CustomEvent('merged', { detail: task }));
        return task;
      } catch (error) {
        if (!(error instanceof Problem) || error.status !== 412) throw error;
        const now = await getTask(base.id);
        this.#learn(now);
        const fields = /** @type {(keyof Task)[]} */ (Object.keys(patch)).filter((name) => name !== 'completed_at');
        const both = fields.filter((name) => !isSame(now[name], base[name]) && !isSame(now[name], patch[name]));
        if (both.length || merges >= MERGES_MAX) throw new Conflict(now, patch, both);
        version = now.version;
      }
    }
  }
}
