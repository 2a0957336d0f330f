// <refused-changes>: changes that the service refused, with reason and text, for the user to decide. Nothing typed is lost: it stays here until it is
// sent, moved into a new task, or discarded. Loaded when there is one.

import { fieldNames, tasks } from './actions.js';
import { newUid } from './api.js';
import { capital, find, h } from './dom.js';
import { QuickAdd } from './quick-add.js';
import { dueInWords } from './time.js';

/** @typedef {import('./outbox.js').Change} Change */
/** @typedef {import('./api.js').Task} Task */

/** Names of the kinds of changes. @type {Record<Change['kind'], string>} */
const DONE = { create: 'added', update: 'changed', complete: 'completed', reopen: 'reopened', delete: 'deleted', restore: 'restored', skip: 'skipped', undo: 'changed back', bulk: 'changed' };

/** The value of a field, as text for the user. @param {Partial<Task>} task @param {string} field */
function valueOf(task, field) {
  if (field === 'due_date' || field === 'due_day') return dueInWords(/** @type {Task} */ ({ due_date: null, due_day: null, ...task })) || 'none';
  const value = task[/** @type {keyof Task} */ (field)];
  return Array.isArray(value) ? value.join(', ') || 'none' : String(value ?? '') || 'none';
}

/** The intended value; in a conflict also the other one. @param {Change} change */
function versions({ kind, patch = {}, body, line, refused }) {
  if (kind === 'create') return [h('p', { className: 'version', dir: 'auto', textContent: [line ?? body.title, body.description].filter(Boolean).join('\n') })];
  const { now, fields = [] } = refused ?? {};
  const shown = now ? fields : Object.keys(patch).filter((field) => !['completed_at', 'all_day', 'due_day', 'status'].includes(field));
  return shown.map((field) => {
    const mine = h('div', {}, h('dt', { textContent: `Your ${fieldNames([field])}` }), h('dd', { dir: 'auto', textContent: valueOf(patch, field) }));
    const theirs = now && h('div', {}, h('dt', { textContent: 'Elsewhere' }), h('dd', { dir: 'auto', textContent: valueOf(now, field) }));
    return h('dl', { className: 'versions' }, mine, theirs);
  });
}

class RefusedChanges extends HTMLElement {
  connectedCallback() {
    tasks.outbox.addEventListener('change', () => this.#draw());
    this.#draw();
  }

  #draw() {
    const { refused } = tasks.outbox;
    const key = JSON.stringify(refused);
    if (this.dataset.key === key) return;
    this.dataset.key = key;
    this.hidden = refused.length === 0;
    this.replaceChildren(h('ul', { className: 'plain', 'aria-label': 'Changes that could not be saved' }, ...refused.map((change) => this.#item(change))));
  }

  /** @param {Change} change */
  #item(change) {
    const { outbox } = tasks;
    const { kind, title, refused, patch = {}, id } = change;
    const { status = 0, text = '', now } = refused ?? {};
    const isGone = status === 404;
    const reason = isGone ? 'It was deleted elsewhere.' : capital(text);
    const button = (/** @type {string} */ label, /** @type {() => void} */ run) => h('button', { textContent: label, onclick: run });
    const edit = () => {
      const line = find(document, 'quick-add', QuickAdd);
      line.edit(change.line ?? title);
      find(line, 'input', HTMLInputElement).focus();
      void outbox.withdraw(change);
    };
    const asNew = () => {
      tasks.create({ title: String(patch.title ?? title), description: String(patch.description ?? ''), tags: patch.tags ?? [] });
      void outbox.withdraw(change);
    };
    const again = () => void outbox.retry(change, now ? { version: now.version, before: Object.fromEntries(Object.keys(change.before ?? {}).map((field) => [field, now[/** @type {keyof Task} */ (field)]])) } : { once: newUid() });
    const choices = [
      kind === 'create' ? button('Edit', edit) : null,
      isGone && kind === 'update' ? button('Add as a new task', asNew) : null,
      isGone ? null : button(now ? 'Use mine' : 'Try again', again),
      button(now ? 'Keep the other' : 'Discard', () => void outbox.withdraw(change)),
    ];
    const words = `“${title || tasks.get(id)?.title || 'A task'}” was not ${DONE[kind]}.`;
    return h('li', {}, h('p', { role: 'alert' }, h('strong', { dir: 'auto', textContent: words }), ` ${reason}`), ...versions(change), h('div', { className: 'line' }, ...choices));
  }
}

customElements.define('refused-changes', RefusedChanges);
