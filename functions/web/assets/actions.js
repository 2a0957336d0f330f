// What a person does to a task, wherever on the page: done at once, told in a toast, and taken back with its reason if it fails.

import { Problem, textOf } from './api.js';
import { part } from './part.js';
import { Conflict, Tasks } from './tasks.js';
import { toast } from './toasts.js';
import { queryOf, view } from './view.js';

/** @typedef {import('./api.js').Task} Task */
/** @typedef {import('./api.js').TaskChange} TaskChange */

/** The tasks of this page. */
export const tasks = new Tasks(() => queryOf(view()));

/** What the fields are called. @type {Record<string, string>} */
const NAMES = {
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

/** Fields in words. @param {readonly string[]} fields */
export const fieldNames = (fields) => [...new Set(fields.map((field) => NAMES[field] ?? field))].join(', ');

/** What `z` takes back. @type {(() => void) | null} */
let lastUndo = null;

/** Takes back the last completion, if there is one. */
export function undo() {
  const run = lastUndo;
  lastUndo = null;
  run?.();
  return run !== null;
}

/**
 * Says why something failed. A conflict offers to do it all the same, on the task as it is now.
 *
 * @param {unknown} error
 * @param {string} what was not done
 * @param {() => void} again
 */
export function failed(error, what, again) {
  if (error instanceof Conflict) {
    const which = error.fields.length ? ` (${fieldNames(error.fields)})` : '';
    toast(`It was changed elsewhere in the meantime${which}. You now see it as it is.`, { title: what, kind: 'bad', sticky: true, action: { label: 'Do it anyway', run: again } });
    return;
  }
  const isGone = error instanceof Problem && error.status === 404;
  const isInvalid = error instanceof Problem && error.status === 422;
  if (isGone) tasks.refreshSoon();
  toast(isGone ? 'It was deleted in the meantime.' : textOf(error), { title: what, kind: 'bad', sticky: true, ...(isGone || isInvalid ? {} : { action: { label: 'Try again', run: again } }) });
}

/**
 * Completes or reopens.
 *
 * @param {Task} task
 * @param {boolean} isDone
 */
export async function setDone(task, isDone) {
  const said = isDone ? toast(`Completed “${task.title}”.`, { action: { label: 'Undo', run: () => void undo() } }) : null;
  const takeBack = () => {
    said?.remove();
    void setDone(task, false);
  };
  if (isDone) lastUndo = takeBack;
  try {
    const done = await tasks.setDone(task.id, isDone);
    if (isDone && done.recurrence !== 'none') said?.say(`Completed “${task.title}”. The next one comes by itself.`);
    if (!isDone) toast(`Open again: “${task.title}”.`);
  } catch (error) {
    said?.remove();
    if (lastUndo === takeBack) lastUndo = null;
    failed(error, `“${task.title}” was not ${isDone ? 'completed' : 'reopened'}`, () => void setDone(tasks.get(task.id) ?? task, isDone));
  }
}

/**
 * Changes fields.
 *
 * @param {Task} task as the person saw it
 * @param {TaskChange} fields
 */
export async function change(task, fields) {
  try {
    await tasks.update(task.id, fields, task);
  } catch (error) {
    failed(error, `“${task.title}” was not changed`, () => void change(tasks.get(task.id) ?? task, fields));
  }
}

/**
 * Asks first. The task is in the trash then, and comes back by the toast.
 *
 * @param {Task} task
 */
export async function remove(task) {
  const { confirmDelete } = await part(() => import('./dialogs.js'));
  if (!(await confirmDelete(task))) return;
  const restore = async () => {
    try {
      await tasks.restore(task.id);
    } catch (error) {
      failed(error, `“${task.title}” was not restored`, () => void restore());
    }
  };
  const send = async (/** @type {number} */ version) => {
    try {
      await tasks.remove(task.id, version);
      toast(`Deleted “${task.title}”.`, { action: { label: 'Undo', run: () => void restore() } });
    } catch (error) {
      failed(error, `“${task.title}” was not deleted`, () => void send(tasks.get(task.id)?.version ?? version));
    }
  };
  await send(task.version);
}

tasks.addEventListener('merged', (event) => {
  const { detail } = /** @type {CustomEvent<Task>} */ (event);
  toast(`“${detail.title}” was changed elsewhere, too. Both changes were kept.`);
});
