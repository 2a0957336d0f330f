// Actions on tasks, from anywhere on the page: shown at once, reported in a toast, and undone by it or by a key, step by step.

import { Problem } from './api.js';
import { Tasks } from './tasks.js';
import { moved } from './time.js';
import { part, toast } from './toasts.js';
import { queryOf, view, viewKey } from './view.js';

/** @typedef {import('./api.js').Task} Task */
/** @typedef {import('./api.js').TaskChange} TaskChange */
/** @typedef {import('./outbox.js').Change} Change */
/** @typedef {{ change: Change, answer: Promise<import('./outbox.js').Answer | null>, failed?: number }} Made a change, its answer, and the number of its tasks that the service refused */

/** Maximum undo steps. */
const STEPS_MAX = 20;
/** Maximum tasks of one call, as in the API. */
const BULK_MAX = 500;

/** Data type of dragged tasks: their ids. */
export const DRAGGED = 'application/x-taskflow-task';

/** The tasks of this page. */
export const tasks = new Tasks(() => queryOf(view()), viewKey);

/** Names of fields for users. @type {Record<string, string>} */
const NAMES = {
  description: 'notes',
  due_date: 'due date',
  due_day: 'due date',
  all_day: 'due date',
  time_zone: 'time zone',
  recurrence: 'repetition',
  recurrence_rule: 'repetition',
  recurrence_from: 'repetition',
  reminder_offset: 'reminder',
  completed_at: 'status',
};

/** Names fields in a sentence. @param {readonly string[]} fields */
export const fieldNames = (fields) => [...new Set(fields.map((field) => NAMES[field] ?? field))].join(', ');

/** Steps that can be undone, the last one last. @type {Made[][]} */
const steps = [];
/** The toast of the last step, while further steps of its kind join it. @type {{ verb: string, made: Made[], toast: import('./toasts.js').Toast } | null} */
let told = null;

/** Undoes the last step; false if there is none. */
export function undo() {
  const step = steps.pop();
  if (!step) return false;
  if (told?.made === step) {
    told.toast.remove();
    told = null;
  }
  for (const made of [...step].reverse()) void takeBack(made);
  toast(`Undone: ${sentence(step)}`);
  return true;
}

/** The tasks of a step: the title of the only one, or their number. @param {Made[]} step */
function sentence(step) {
  const [first] = step;
  const count = step.reduce((sum, { change: { ids }, failed = 0 }) => sum + (ids?.length ?? 1) - failed, 0);
  if (step.length === 1 && !first?.change.ids?.[1]) return `“${first?.change.title}”.`;
  return counted(count);
}

/** @param {number} count of tasks */
const counted = (count) => (count === 1 ? '1 task.' : `${count} tasks.`);

/**
 * Records a step that can be undone. A step whose only change is refused is forgotten, because nothing was changed.
 *
 * @param {Made} made
 */
export function record(made) {
  const step = [made];
  steps.push(step);
  steps.splice(0, steps.length - STEPS_MAX);
  // Later changes must not join an earlier step, because they would be undone before this one.
  told = null;
  made.answer.catch(() => null).then((answer) => {
    if (answer === null && step.length === 1) forget(step);
  });
  return step;
}

/** Returns false if the step was forgotten or undone before. @param {Made[]} step */
function forget(step) {
  const at = steps.indexOf(step);
  if (at >= 0) steps.splice(at, 1);
  return at >= 0;
}

/** @param {Made} made */
async function takeBack({ change, answer }) {
  const { outbox } = tasks;
  if (outbox.isUnsent(change)) return outbox.withdraw(change);
  const answered = await answer.catch(() => null);
  if (!answered) return undefined;
  const { kind, id, title, body } = change;
  const results = (answered.results ?? []).filter(({ problem }) => !problem);
  const task = /** @type {Task} */ (answered.task ?? tasks.get(id) ?? { id, title, version: 0 });
  const opposite = /** @type {const} */ ({ complete: 'reopen', reopen: 'complete', delete: 'restore', restore: 'delete' });
  if (kind === 'create') tasks.remove(task);
  else if (kind === 'delete') tasks.restore(task);
  else if (kind === 'complete' || kind === 'reopen') tasks.setDone(task, kind === 'reopen');
  else if (kind === 'bulk' && body.action in opposite) tasks.bulk(results.map((one) => one.id), opposite[/** @type {keyof typeof opposite} */ (body.action)]);
  else if (kind === 'bulk') for (const one of results) if (one.change_id) tasks.undo({ ...change, id: one.id, title: one.task?.title ?? '' }, one.change_id);
  if (answered.change && (kind === 'update' || kind === 'skip')) tasks.undo(change, answered.change);
  return undefined;
}

/**
 * Reports what was done, with an undo button. Repeated actions share one toast: "Completed 3 tasks".
 *
 * @param {string} verb
 * @param {Made} made
 * @param {{ more?: string, action?: { label: string, run: () => void } }} [options] further text, and an action beside undo
 */
export function did(verb, made, { more = '', action } = {}) {
  const say = (/** @type {Made[]} */ step) => `${verb} ${sentence(step)}`;
  if (told?.verb === verb && told.toast.isShown()) {
    told.made.push(made);
    told.toast.say(say(told.made));
  } else {
    const step = record(made);
    const back = () => {
      if (forget(step)) for (const one of [...step].reverse()) void takeBack(one);
    };
    told = { verb, made: step, toast: toast(`${say(step)}${more && ` ${more}`}`, { actions: [...(action ? [action] : []), { label: 'Undo', run: back }] }) };
  }
  const { made: step, toast: shown } = told;
  void made.answer.catch(() => null).then((answer) => {
    const failed = answer?.results?.filter(({ problem }) => problem) ?? [];
    const [one] = failed;
    made.failed = failed.length;
    const isNothing = step.every(({ change, failed: own = 0 }) => own === change.ids?.length);
    if (isNothing) forget(step);
    // A refused change was not made; the list of refused changes reports it.
    if (isNothing || (answer === null && step.length === 1)) shown.remove();
    else if (one) shown.say(say(step));
    if (one) toast(new Problem(one.status, one.problem ?? null).text, { title: `Not ${verb.toLowerCase()}: ${counted(failed.length)}`, kind: 'bad' });
  });
}

/**
 * Completes or reopens.
 *
 * @param {Task} task
 * @param {boolean} isDone
 */
export function setDone(task, isDone) {
  const repeats = isDone && task.recurrence !== 'none';
  did(isDone ? 'Completed' : 'Reopened', tasks.setDone(task, isDone), { more: repeats ? 'The next occurrence is created.' : '' });
}

/**
 * Changes fields.
 *
 * @param {Task} task as the person saw it
 * @param {TaskChange} fields
 * @param {string} [verb]
 */
export const change = (task, fields, verb = 'Changed') => void did(verb, tasks.update(task, fields), {});

/** Moves a task to the trash, without a question: the toast, a key or the trash restores it. @param {Task} task */
export function remove(task) {
  const repeats = task.recurrence !== 'none' && task.status === 'pending';
  did('Deleted', tasks.remove(task), { more: repeats ? 'It no longer repeats.' : '' });
}

/** Restores a task from the trash. @param {Task} task */
export const restore = (task) => void did('Restored', tasks.restore(task));

/**
 * Moves tasks to a day, each at its time. Tasks with the same result share one call.
 *
 * @param {Task[]} some
 * @param {import('./time.js').Picked} pick
 */
export function move(some, pick) {
  const [only] = some;
  if (some.length === 1 && only) return change(only, moved(only, pick), pick.day === null ? 'Removed the date' : 'Moved');
  /** @type {Map<string, { fields: TaskChange, ids: number[] }>} */
  const calls = new Map();
  for (const task of some) {
    const fields = moved(task, pick);
    const key = JSON.stringify(fields);
    const call = calls.get(key) ?? { fields, ids: [] };
    call.ids.push(task.id);
    calls.set(key, call);
  }
  for (const { fields, ids } of calls.values()) bulk(ids, 'update', fields, 'Moved');
  return undefined;
}

/** Returns the options of a date picker that moves the tasks that are selected when a date is chosen. @param {() => Task[] | Promise<Task[]>} some */
export const dating = (some) => ({
  choose: async (/** @type {import('./time.js').Picked} */ pick) => move(await some(), pick),
  read: async (/** @type {TaskChange} */ fields) => bulk((await some()).map(({ id }) => id), 'update', fields, 'Moved'),
});

/** Returns the tasks that are dropped. @param {DragEvent} event */
export function dragged({ dataTransfer }) {
  const ids = dataTransfer?.getData(DRAGGED).split(',') ?? [];
  return /** @type {Task[]} */ (ids.map((id) => tasks.get(Number(id))).filter(Boolean));
}

/** Moves a recurring task to its next occurrence. @param {Task} task */
export const skip = (task) => void did('Skipped', tasks.skip(task), { more: 'It moved to its next date.' });

/** Changes many tasks, in as few calls as the API permits. @param {number[]} ids @param {Parameters<Tasks['bulk']>[1]} action @param {TaskChange} [fields] @param {string} [verb] */
export function bulk(ids, action, fields, verb) {
  const verbs = { update: 'Changed', complete: 'Completed', reopen: 'Reopened', delete: 'Deleted', restore: 'Restored', add_tags: 'Tagged', remove_tags: 'Untagged' };
  for (let at = 0; at < ids.length; at += BULK_MAX) did(verb ?? verbs[action], tasks.bulk(ids.slice(at, at + BULK_MAX), action, fields));
}

tasks.addEventListener('merged', (event) => {
  const { detail } = /** @type {CustomEvent<Task>} */ (event);
  toast(`“${detail.title}” was also changed elsewhere. Both changes were kept.`);
});

// Loaded when there are refused changes.
tasks.outbox.addEventListener('change', () => {
  if (tasks.outbox.refused.length) void part(() => import('./refused.js'));
});
