// The view: place, search, filters, order, and the open task. The address after the # holds it, which no server sees, so that a reload, the back
// button and a bookmark restore it.

import { dayAhead } from './time.js';

/** @typedef {import('./api.js').Query} Query */
/** @typedef {import('./api.js').SortBy} SortBy */

/** All tasks, those without a tag, those due today or earlier, those due from today on, deleted ones. @typedef {'' | 'inbox' | 'today' | 'upcoming' | 'trash'} Place */

/**
 * @typedef {object} View
 * @property {Place} place
 * @property {string} text of the search
 * @property {'pending' | 'completed' | ''} status
 * @property {'' | 'overdue' | 'today' | 'week'} due
 * @property {import('./api.js').Priority | ''} priority
 * @property {string[]} tags
 * @property {'all' | 'any'} match of the tags
 * @property {SortBy | ''} sort empty: the smart order
 * @property {'asc' | 'desc' | ''} order empty: the default of the sort
 * @property {number | null} task that is open
 */

/** @type {Readonly<View>} */
const START = Object.freeze({ place: '', text: '', status: 'pending', due: '', priority: '', tags: [], match: 'all', sort: '', order: '', task: null });

/** Allowed values of each part; others in an address are ignored. @type {Record<string, readonly string[]>} */
const ALLOWED = {
  place: ['', 'inbox', 'today', 'upcoming', 'trash'],
  status: ['pending', 'completed', ''],
  due: ['', 'overdue', 'today', 'week'],
  priority: ['', 'low', 'medium', 'high'],
  match: ['all', 'any'],
  sort: ['', 'created_at', 'updated_at', 'due_date', 'priority', 'title'],
  order: ['', 'asc', 'desc'],
};

/** @param {string} [address] @returns {View} */
function read(address = location.hash) {
  const asked = new URLSearchParams(address.replace(/^#/, ''));
  /** @type {Record<string, unknown>} */
  const found = { ...START, text: asked.get('text') ?? '', tags: (asked.get('tags') ?? '').split(',').filter(Boolean) };
  for (const [name, values] of Object.entries(ALLOWED)) {
    const value = asked.get(name);
    if (value !== null && values.includes(value)) found[name] = value;
  }
  const task = Number(asked.get('task'));
  // A task that the service does not have yet has a negative id.
  if (Number.isSafeInteger(task) && task !== 0) found.task = task;
  return /** @type {View} */ (found);
}

/** @param {View} view */
function write(view) {
  const parts = new URLSearchParams();
  for (const [name, value] of Object.entries(view)) {
    if (String(value ?? '') !== String(START[/** @type {keyof View} */ (name)] ?? '')) parts.set(name, String(value ?? ''));
  }
  const text = parts.toString();
  return text ? `#${text}` : location.pathname;
}

/** Dispatches `change` when any part has changed. */
export const viewChanges = new EventTarget();

/** Milliseconds from a key of the search to its address: browsers draw the icon again for each address, and some refuse more than 100 in 10 s. */
const ADDRESS_AFTER = 250;

let current = read();
/** @type {ReturnType<typeof setTimeout> | undefined} */
let typing;

/** Writes the view into the address. */
function settle() {
  clearTimeout(typing);
  typing = undefined;
  history.replaceState(history.state, '', write(current));
}

/** @returns {Readonly<View>} */
export const view = () => current;

/** Key of the view's stored list: its address without the open task, as in first.js. */
export function viewKey() {
  const key = new URLSearchParams(write({ ...current, task: null }).replace(/^[^#]*#?/, ''));
  return key.toString();
}

/** Goes to a place, a tag or a saved list, without the previous conditions; the back button returns. @param {Partial<View>} parts */
export function go(parts) {
  const next = { ...START, ...parts };
  if (write(next) === write({ ...current, task: null })) return;
  if (typing) settle();
  current = next;
  history.pushState(null, '', write(current));
  viewChanges.dispatchEvent(new Event('change'));
}

/** The address of a view. @param {Partial<View>} parts */
export const addressOf = (parts) => write({ ...START, ...parts });

/** The view of an address. @param {string} address */
export const viewOf = (address) => read(address);

/**
 * Changes parts of the view. Opening a task is a step that the back button reverts.
 *
 * @param {Partial<View>} parts
 */
export function show(parts) {
  const isOpening = Boolean(parts.task) && current.task === null;
  if (isOpening && typing) settle();
  current = { ...current, ...parts };
  clearTimeout(typing);
  if (isOpening) history.pushState({ isOurs: true }, '', write(current));
  else if (Object.keys(parts).join() === 'text') typing = setTimeout(settle, ADDRESS_AFTER);
  else settle();
  viewChanges.dispatchEvent(new Event('change'));
}

/** True while a step back of closeTask is in progress. */
let isGoingBack = false;

/** Closes the open task, by going back to before it was opened, if possible. */
export function closeTask() {
  if (current.task === null) return;
  if (!history.state?.isOurs) {
    show({ task: null });
    return;
  }
  // Going back takes a moment. The task is closed at once, because a second step back would leave the page.
  isGoingBack = true;
  current = { ...current, task: null };
  viewChanges.dispatchEvent(new Event('change'));
  history.back();
}

addEventListener('popstate', () => {
  const found = read();
  // Going back closes a task and keeps filters that were set meanwhile.
  if (!isGoingBack) current = found.task === current.task ? found : { ...current, task: found.task };
  isGoingBack = false;
  history.replaceState(history.state, '', write(current));
  viewChanges.dispatchEvent(new Event('change'));
});

/** True if a search of the view leaves out some tasks. @param {View} asked */
export const isNarrowed = ({ place, status, due, priority, tags }) => Boolean(place || status || due || priority || tags.length);

/** True if the view has conditions besides its place. @param {View} asked */
export const isFiltered = (asked) => Boolean(asked.text.trim() || asked.status !== START.status || asked.due || asked.priority || asked.tags.length);

/** Clears search and filters; the order stays. */
export const clearFilters = () => show({ text: '', status: START.status, due: '', priority: '', tags: [], match: START.match });

/** True if the list has groups of days: open tasks, sorted by due date. @param {View} asked */
export const isGrouped = (asked) => {
  const { sort_by, order } = queryOf(asked);
  return asked.status === 'pending' && asked.place !== 'trash' && !asked.text.trim() && sort_by === 'due_date' && order !== 'desc';
};

/** @param {View} asked @returns {Pick<import('./api.js').Filters, 'due' | 'due_after' | 'due_before'>} */
function dueOf({ place, due }) {
  // Today includes overdue tasks, because they are due now.
  if (place === 'today') return { due_before: dayAhead(1) };
  if (place === 'upcoming') return { due_after: dayAhead(0) };
  return due ? { due } : {};
}

/**
 * The view in the API's form.
 *
 * @param {View} asked
 * @returns {Query}
 */
export function queryOf(asked) {
  const text = asked.text.trim();
  if (asked.place === 'trash') return { text: '', filters: {}, trash: true };
  /** @type {import('./api.js').Filters} */
  const filters = dueOf(asked);
  if (asked.status) filters.status = asked.status;
  if (asked.priority) filters.priority = asked.priority;
  if (asked.place === 'inbox') filters.tags_match = 'exact';
  else if (asked.tags.length) Object.assign(filters, { tags: asked.tags, tags_match: asked.match });
  // A search is sorted by relevance, completed tasks by their completion, others by due date.
  const best = text ? undefined : asked.status === 'completed' ? 'updated_at' : 'due_date';
  return { text, filters, ...(asked.sort || best ? { sort_by: asked.sort || best } : {}), ...(asked.order && asked.sort ? { order: asked.order } : {}) };
}
