// <task-history>: the events of a task and its chain from the audit log, as text, newest first.

import { fieldNames } from './actions.js';
import { listAudit, textOf } from './api.js';
import { h } from './dom.js';
import { recurrenceOf } from './recurrence.js';
import { dueInWords, inFull, inWords } from './time.js';
import { show } from './view.js';

/** @typedef {import('./api.js').AuditLogEntry} AuditLogEntry */
/** @typedef {import('./api.js').Task} Task */

/** Entries per call. */
const PAGE = 50;
/** Fields that follow from others, or that users do not change. */
const SILENT = new Set(['version', 'updated_at', 'created_at', 'completed_at', 'recurrence_start', 'recurrence_id', 'recurrence_exdates', 'recurrence_number', 'all_day', 'due_day', 'recurrence_rule', 'recurrence_from', 'id', 'uid', 'parent_task_id']);

/** @type {Record<string, string>} */
const HAPPENED = {
  'task.created': 'Created',
  'task.updated': 'Changed',
  'task.completed': 'Completed',
  'task.deleted': 'Deleted',
  'task.restored': 'Restored',
  'reminder.scheduled': 'Reminder set',
  'reminder.triggered': 'Reminder due',
  'reminder.sent': 'Reminder delivered',
  'reminder.failed': 'Reminder failed',
  'reminder.cancelled': 'Reminder cancelled',
};

/** The value of a field, as text for the user. @param {Task} task @param {keyof Task} field */
function valueOf(task, field) {
  if (field === 'recurrence') return recurrenceOf(task) || 'never';
  const value = task[field];
  if (field === 'due_date') return dueInWords(task) || 'none';
  if (Array.isArray(value)) return value.join(', ') || 'none';
  return String(value ?? '') || 'none';
}

/** Describes the differences. Entries of earlier releases lack newer fields. @param {Task} before @param {Task} after @returns {(string | Node)[]} */
function differences(before, after) {
  const fields = /** @type {(keyof Task)[]} */ (Object.keys(after));
  const changed = fields.filter((field) => !SILENT.has(field) && field in before && JSON.stringify(before[field]) !== JSON.stringify(after[field]));
  if (!changed.includes('recurrence') && recurrenceOf(before) !== recurrenceOf(after)) changed.push('recurrence');
  return changed.map((field) => {
    if (field === 'description') return fieldNames([field]);
    if (field === 'status') return after.status === 'pending' ? 'reopened' : 'completed';
    // Isolated, because two right-to-left values would change places.
    const [was, is] = [before, after].map((task) => h('bdi', { textContent: valueOf(task, field) }));
    return h('span', {}, `${fieldNames([field])}: `, was, ' → ', is);
  });
}

export class TaskHistory extends HTMLElement {
  #task = 0;
  /** @type {AuditLogEntry[]} */
  #entries = [];
  #total = 0;
  #isLoading = false;

  /** Loads and shows the history of a task. @param {number} id */
  show(id) {
    this.#task = id;
    this.#entries = [];
    this.#total = 0;
    void this.#more();
  }

  async #more() {
    const task = this.#task;
    this.#isLoading = true;
    this.#draw('');
    try {
      const { entries, total } = await listAudit(task, this.#entries.length, PAGE);
      if (task !== this.#task) return;
      // New entries shift the pages: each entry is shown once.
      const known = new Set(this.#entries.map(({ id }) => id));
      this.#entries.push(...entries.filter(({ id }) => !known.has(id)));
      this.#total = total;
      this.#isLoading = false;
      this.#draw('');
    } catch (error) {
      if (task !== this.#task) return;
      this.#isLoading = false;
      this.#draw(textOf(error));
    }
  }

  /** @param {string} problem */
  #draw(problem) {
    /** @type {Map<number, AuditLogEntry[]>} */
    const chain = new Map();
    for (const entry of this.#entries) chain.set(entry.task_id, [...(chain.get(entry.task_id) ?? []), entry]);
    const sections = [...chain].map(([id, entries]) => this.#occurrence(id, entries, chain.size > 1));
    const state = problem ? `The history could not be loaded. ${problem}` : this.#isLoading ? 'Loading…' : sections.length ? '' : 'No history yet.';
    const more = !this.#isLoading && (problem || this.#entries.length < this.#total);
    this.replaceChildren(
      ...sections,
      h('p', { className: 'muted', role: 'status', textContent: state }),
      ...(more ? [h('button', { className: 'quiet', textContent: problem ? 'Try again' : 'Show more', onclick: () => void this.#more() })] : []),
    );
  }

  /** @param {number} id @param {AuditLogEntry[]} entries newest first @param {boolean} isChain */
  #occurrence(id, entries, isChain) {
    const items = entries.map((entry, at) => this.#item(entry, entries.slice(at + 1)));
    const list = h('ol', { className: 'timeline' }, ...items);
    if (!isChain) return list;
    const last = entries.find(({ event_data }) => event_data.data?.task_data)?.event_data.data?.task_data;
    const words = `${id === this.#task ? 'This one' : `Occurrence ${last?.recurrence_number ?? ''}`}${last?.due_date ? ` · due ${dueInWords(last)}` : ''}`;
    const open = id === this.#task || entries.some(({ event_type }) => event_type === 'task.deleted') ? null : h('button', { className: 'quiet', textContent: 'Open', 'aria-label': `Open occurrence ${last?.recurrence_number ?? id}`, onclick: () => show({ task: id }) });
    return h('section', {}, h('h4', {}, words, open), list);
  }

  /** @param {AuditLogEntry} entry @param {AuditLogEntry[]} older */
  #item({ event_type, event_data, created_at }, older) {
    const { task_data: task, scheduled_at } = event_data.data ?? {};
    const before = older.find(({ event_data: own }) => own.data?.task_data)?.event_data.data?.task_data;
    const details = task && before ? differences(before, task) : [];
    if (scheduled_at) details.push(`for ${inWords(scheduled_at)}`);
    if (event_type === 'task.created' && task?.parent_task_id) details.push('as the next occurrence');
    // For "reopened" and a completion, the word alone suffices.
    const word = details.length === 1 && details[0] === 'reopened' ? 'Reopened' : (HAPPENED[event_type] ?? event_type);
    const rest = details.filter((detail) => detail !== 'completed' && !(word === 'Reopened' && detail === 'reopened'));
    return h(
      'li',
      {},
      h('p', {}, h('strong', { textContent: word }), ' ', h('time', { className: 'muted', dateTime: created_at, title: inFull(created_at), textContent: inWords(created_at) })),
      ...rest.map((detail) => h('p', { className: 'detail' }, detail)),
    );
  }
}

customElements.define('task-history', TaskHistory);
