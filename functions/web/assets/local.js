// Evaluates a list on the page, for changes that the service has not received yet: which tasks match, and in which order.

import { dayAhead, dayIn, isDay, isOverdue } from './time.js';

/** @typedef {import('./api.js').Task} Task */
/** @typedef {import('./api.js').Query} Query */

/** @param {string} text */
const fold = (text) => text.normalize('NFKD').toLowerCase();

/** True if a task is due in a period. @param {Task} task @param {string | null | undefined} after @param {string | null | undefined} before */
function isBetween({ due_date, due_day, time_zone }, after, before) {
  if (!after && !before) return true;
  if (due_date === null) return false;
  // Days are compared with days: the edges, in the task's zone.
  const edge = (/** @type {string} */ said) => (due_day ? (isDay(said) ? said : dayIn(new Date(said), time_zone)) : Date.parse(isDay(said) ? `${said}T00:00` : said));
  const at = due_day ?? Date.parse(due_date);
  return (!after || at >= edge(after)) && (!before || at < edge(before));
}

/** Named periods: offset of the first day, and of the first day after it. @type {Readonly<Record<string, readonly [number, number]>>} */
const PERIODS = Object.freeze({ today: [0, 1], tomorrow: [1, 2], week: [0, 7] });

/** @param {Task} task @param {Query['filters']} filters */
function hasTags({ tags }, { tags: wanted = [], tags_match }) {
  if (tags_match === 'exact') return tags.length === wanted.length && wanted.every((tag) => tags.includes(tag));
  if (wanted.length === 0) return true;
  return tags_match === 'any' ? wanted.some((tag) => tags.includes(tag)) : wanted.every((tag) => tags.includes(tag));
}

/** True if a list contains a task. @param {Task} task @param {Query} query @param {Date} [now] */
export function matches(task, { text, filters }, now = new Date()) {
  const { status, priority, due, due_after, due_before } = filters;
  if ((status && task.status !== status) || (priority && task.priority !== priority)) return false;
  if (due === 'none' && task.due_date !== null) return false;
  if (due === 'overdue' && !isOverdue(task, now)) return false;
  const [from, to] = (PERIODS[due ?? ''] ?? []).map((days) => dayAhead(days, now));
  if (!isBetween(task, from, to)) return false;
  const words = fold(text).split(/\s+/).filter(Boolean);
  const own = words.length ? fold(`${task.title}\n${task.description}`) : '';
  return isBetween(task, due_after, due_before) && hasTags(task, filters) && words.every((word) => own.includes(word));
}

const RANK = Object.freeze({ low: 0, medium: 1, high: 2 });

/** @param {Task} task @param {string} by @returns {string | number | null} */
function place(task, by) {
  if (by === 'priority') return RANK[task.priority];
  if (by === 'title') return fold(task.title);
  if (by === 'due_date') return task.due_date === null ? null : Date.parse(task.due_date);
  return Date.parse(by === 'updated_at' ? task.updated_at : task.created_at);
}

/** Returns the comparison of a list's order. @param {Query} query @returns {(a: Task, b: Task) => number} */
export function orderOf({ sort_by = 'created_at', order }) {
  const isDescending = (order ?? (sort_by === 'due_date' || sort_by === 'title' ? 'asc' : 'desc')) === 'desc';
  // A waiting task has no id yet: it is the newest.
  const number = (/** @type {Task} */ { id }) => (id < 0 ? Number.MAX_SAFE_INTEGER + id : id);
  return (a, b) => {
    const [one, two] = [place(a, sort_by), place(b, sort_by)];
    if (one === two) return isDescending ? number(b) - number(a) : number(a) - number(b);
    if (one === null) return 1;
    if (two === null) return -1;
    return one < two === isDescending ? 1 : -1;
  };
}
