// The tasks as this page knows them: a window on a long list, the service's last state of each task and, on top of it, changes that the service has
// not received yet. Without the service, the list is the stored one.

import { Problem, findTasks, first, getTask, isAborted, newUid } from './api.js';
import { soon } from './dom.js';
import { matches, orderOf } from './local.js';
import { Outbox } from './outbox.js';
import { erase, inStore, read, readAll, write } from './store.js';
import { here, instantOf, isDay } from './time.js';

/** @typedef {import('./api.js').Task} Task */
/** @typedef {import('./api.js').TaskChange} TaskChange */
/** @typedef {import('./api.js').Query} Query */
/** @typedef {import('./outbox.js').Change} Change */
/** @typedef {Partial<Task>} Patch */
/** @typedef {{ key: string, at: number, tasks: Task[], total: number }} KeptList */

/** Tasks per call: more than are visible, and few enough to arrive at once. */
export const PAGE = 50;
/** Tasks per call if all are needed, as in the API. */
const FOUND = 500;
/** Maximum pages in memory; those farthest from the visible part go first. */
const PAGES_MAX = 100;
/** Maximum further tasks in memory, for the detail pane and for changes in progress. */
const STRAYS_MAX = 200;
/** Milliseconds after a change elsewhere until the list is requested again; changes that arrive together cause one request. */
const GATHER = 40;
/** Minimum milliseconds between two such requests. */
const CALM = 250;
/** Maximum tasks of a stored list, maximum stored lists, and milliseconds before a new list is stored. */
const KEPT_TASKS = 200;
const KEPT_LISTS = 30;
const KEEP_AFTER = 800;
/** Stored lists that stay when there are too many: fewer, because finding the oldest reads all. */
const KEPT_LISTS_THEN = 20;
/** Milliseconds until a stored list is read. Most answers come sooner, and reading would slow them down. */
const STORED_AFTER = 100;
/** Milliseconds before a failed list is requested again. */
const RETRY = 5_000;
/** Maximum attempts to load a range, because a refresh meanwhile makes it stale. */
const RANGE_ATTEMPTS = 5;

/**
 * Returns the visible effect of a change before the service has confirmed it.
 *
 * @param {TaskChange} change
 * @returns {Patch}
 */
export function foreseen({ recurrence, recurrence_rule, due_date, all_day: _, recurrence_start: start, ...others }) {
  const at = due_date === undefined ? (start ?? undefined) : due_date;
  const due = at && isDay(at) ? { due_date: instantOf(`${at}T00:00`, here()).toISOString(), due_day: at, all_day: true } : { due_date: at ?? null, due_day: null, all_day: false };
  const rest = at === undefined ? others : { ...others, ...due };
  if (recurrence_rule) return { ...rest, recurrence: 'custom', recurrence_rule };
  return recurrence === undefined ? rest : { ...rest, recurrence, recurrence_rule: null };
}

/** @param {boolean} isDone @returns {Patch} */
const statusOf = (isDone) => (isDone ? { status: 'completed', completed_at: new Date().toISOString() } : { status: 'pending', completed_at: null });

/** A task before the service has it. @param {number} id @param {import('./api.js').NewTask} body @returns {Task} */
function made(id, body) {
  const now = new Date().toISOString();
  const fields = /** @type {Patch} */ ({ tags: [], description: '', priority: 'medium', recurrence: 'none', recurrence_rule: null, reminder_offset: null, due_date: null, due_day: null, all_day: false, ...foreseen(/** @type {TaskChange} */ (body)) });
  return /** @type {Task} */ ({ id, status: 'pending', completed_at: null, created_at: now, updated_at: now, parent_task_id: null, recurrence_from: 'due', recurrence_number: 1, time_zone: here(), version: 0, ...fields });
}

/**
 * Dispatches `change` after anything visible, `touched` when tasks changed, `reset` when another list begins, `gone` with the id of a deleted task,
 * `renamed` when a task created here got its id, `merged` with the task of a change that could be merged with another one.
 */
export class Tasks extends EventTarget {
  /** Number of all matches; null until known. @type {number | null} */
  total = null;
  /** Error of the last call. @type {unknown} */
  failure = null;
  /** When the service last returned the list. @type {Date | null} */
  answeredAt = null;
  /** True if the shown list is still the previous one. */
  isLoading = false;
  /** True if the list is the stored one. */
  isKept = false;
  outbox = new Outbox();

  /** @type {() => Query} */
  #query;
  /** @type {() => string} */
  #key;
  /** Ids of the tasks of each page. @type {Map<number, number[]>} */
  #pages = new Map();
  /** Number of matches in the service. */
  #served = 0;
  /** Tasks inserted among those of the pages, with the position that each comes before. @type {{ id: number, before: number }[]} */
  #extras = [];
  /** The service's last state. @type {Map<number, Task>} */
  #known = new Map();
  /** Waiting changes per task, in order. @type {Map<number, Patch[]>} */
  #patches = new Map();
  /** Tasks that the service does not have yet. @type {Map<number, Task>} */
  #made = new Map();
  /** Tasks that stay in memory, because they are selected. @type {Set<number>} */
  pinned = new Set();
  /** Tasks being deleted. @type {Set<number>} */
  #leaving = new Set();
  /** Tasks removed from the list since it was loaded. @type {Set<number>} */
  #out = new Set();
  /** The request for the visible part, if one is in progress. @type {AbortController | null} */
  #flight = null;
  /** Increases when loaded data becomes stale; answers to older calls are dropped. */
  #generation = 0;
  /** Pages that are being requested. @type {Set<number>} */
  #asked = new Set();
  /** The visible pages. */
  #seen = { first: 0, last: 0 };
  #refreshWanted = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #keeping;
  #lastRefresh = 0;
  #hasBegun = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;
  #tell = soon(() => this.dispatchEvent(new Event('change')));

  /** @param {() => Query} query the request, evaluated for each call @param {() => string} key of the stored list */
  constructor(query, key) {
    super();
    this.#query = query;
    this.#key = key;
    this.outbox.addEventListener('change', () => this.#follow());
    this.outbox.addEventListener('sent', (event) => this.#sent(/** @type {CustomEvent<any>} */ (event).detail));
  }

  /** Returns the task with its waiting changes; undefined if unknown. @param {number} id @returns {Task | undefined} */
  get(id) {
    const known = this.#known.get(id) ?? this.#made.get(id);
    const patches = this.#patches.get(id);
    return known && patches ? Object.assign({}, known, ...patches) : known;
  }

  /** Returns the service's id of a task created here, if it has one. @param {number} id */
  idNow(id) {
    return this.outbox.idNow(id);
  }

  /** Returns the task at this position; undefined until it is loaded. @param {number} index */
  at(index) {
    const id = this.#idAt(index);
    return id === undefined ? undefined : this.get(id);
  }

  /** @param {number} index */
  #idAt(index) {
    let passed = 0;
    for (const { id, before } of this.#extras) {
      if (before + passed === index) return id;
      if (before + passed > index) break;
      passed += 1;
    }
    const place = index - passed;
    return this.#pages.get(Math.floor(place / PAGE))?.[place % PAGE];
  }

  /** True if a task of the list is being removed. @param {number} id */
  isLeaving(id) {
    return this.#leaving.has(id);
  }

  /** True if a change of the task is in progress. @param {number} id */
  isSaving(id) {
    return this.#patches.has(id) || this.#made.has(id);
  }

  /** Loaded tasks with their positions, in order. @returns {Generator<[number, Task]>} */
  *loaded() {
    let extras = 0;
    for (const place of this.#places()) {
      for (let extra = this.#extras[extras]; extra && extra.before <= place; extra = this.#extras[extras]) {
        const task = this.get(extra.id);
        if (task) yield [extra.before + extras, task];
        extras += 1;
      }
      const task = this.get(this.#pages.get(Math.floor(place / PAGE))?.[place % PAGE] ?? 0);
      if (task) yield [place + extras, task];
    }
    for (; extras < this.#extras.length; extras += 1) {
      const { id = 0, before = 0 } = this.#extras[extras] ?? {};
      const task = this.get(id);
      if (task) yield [before + extras, task];
    }
  }

  /** Loaded positions of the pages, in order. */
  *#places() {
    for (const page of [...this.#pages.keys()].sort((a, b) => a - b)) for (const at of (this.#pages.get(page) ?? []).keys()) yield page * PAGE + at;
  }

  /** Position of a task in the list; -1 if not loaded. @param {number} id */
  indexOf(id) {
    const extra = this.#extras.findIndex((one) => one.id === id);
    if (extra >= 0) return (this.#extras[extra]?.before ?? 0) + extra;
    for (const [page, ids] of this.#pages) {
      const at = ids.indexOf(id);
      const place = page * PAGE + at;
      if (at >= 0) return place + this.#extras.filter(({ before }) => before <= place).length;
    }
    return -1;
  }

  /** Loads another list: drops requests in progress, and shows the previous list until there is an answer, from the service or stored. */
  async load() {
    this.#flight?.abort();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#asked.clear();
    this.isLoading = true;
    this.failure = null;
    this.#seen = { first: 0, last: 0 };
    const key = this.#key();
    const begins = !this.#hasBegun;
    this.#hasBegun = true;
    const answered = this.#fetch([0], true);
    const kept = begins ? await first.kept : null;
    if (begins) this.outbox.resume(kept?.changes ?? []);
    let list = kept?.list;
    if (!begins || key !== first.key) {
      await Promise.race([answered, new Promise((resolve) => setTimeout(resolve, STORED_AFTER))]);
      if (!this.isLoading || this.#key() !== key) return answered;
      list = await read('lists', key).catch(() => null);
    }
    if (list && this.isLoading && this.#key() === key) this.#show(list);
    await answered;
  }

  /** Shows a stored list. @param {KeptList} list */
  #show({ tasks, at, total }) {
    for (const task of tasks) this.#learn(task);
    this.answeredAt = new Date(at);
    this.isKept = true;
    this.#lay(tasks.map(({ id }) => id), tasks.length < KEPT_TASKS ? tasks.length : total);
  }

  /** Makes this the list. @param {number[]} ids @param {number} total */
  #lay(ids, total) {
    const isReset = this.isLoading;
    this.#pages.clear();
    this.#out.clear();
    for (let at = 0; at < ids.length || at === 0; at += PAGE) this.#pages.set(at / PAGE, ids.slice(at, at + PAGE));
    this.#served = total;
    this.isLoading = false;
    this.#arrange();
    if (isReset) this.dispatchEvent(new Event('reset'));
    this.#tell();
  }

  /** Collects from all stored lists the tasks of this one, if it was not stored itself. */
  async #gather() {
    const key = this.#key();
    // The waiting changes come with it, and are tasks of this list as well.
    await first.kept;
    const lists = /** @type {KeptList[]} */ (await readAll('lists').catch(() => []));
    const own = lists.find((list) => list.key === key);
    if (key !== this.#key() || (this.total !== null && !this.isLoading)) return;
    if (own) return this.#show(own);
    for (const task of lists.flatMap(({ tasks }) => tasks)) this.#learn(task);
    if (lists.length + this.#known.size + this.#made.size === 0) return;
    const query = this.#query();
    const found = [...this.#known.values()].filter((task) => matches(task, query)).sort(orderOf(query));
    if (lists.length) this.answeredAt = new Date(Math.min(...lists.map(({ at }) => at)));
    this.isKept = true;
    this.#lay(found.map(({ id }) => id), found.length);
  }

  /** Stores the beginning of the list for the next visit. */
  #keepSoon() {
    const key = this.#key();
    clearTimeout(this.#keeping);
    this.#keeping = setTimeout(async () => {
      const tasks = [];
      for (let page = 0; tasks.length < KEPT_TASKS && this.#pages.has(page); page += 1) for (const id of this.#pages.get(page) ?? []) tasks.push(this.#known.get(id));
      if (key !== this.#key() || this.failure !== null) return;
      await write('lists', { key, at: Date.now(), tasks: tasks.filter(Boolean).slice(0, KEPT_TASKS), total: this.#served });
      if (((await inStore('lists', 'readonly', (store) => store.count())) ?? 0) <= KEPT_LISTS) return;
      const lists = await readAll('lists');
      for (const old of lists.sort((a, b) => b.at - a.at).slice(KEPT_LISTS_THEN)) await erase('lists', old.key);
    }, KEEP_AFTER);
  }

  /** Loads these positions if necessary. @param {number} first @param {number} last */
  need(first, last) {
    this.#seen = { first: Math.floor(first / PAGE), last: Math.floor(last / PAGE) };
    // After a failure, the user or a new connection retries, not the next frame.
    if (this.isLoading || this.isKept || this.total === null || this.failure !== null) return;
    const missing = [];
    const end = Math.min(this.#seen.last, Math.floor((this.#served - 1) / PAGE));
    for (let page = this.#seen.first; page <= end; page += 1) if (!this.#pages.has(page) && !this.#asked.has(page)) missing.push(page);
    if (missing.length) void this.#fetch(missing, false);
  }

  /** Loads these positions, which need not be visible. Does nothing without the service. @param {number} first @param {number} last */
  async loadRange(first, last) {
    for (let attempt = 0; attempt < RANGE_ATTEMPTS; attempt += 1) {
      const pages = [];
      for (let page = Math.floor(first / PAGE); page * PAGE <= Math.min(last, this.#served - 1); page += 1) if (!this.#pages.has(page)) pages.push(page);
      if (!pages.length || this.failure !== null || this.isKept) return;
      await this.#fetch(pages, false);
    }
  }

  /** Returns the tasks of the list that also meet these filters, loaded or not. Without the service, the loaded ones. @param {Query['filters']} filters */
  async matching(filters) {
    const query = this.#query();
    Object.assign(query.filters, filters);
    /** @type {Map<number, Task>} */
    const found = new Map([...this.loaded()].map(([, task]) => [task.id, task]));
    try {
      for (let offset = 0, total = 1; offset < total; offset += FOUND) {
        const answer = await findTasks(query, offset, FOUND);
        total = answer.total;
        for (const task of answer.tasks) found.set(task.id, this.get(task.id) ?? task);
      }
    } catch {
      // The banner reports the error.
    }
    const now = new Date();
    return [...found.values()].filter((task) => matches(task, query, now));
  }

  /** Requests the visible part again soon; the rest when it becomes visible. */
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

  /** Requests the visible part again. */
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
   * Loads pages in parallel, so that no task appears twice.
   *
   * @param {number[]} pages
   * @param {boolean} replace whether other loaded pages are stale
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
      const answers = await Promise.all(pages.map((page) => findTasks(query, page * PAGE, PAGE, { signal: flight?.signal })));
      if (generation === this.#generation) this.#take(pages, answers, replace);
    } catch (error) {
      if (isAborted(error) || generation !== this.#generation) return;
      await this.#gather();
      if (generation !== this.#generation) return;
      this.failure = error;
      this.isLoading = false;
      clearTimeout(this.#retry);
      // A service that starts or is overloaded will be available shortly.
      if (error instanceof Problem && [0, 502, 503, 504].includes(error.status)) this.#retry = setTimeout(() => void this.refresh(), RETRY);
      if (this.total !== null || this.isKept) this.#arrange();
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
    if (replace) {
      this.#pages.clear();
      this.#out.clear();
    }
    const taken = new Set();
    for (const [at, page] of pages.entries()) {
      const { tasks = [], total = 0 } = answers[at] ?? {};
      // The list may have shifted between two calls: the first position of a task counts.
      const fresh = tasks.filter(({ id }) => !taken.has(id));
      for (const task of fresh) {
        taken.add(task.id);
        this.#learn(task);
      }
      this.#pages.set(page, fresh.map(({ id }) => id));
      this.#served = total;
    }
    clearTimeout(this.#retry);
    this.failure = null;
    this.isLoading = false;
    this.isKept = false;
    this.answeredAt = new Date();
    this.#forget();
    this.#arrange();
    if (this.#pages.has(0)) this.#keepSoon();
    if (isReset) this.dispatchEvent(new Event('reset'));
    this.#tell();
    if (this.outbox.isAway) this.outbox.flush();
  }

  /** Adds waiting changes to the list: tasks created here and, without the service, tasks that now match or no longer do. */
  #arrange() {
    const query = this.#query();
    const now = new Date();
    const isAlone = this.isKept || this.failure !== null || this.outbox.isAway;
    const fits = (/** @type {Task | undefined} */ task) => task !== undefined && !this.#leaving.has(task.id) && matches(task, query, now);
    const listed = new Set([...this.#pages.values()].flat());
    const out = [...listed].filter((id) => this.#leaving.has(id) || (isAlone && this.#patches.has(id) && !fits(this.get(id))));
    if (out.length) this.#takeOut(new Set(out));
    for (const id of out) listed.delete(id), this.#out.add(id);
    const uids = new Set([...listed].map((id) => this.#known.get(id)?.uid));
    const more = [...this.#made.keys(), ...(isAlone ? [...new Set([...this.#patches.keys(), ...this.#out])].filter((id) => !listed.has(id) && !this.#made.has(id)) : [])];
    const extras = more.map((id) => this.get(id)).filter((task) => task && fits(task) && !uids.has(task.uid));
    const order = orderOf(query);
    const places = [...this.#places()];
    this.#extras = /** @type {Task[]} */ (extras).sort(order).map((task) => {
      const before = places.find((place) => {
        const other = this.get(this.#pages.get(Math.floor(place / PAGE))?.[place % PAGE] ?? 0);
        return other !== undefined && order(task, other) < 0;
      });
      return { id: task.id, before: before ?? (places.at(-1) ?? -1) + 1 };
    });
    this.total = this.#served + this.#extras.length;
  }

  /** Removes tasks from the list; later ones move up. @param {Set<number>} out */
  #takeOut(out) {
    const ids = [];
    let place = 0;
    // Pages after a gap are requested again.
    for (; this.#pages.has(Math.floor(place / PAGE)); place += PAGE) ids.push(...(this.#pages.get(place / PAGE) ?? []));
    const left = ids.filter((id) => !out.has(id));
    const isWhole = ids.length >= this.#served;
    this.#pages = new Map([...this.#pages].filter(([page]) => page * PAGE > place).map(([page, others]) => [page, others.filter((id) => !out.has(id))]));
    for (let at = 0; at < left.length || at === 0; at += PAGE) {
      const page = left.slice(at, at + PAGE);
      if (page.length === PAGE || isWhole || at === 0) this.#pages.set(at / PAGE, page);
    }
    this.#served -= out.size;
  }

  /** Stores a task if it is newer than the known one. @param {Task} task */
  #learn(task) {
    const known = this.#known.get(task.id);
    if (!known || known.version <= task.version) {
      this.#known.delete(task.id);
      this.#known.set(task.id, task);
    }
  }

  /** Drops distant pages, and tasks that are on no page. */
  #forget() {
    const distance = (/** @type {number} */ page) => Math.max(this.#seen.first - page, page - this.#seen.last, 0);
    const far = [...this.#pages.keys()].sort((a, b) => distance(b) - distance(a));
    for (const page of far.slice(0, Math.max(0, far.length - PAGES_MAX))) this.#pages.delete(page);
    const held = new Set([...this.#pages.values()].flat());
    let strays = this.#known.size - held.size - STRAYS_MAX;
    for (const id of this.#known.keys()) {
      if (strays <= 0) break;
      if (held.has(id) || this.pinned.has(id) || this.#patches.has(id)) continue;
      this.#known.delete(id);
      strays -= 1;
    }
  }

  /** Loads one task. Returns the local one if the service does not have it yet or cannot be reached. @param {number} id @returns {Promise<Task>} */
  async fetch(id) {
    const own = this.get(id);
    if (id < 0 && own) return own;
    try {
      const task = await getTask(id);
      this.#learn(task);
      this.#tell();
      return this.get(id) ?? task;
    } catch (error) {
      if (own && error instanceof Problem && error.status !== 404) return own;
      throw error;
    }
  }

  /**
   * Applies a change elsewhere, as the WebSocket reports it.
   *
   * @param {string} type of the event
   * @param {number} id
   * @param {Patch} fields the changed ones
   */
  heard(type, id, fields) {
    const known = this.#known.get(id);
    if (type === 'task.deleted') {
      this.#drop(id);
    } else if (known && fields.version !== undefined && fields.version === known.version + 1) {
      this.#known.set(id, { ...known, ...fields });
      this.#tell();
    } else if (known && (fields.version ?? Infinity) <= known.version) {
      // Our own change, whose answer came first. Only its position may differ.
    } else if (known) {
      this.fetch(id).catch((error) => error.status === 404 && this.#drop(id));
    }
    this.refreshSoon();
  }

  /** @param {number} id */
  #drop(id) {
    const isListed = [...this.#pages.values()].some((ids) => ids.includes(id));
    if (isListed) this.#takeOut(new Set([id]));
    this.dispatchEvent(new CustomEvent('gone', { detail: id }));
    this.#known.delete(id);
    if (this.total !== null) this.#arrange();
    this.#tell();
  }

  // ---- changes

  /** Applies a change of the waiting changes to the list. */
  #follow() {
    this.#patches.clear();
    const before = this.#made;
    this.#made = new Map();
    const wereLeaving = [...this.#leaving];
    this.#leaving.clear();
    for (const { kind, id, ids, body, patch } of this.outbox.waiting) {
      if (kind === 'create') this.#made.set(id, before.get(id) ?? made(id, body));
      else if (kind === 'delete' || (kind === 'bulk' && body.action === 'delete')) for (const one of ids ?? [id]) this.#leaving.add(one);
      else if (patch) for (const one of ids ?? [id]) this.#patches.set(one, [...(this.#patches.get(one) ?? []), body?.action?.endsWith('_tags') ? this.#tagged(one, body) : patch]);
    }
    if (this.total !== null) this.#arrange();
    else if (this.failure !== null) void this.#gather();
    for (const id of this.#leaving) this.dispatchEvent(new CustomEvent('gone', { detail: id }));
    // A deletion was refused or undone.
    if (wereLeaving.some((id) => !this.#leaving.has(id))) this.refreshSoon();
    this.#tell();
  }

  /** Tags that a bulk change adds to or removes from a task. @param {number} id @param {any} body @returns {Patch} */
  #tagged(id, { action, fields }) {
    const { tags = [] } = this.get(id) ?? {};
    return { tags: action === 'add_tags' ? [...new Set([...tags, ...fields.tags])] : tags.filter((tag) => !fields.tags.includes(tag)) };
  }

  /** @param {{ change: Change, answer: import('./outbox.js').Answer }} sent */
  #sent({ change, answer: { task, isMerged, results } }) {
    if (task) this.#learn(task);
    if (change.kind === 'create' && task) {
      this.#made.delete(change.id);
      this.dispatchEvent(new CustomEvent('renamed', { detail: { from: change.id, to: task.id } }));
    }
    if (change.kind === 'delete') this.#drop(change.id);
    for (const result of results ?? []) if (result.task) this.#learn(result.task);
    if (isMerged && task) this.dispatchEvent(new CustomEvent('merged', { detail: task }));
    this.#tell();
    this.refreshSoon();
  }

  /**
   * Creates a task, which is in the list at once.
   *
   * @param {import('./api.js').NewTask} body
   * @param {string} [line] as it was typed
   */
  create(body, line) {
    // An id that no other window uses; the service assigns another one.
    const id = -Math.ceil(Math.random() * Number.MAX_SAFE_INTEGER);
    const sent = this.outbox.add({ kind: 'create', id, title: body.title, body: { ...body, uid: newUid() }, ...(line ? { line } : {}) });
    this.#follow();
    this.dispatchEvent(new Event('touched'));
    return { id, ...sent };
  }

  /**
   * Changes fields of a task.
   *
   * @param {Task} seen the task as the user saw it
   * @param {TaskChange} body
   * @param {boolean} [isOwn] whether the caller shows a refusal
   */
  update(seen, body, isOwn = false) {
    return this.#change('update', seen, foreseen(body), body, isOwn);
  }

  /** Completes or reopens a task. @param {Task} seen @param {boolean} isDone */
  setDone(seen, isDone) {
    return this.#change(isDone ? 'complete' : 'reopen', seen, statusOf(isDone));
  }

  /**
   * @param {Change['kind']} kind
   * @param {Task} seen
   * @param {Patch} patch
   * @param {TaskChange} [body]
   * @param {boolean} [isOwn]
   */
  #change(kind, seen, patch, body, isOwn) {
    const { id, title, version } = seen;
    const before = Object.fromEntries(Object.keys(patch).map((field) => [field, seen[/** @type {keyof Task} */ (field)]]));
    const made = this.outbox.add({ kind, id, title, version, patch, before, ...(body ? { body } : {}) }, isOwn);
    // At once, because a field that loses the focus while its pane closes sends two events.
    this.#follow();
    return made;
  }

  /** Moves a task to the trash; it leaves the list at once. @param {Task} task */
  remove({ id, title }) {
    return this.outbox.add({ kind: 'delete', id, title });
  }

  /** Moves a recurring task to its next occurrence. @param {Task} task */
  skip({ id, title }) {
    return this.outbox.add({ kind: 'skip', id, title });
  }

  /** Undoes a change that the service has. @param {Change} change @param {string} change_id */
  undo({ id, title, before }, change_id) {
    return this.outbox.add({ kind: 'undo', id, title, body: { change_id }, ...(before ? { patch: before } : {}) });
  }

  /**
   * Changes many tasks in one call.
   *
   * @param {number[]} ids
   * @param {'update' | 'complete' | 'reopen' | 'delete' | 'restore' | 'add_tags' | 'remove_tags'} action
   * @param {TaskChange} [fields]
   */
  bulk(ids, action, fields) {
    const [first = 0, second] = ids;
    const patch = action === 'complete' || action === 'reopen' ? statusOf(action === 'complete') : action === 'update' && fields ? foreseen(fields) : {};
    return this.outbox.add({ kind: 'bulk', id: 0, ids, title: second === undefined ? (this.get(first)?.title ?? '') : `${ids.length} tasks`, body: { ids, action, ...(fields ? { fields } : {}) }, patch });
  }

  /** Restores a deleted task. @param {Task} task */
  restore({ id, title }) {
    return this.outbox.add({ kind: 'restore', id, title });
  }
}
