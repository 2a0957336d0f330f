// <task-detail>: one task with editable fields. A change is saved when the field is left. If the same field was changed elsewhere, both values are
// shown and the user decides. Loaded when the first task is opened.

import { fieldNames, record, remove, setDone, skip, tasks } from './actions.js';
import { Problem, addReminder, cancelReminder, listOccurrences, listReminders, textOf } from './api.js';
import { capital, fieldError, find, h, icon, newId, setText } from './dom.js';
import { notes, ticked } from './markdown.js';
import { WEEKDAYS, recurrenceOf } from './recurrence.js';
import { Refused } from './outbox.js';
import { draftOf, keepDraft } from './store.js';
import { allZones, beforeDue, dueInFull, dueInWords, here, inWords, instantOf, isOverdue, moved, wallClock } from './time.js';
import { part, toast } from './toasts.js';
import { closeTask, view } from './view.js';
import { RecurrenceEditor } from './recurrence-editor.js';
import { TagEditor } from './tag-editor.js';
import { TaskHistory } from './task-history.js';

/** @typedef {import('./api.js').Task} Task */
/** @typedef {import('./api.js').TaskChange} TaskChange */
/** @typedef {'title' | 'description' | 'due' | 'zone' | 'repeats' | 'from' | 'reminder' | 'priority' | 'tags'} FieldName */

/** As in the API. */
const TITLE_MAX = 200;
const DESCRIPTION_MAX = 10_000;
const OFFSET_MAX = 999;

/** Number of future dates shown for a series. */
const NEXT_DATES = 3;

/** Suggested offsets of reminders. */
const REMINDERS = ['0 minutes', '5 minutes', '15 minutes', '30 minutes', '1 hour', '2 hours', '1 day', '1 week'];
/** Number and pause of requests for a new reminder, which another function writes. */
const REMINDER_TRIES = 8;
const REMINDER_AFTER = 250;

/** Fields of free text. @type {Set<FieldName>} */
const TEXTS = new Set(['title', 'description']);

/** States of a reminder, as text. */
const REMINDED = Object.freeze({ pending: 'waits', sent: 'delivered', failed: 'failed', cancelled: 'cancelled' });

/** @param {string | null} text an offset as the service spells it, such as "2 hours" */
const parseOffset = (text) => /^(\d{1,3}) (minute|hour|day|week)s?$/.exec(text ?? '');

/** Weekday of a task's due date in its zone, MO to SU; today's without a due date. @param {Task} task */
function weekdayOf(task) {
  const name = new Intl.DateTimeFormat('en', { weekday: 'long', timeZone: task.time_zone }).format(task.due_date ? new Date(task.due_date) : new Date());
  return WEEKDAYS.find(([, own]) => own === name)?.[0] ?? 'MO';
}

/** The options of a reminder. @param {string} none the text of the option without an offset @param {string[]} offsets */
const offsetOptions = (none, offsets) => [h('option', { value: '', textContent: none }), ...offsets.map((value) => h('option', { value, textContent: capital(beforeDue(value)) }))];

/** @param {string} words @param {HTMLElement} control @param {...(Node | null)} more */
function field(words, control, ...more) {
  control.id ||= newId();
  return h('div', { className: 'field' }, h('label', { for: control.id, textContent: words }), control, ...more);
}

export class TaskDetail extends HTMLElement {
  /** The task as shown. @type {Task | null} */
  #task = null;
  /** Fields being edited, with the task as it was when editing began. @type {Map<FieldName, Task>} */
  #begun = new Map();
  #saving = 0;
  /** Fields, their controls, and the functions that return their change, or their error. @type {[FieldName, HTMLElement, () => TaskChange | string | null][]} */
  #fields = [];

  #heading = h('h2', { className: 'sr', tabIndex: -1, textContent: 'Task' });
  #state = h('p', { className: 'muted grow', role: 'status' });
  #check = h('input', { type: 'checkbox', className: 'check' });
  #title = h('textarea', { id: newId(), className: 'title-field', rows: 1, dir: 'auto', 'aria-label': 'Title', enterKeyHint: 'done' });
  #notes = h('textarea', { id: newId(), rows: 2, placeholder: 'Add notes', dir: 'auto' });
  #view = h('div', { className: 'markdown notes-view', dir: 'auto' });
  #edit = h('button', { className: 'quiet', textContent: 'Edit notes', onclick: () => this.#editNotes() });
  #due = this.#chip('calendar', 'Due');
  #repeat = this.#chip('repeat', 'Repeats');
  #remind = this.#chip('bell', 'Reminders');
  #flag = this.#chip('flag', 'Priority');
  #dueWords = h('p', { className: 'muted' });
  #zone = h('select', {});
  #repeats = new RecurrenceEditor();
  #from = h('select', {}, h('option', { value: 'due', textContent: 'the due date' }), h('option', { value: 'completion', textContent: 'the day it is completed' }));
  #fromField = field('Counted from', this.#from);
  #reminder = h('select', {});
  #amount = h('input', { type: 'number', min: '0', max: String(OFFSET_MAX), className: 'narrow', 'aria-label': 'How many' });
  #unit = h('select', { 'aria-label': 'Unit' }, ...['minutes', 'hours', 'days', 'weeks'].map((unit) => h('option', { value: unit, textContent: unit })));
  #custom = h('div', { className: 'line', hidden: true }, this.#amount, this.#unit, h('span', { textContent: 'before' }));
  #reminders = h('ul', { className: 'plain muted' });
  #more = h('ul', { className: 'plain' });
  #addMore = h('button', { className: 'quiet', textContent: 'Add another reminder', onclick: () => this.#addReminder() });
  #next = h('p', { className: 'muted', role: 'status' });
  #skip = h('button', { textContent: 'Skip this one', onclick: () => this.#task && skip(this.#task) });
  #priority = h('fieldset', { className: 'segments' }, h('legend', { textContent: 'Priority' }));
  #tags = new TagEditor();
  #facts = h('p', { className: 'muted facts-line' });
  #history = new TaskHistory();
  #details = h('details', { className: 'history' }, h('summary', { textContent: 'History' }), this.#history);
  #body = h('div', { className: 'detail-body' });
  #problem = h('div', { className: 'note trouble', hidden: true });

  /** A button that shows a property and opens its panel. @param {string} sign @param {string} label */
  #chip(sign, label) {
    return h('button', { className: 'pill property' }, icon(sign), h('span', { className: 'sr', textContent: `${label}: ` }), h('span', { className: 'words', textContent: label }));
  }

  connectedCallback() {
    if (this.#heading.isConnected) return;
    this.#build();
    tasks.addEventListener('change', () => this.#follow());
    tasks.addEventListener('renamed', (event) => this.#rename(/** @type {CustomEvent<{ from: number, to: number }>} */ (event).detail));
    tasks.outbox.addEventListener('change', () => this.#sayState());
    this.#details.addEventListener('toggle', () => {
      if (this.#details.open && this.#task) this.#history.show(this.#task.id);
    });
    this.addEventListener('keydown', (event) => this.#key(event));
  }

  /** Opens the view's task. @param {boolean} edit whether to begin with its title */
  async open(edit) {
    const { task: id } = view();
    if (id === null) return;
    if (this.#task?.id !== id) this.#reset();
    const known = tasks.get(id);
    if (known) this.#show(known);
    else setText(this.#state, 'Loading…');
    this.#body.scrollTop = 0;
    if (edit) this.#title.select();
    else this.#heading.focus({ preventScroll: true });
    try {
      this.#show(await tasks.fetch(id));
      await this.#restore(id);
      if (id > 0) await this.#loadReminders(id);
    } catch (error) {
      if (view().task === id) this.#fail(error);
    }
  }

  /** Saves edits in progress, so that nothing typed is lost when the pane shows something else. */
  leave() {
    for (const [name, control, read] of this.#fields) if (this.#begun.has(name) && TEXTS.has(name)) void this.#commit(name, control, read());
  }

  /** Restores unsaved text of this window or of an earlier visit. @param {number} id */
  async #restore(id) {
    for (const [name, control] of this.#fields) {
      if (!TEXTS.has(name)) continue;
      const draft = await draftOf(draftKey(id, name));
      const task = this.#task;
      if (!draft || task?.id !== id || this.#begun.has(name)) continue;
      const field = name === 'title' ? 'title' : 'description';
      if (draft.text === task[field]) {
        keepDraft(draftKey(id, name), '');
        continue;
      }
      this.#begun.set(name, { ...task, ...draft.base });
      setArea(/** @type {HTMLTextAreaElement} */ (control), draft.text);
      const words = `Unsaved text from ${inWords(new Date(draft.at).toISOString())}.`;
      this.#mark(name, control, words, ['Save it', () => this.leave()], ['Discard it', () => this.#giveUp(name, control)]);
    }
  }

  /** @param {FieldName} name @param {HTMLElement} control */
  #giveUp(name, control) {
    this.#begun.delete(name);
    this.#mark(name, control, '');
    if (!this.#task) return;
    keepDraft(draftKey(this.#task.id, name), '');
    this.#show(this.#task);
  }

  /** Replaces the id of a task created here by the one that the service has assigned. @param {{ from: number, to: number }} ids */
  #rename({ from, to }) {
    if (this.#task?.id !== from) return;
    this.#task = { ...this.#task, id: to };
    for (const [name, base] of this.#begun) this.#begun.set(name, { ...base, id: to });
    this.#follow();
  }

  #reset() {
    this.leave();
    this.#task = null;
    this.#begun.clear();
    this.#details.open = false;
    this.#reminders.replaceChildren();
    this.#body.hidden = true;
    this.#problem.hidden = true;
    for (const line of this.querySelectorAll('.field-state')) line.remove();
    for (const panel of this.querySelectorAll('.panel')) /** @type {HTMLElement} */ (panel).hidden = true;
    for (const chip of this.querySelectorAll('.property[aria-expanded]')) chip.setAttribute('aria-expanded', 'false');
    this.#more.replaceChildren();
    setText(this.#state, '');
  }

  /** @param {unknown} error */
  #fail(error) {
    setText(this.#state, '');
    if (this.#task) return;
    const isGone = error instanceof Problem && error.status === 404;
    this.#problem.hidden = false;
    this.#problem.replaceChildren(
      h('p', { className: 'note-title', textContent: isGone ? 'This task no longer exists' : 'The task could not be loaded' }),
      h('p', { textContent: isGone ? 'It was deleted.' : textOf(error) }),
      h('button', { textContent: isGone ? 'Close' : 'Try again', onclick: () => (isGone ? closeTask() : void this.open(false)) }),
    );
  }

  #build() {
    const bar = h(
      'div',
      { className: 'pane-bar' },
      h('button', { className: 'icon-button', 'aria-label': 'Close the task', title: 'Close (Esc)', onclick: closeTask }, icon('close')),
      this.#heading,
      this.#state,
    );
    for (const value of /** @type {const} */ (['low', 'medium', 'high'])) {
      this.#priority.append(h('label', {}, h('input', { type: 'radio', name: 'detail-priority', value }), capital(value)));
    }
    this.#zone.append(...allZones().map((zone) => h('option', { value: zone, textContent: zone === here() ? `${zone} (here)` : zone })));
    this.#repeats.classList.add('field');
    this.#tags.classList.add('field');
    const panel = (/** @type {HTMLElement} */ chip, /** @type {string} */ label, /** @type {Node[]} */ ...children) => {
      const element = h('div', { id: newId(), className: 'panel', role: 'group', 'aria-label': label, hidden: true }, ...children);
      chip.setAttribute('aria-controls', element.id);
      chip.setAttribute('aria-expanded', 'false');
      chip.addEventListener('click', () => this.#open(chip, element));
      return element;
    };
    const parts = [
      h('div', { className: 'title-line field' }, this.#check, this.#title),
      h('div', { className: 'field notes' }, h('div', { className: 'line' }, h('label', { className: 'grow', for: this.#notes.id, textContent: 'Notes' }), this.#edit), this.#view, this.#notes),
      h('div', { className: 'field' }, h('div', { className: 'line properties' }, this.#due, this.#repeat, this.#remind, this.#flag), this.#dueWords),
      panel(this.#repeat, 'Repetition', this.#repeats, this.#fromField, this.#next, h('div', { className: 'line' }, this.#skip)),
      panel(this.#remind, 'Reminders', field('Reminder', this.#reminder, this.#custom, this.#reminders), this.#more, this.#addMore),
      panel(this.#flag, 'Priority', h('div', { className: 'field' }, this.#priority)),
      this.#tags,
      h('details', { className: 'history' }, h('summary', { textContent: 'More' }), field('Time zone', this.#zone), this.#facts),
      this.#details,
      h('button', { className: 'quiet danger-text', onclick: () => this.#task && remove(this.#task) }, icon('trash'), 'Delete the task'),
    ];
    this.#due.addEventListener('click', () => void this.#pickDue());
    this.#body.append(...parts);
    this.replaceChildren(bar, this.#problem, this.#body);
    this.#listen();
  }

  /** Opens one panel and closes the others. @param {HTMLElement} chip @param {HTMLElement} panel */
  #open(chip, panel) {
    const isOpen = panel.hidden;
    for (const other of this.querySelectorAll('.panel')) /** @type {HTMLElement} */ (other).hidden = true;
    for (const other of this.querySelectorAll('.property[aria-expanded]')) other.setAttribute('aria-expanded', 'false');
    panel.hidden = !isOpen;
    chip.setAttribute('aria-expanded', String(isOpen));
    if (!isOpen) return;
    if (chip === this.#repeat) void this.#showNext();
    const first = panel.querySelector('select, input:checked, input');
    if (first instanceof HTMLElement) first.focus();
  }

  async #pickDue() {
    const task = this.#task;
    if (!task) return;
    const { pickDate } = await part(() => import('./date-picker.js'));
    pickDate(this.#due, {
      label: `Due date of ${task.title}`,
      task,
      choose: (picked) => this.#task && void this.#commit('due', this.#due, moved(this.#task, picked)),
      read: (change) => void this.#commit('due', this.#due, change),
    });
  }

  /** Shows the next three dates of a recurring task. */
  async #showNext() {
    const task = this.#task;
    if (!task || task.recurrence === 'none' || task.id < 0) return setText(this.#next, '');
    try {
      const dates = await listOccurrences(task.id, NEXT_DATES);
      if (this.#task?.id === task.id) setText(this.#next, dates.length ? `After this: ${dates.map((due) => dueInWords(due)).join(', ')}.` : 'This is the last occurrence.');
    } catch {
      setText(this.#next, '');
    }
    return undefined;
  }

  // ---- notes

  #editNotes() {
    this.#showNotes(true);
    this.#notes.focus();
  }

  /** Shows the notes rendered, or as an editor. @param {boolean} isEdited */
  #showNotes(isEdited) {
    const isWritten = isEdited || !this.#notes.value.trim() || this.#begun.has('description') || this.#notes.closest('.field')?.querySelector('.field-state') !== null;
    this.#notes.hidden = !isWritten;
    this.#view.hidden = this.#edit.hidden = isWritten;
    if (isWritten) return fit(this.#notes);
    const tick = (/** @type {number} */ box) => this.#task && void this.#commit('description', this.#notes, { description: ticked(this.#task.description, box) });
    return this.#view.replaceChildren(...notes(this.#notes.value, tick));
  }

  // ---- several reminders

  #addReminder() {
    const task = this.#task;
    if (!task) return;
    const select = h('select', { 'aria-label': 'Another reminder' }, ...offsetOptions('Choose…', REMINDERS));
    const close = () => {
      item.remove();
      this.#addMore.focus();
    };
    const item = h('li', { className: 'line' }, select, h('button', { className: 'icon-button small', 'aria-label': 'Cancel the new reminder', onclick: close }, icon('close')));
    select.addEventListener('change', async () => {
      if (!select.value) return;
      try {
        await addReminder(task.id, select.value);
        item.remove();
        await this.#loadReminders(task.id);
      } catch (error) {
        fieldError(select, textOf(error));
      }
    });
    // Replaces an earlier, unused one.
    this.#more.replaceChildren(item);
    select.focus();
  }

  #listen() {
    this.#check.addEventListener('change', () => this.#task && setDone(this.#task, this.#check.checked));
    this.#fields = [
      ['title', this.#title, () => this.#titleChange()],
      ['description', this.#notes, () => this.#notesChange()],
      ['zone', this.#zone, () => this.#zoneChange()],
      ['repeats', this.#repeats, () => this.#repeats.value],
      ['from', this.#from, () => ({ recurrence_from: /** @type {'due'} */ (this.#from.value) })],
      ['priority', this.#priority, () => ({ priority: /** @type {'low'} */ (find(this.#priority, ':checked', HTMLInputElement).value) })],
      ['tags', this.#tags, () => ({ tags: this.#tags.value })],
      ['reminder', this.#custom, () => this.#customReminder()],
    ];
    for (const [name, control, read] of this.#fields) {
      control.addEventListener('input', () => this.#begin(name));
      control.addEventListener('change', () => this.#commit(name, control, read()));
    }
    this.#notes.addEventListener('blur', () => this.#showNotes(false));
    this.#view.addEventListener('dblclick', () => this.#editNotes());
    this.#reminder.addEventListener('change', () => this.#chooseReminder());
    for (const [name, area] of /** @type {const} */ ([['title', this.#title], ['description', this.#notes]])) {
      area.addEventListener('input', () => {
        fit(area);
        const base = this.#begun.get(name);
        if (base) keepDraft(draftKey(base.id, name), area.value || ' ', { title: base.title, description: base.description, version: base.version });
      });
    }
    this.#title.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.isComposing) return;
      event.preventDefault();
      this.#title.blur();
      this.#heading.focus();
    });
  }

  /** @param {FieldName} name */
  #begin(name) {
    if (this.#task && !this.#begun.has(name)) this.#begun.set(name, this.#task);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key !== 'Escape' || event.defaultPrevented || this.#begun.size === 0 || !this.#task) return;
    // Valid changes are saved, and the pane closes. An empty title is discarded first.
    if (this.#begun.has('title') && !this.#title.value.trim()) {
      event.preventDefault();
      this.#giveUp('title', this.#title);
    } else this.leave();
  }

  // ---- values of the fields

  #titleChange() {
    const title = this.#title.value.replace(/\s+/g, ' ').trim();
    if (!title) return 'A task needs a title.';
    return [...title].length > TITLE_MAX ? `A title has at most ${TITLE_MAX} characters.` : { title };
  }

  #notesChange() {
    const description = this.#notes.value;
    return [...description].length > DESCRIPTION_MAX ? `Notes have at most ${DESCRIPTION_MAX.toLocaleString()} characters.` : { description };
  }

  /** Keeps the wall-clock time: 09:00 in Berlin becomes 09:00 in Tokyo. */
  #zoneChange() {
    const task = this.#task;
    const time_zone = this.#zone.value;
    // An all-day task keeps its day anyway.
    if (!task?.due_date || task.all_day) return { time_zone };
    return { time_zone, due_date: instantOf(wallClock(new Date(task.due_date), task.time_zone), time_zone).toISOString() };
  }

  #chooseReminder() {
    const isCustom = this.#reminder.value === 'custom';
    this.#custom.hidden = !isCustom;
    if (isCustom) {
      this.#begin('reminder');
      this.#amount.value ||= '10';
      this.#amount.focus();
      return;
    }
    this.#begin('reminder');
    this.#commit('reminder', this.#reminder, { reminder_offset: this.#reminder.value || null });
  }

  #customReminder() {
    if (!/^\d+$/.test(this.#amount.value) || Number(this.#amount.value) > OFFSET_MAX) return `Enter a whole number from 0 to ${OFFSET_MAX}.`;
    return { reminder_offset: `${Number(this.#amount.value)} ${this.#unit.value}` };
  }

  // ---- saving

  /**
   * Saves the change of a field. A string is the field's error, shown before anything is sent.
   *
   * @param {FieldName} name
   * @param {HTMLElement} control
   * @param {TaskChange | string | null} change
   */
  async #commit(name, control, change) {
    const task = this.#task;
    const base = this.#begun.get(name) ?? task;
    if (!task || !base || change === null) return;
    if (typeof change === 'string') {
      this.#begin(name);
      this.#mark(name, control, change);
      return;
    }
    this.#mark(name, control, '');
    const fields = /** @type {(keyof TaskChange)[]} */ (Object.keys(change));
    const now = tasks.get(task.id) ?? task;
    if (fields.every((own) => own in now && JSON.stringify(now[own]) === JSON.stringify(change[own]))) {
      this.#begun.delete(name);
      if (TEXTS.has(name)) keepDraft(draftKey(task.id, name), '');
      this.#show(task);
      return;
    }
    // From here on the field follows the task, which shows the change at once.
    if (change.reminder_offset) void part(() => import('./devices.js')).then(({ offerPush }) => offerPush());
    this.#begun.delete(name);
    this.#saving += 1;
    try {
      const made = tasks.update(base, change, true);
      const { answer } = made;
      record(made);
      this.#sayState();
      // The change is on disk with the others, so the draft is no longer needed.
      if (TEXTS.has(name)) keepDraft(draftKey(task.id, name), '');
      const saved = await answer;
      // If they cannot be loaded now, they are loaded when the task is opened again.
      if (saved?.task && ('reminder_offset' in change || 'due_date' in change)) this.#followReminders(saved.task).catch(() => {});
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      // If the field is not visible, the list of refused changes shows it.
      if (error.refusal.status === 404 || view().task !== tasks.idNow(task.id)) return;
      void tasks.outbox.withdraw(error.change);
      this.#refused(name, control, change, error);
    } finally {
      this.#saving -= 1;
      this.#sayState();
    }
  }

  /** Shows whether everything is saved. */
  #sayState() {
    const task = this.#task;
    if (!task || this.#state.textContent === 'Loading…') return;
    const isSaving = tasks.isSaving(task.id);
    const { isAway } = tasks.outbox;
    if (isSaving) setText(this.#state, isAway ? 'Saved on this device' : 'Saving…');
    else if (this.#state.textContent) setText(this.#state, this.querySelector('.field-state') ? '' : 'Saved');
  }

  /** @param {FieldName} name @param {HTMLElement} control @param {TaskChange} change @param {Refused} error */
  #refused(name, control, change, error) {
    const task = this.#task;
    if (!task) return;
    setText(this.#state, '');
    const { status, text, now, fields = [] } = error.refusal;
    const mine = String(Object.values(change)[0] ?? '');
    if (TEXTS.has(name)) keepDraft(draftKey(task.id, name), mine, task);
    if (now) {
      const own = /** @type {keyof Task} */ (Object.keys(change)[0]);
      const theirs = own === 'due_date' ? dueInFull(now) : String(now[own] ?? '');
      const both = h('dl', { className: 'versions' }, h('div', {}, h('dt', { textContent: 'Elsewhere' }), h('dd', { dir: 'auto', textContent: theirs || 'empty' })), h('div', {}, h('dt', { textContent: 'Yours' }), h('dd', { dir: 'auto', textContent: own === 'due_date' ? dueInFull(/** @type {Task} */ (error.change.patch)) : mine || 'empty' })));
      this.#mark(name, control, `The ${fieldNames(fields)} was also changed elsewhere.`, ['Use mine', () => void this.#commit(name, control, change)], ['Keep the other', () => this.#giveUp(name, control)]);
      control.closest('.field')?.querySelector('.field-state .line')?.before(both);
      return;
    }
    const reason = `Not saved. ${capital(text)}`;
    if (TEXTS.has(name)) {
      // The text stays in its field.
      this.#begun.set(name, task);
      setArea(/** @type {HTMLTextAreaElement} */ (control), mine);
    }
    this.#mark(name, control, status === 422 ? text : reason, ...(status === 422 ? [] : [/** @type {[string, () => void]} */ (['Try again', () => void this.#commit(name, control, change)])]));
  }

  /**
   * Shows a message under a field; an empty text removes it.
   *
   * @param {FieldName} name
   * @param {HTMLElement} control
   * @param {string} words
   * @param {...[string, () => void]} choices
   */
  #mark(name, control, words, ...choices) {
    const home = control.closest('.field') ?? control;
    home.querySelector('.field-state')?.remove();
    if (!words) {
      control.removeAttribute('aria-invalid');
      control.removeAttribute('aria-describedby');
      return;
    }
    const text = h('p', { id: `detail-${name}-state`, textContent: words });
    const buttons = choices.map(([label, run]) => h('button', { textContent: label, onclick: run }));
    home.append(h('div', { className: 'field-state', role: 'alert' }, text, ...(buttons.length ? [h('div', { className: 'line' }, ...buttons)] : [])));
    control.setAttribute('aria-invalid', 'true');
    control.setAttribute('aria-describedby', text.id);
  }

  // ---- showing

  #follow() {
    const task = this.#task && view().task === this.#task.id ? tasks.get(this.#task.id) : undefined;
    if (task) this.#show(task);
  }

  /** @param {Task} task */
  #show(task) {
    if (view().task !== task.id) return;
    const isOther = this.#task?.id !== task.id;
    const hadVersion = this.#task?.version;
    this.#task = task;
    this.#problem.hidden = true;
    this.#body.hidden = false;
    if (this.#state.textContent === 'Loading…') setText(this.#state, '');
    this.#check.checked = task.status === 'completed';
    this.#check.setAttribute('aria-label', `Completed: ${task.title}`);
    this.#body.classList.toggle('done', task.status === 'completed');
    this.#fill('title', () => setArea(this.#title, task.title));
    this.#fill('description', () => setArea(this.#notes, task.description));
    if (document.activeElement !== this.#notes) this.#showNotes(false);
    this.#fill('zone', () => this.#fillZone(task.time_zone));
    this.#fill('repeats', () => this.#repeats.show(task, weekdayOf(task)));
    this.#fill('from', () => {
      this.#from.value = task.recurrence_from;
    });
    this.#fill('reminder', () => this.#fillReminder(task.reminder_offset));
    this.#fill('priority', () => {
      find(this.#priority, `[value="${task.priority}"]`, HTMLInputElement).checked = true;
    });
    this.#fill('tags', () => {
      this.#tags.value = task.tags;
    });
    this.#words(task);
    if (this.#details.open && !isOther && hadVersion !== task.version) this.#history.show(task.id);
  }

  /** @param {FieldName} name @param {() => void} write */
  #fill(name, write) {
    if (!this.#begun.has(name)) write();
  }

  /** @param {string} zone */
  #fillZone(zone) {
    if (![...this.#zone.options].some(({ value }) => value === zone)) this.#zone.prepend(h('option', { value: zone, textContent: zone }));
    this.#zone.value = zone;
  }

  /** @param {string | null} offset */
  #fillReminder(offset) {
    // An open list of options must not change.
    if (![...this.#reminder.options].some(({ value }) => value === (offset ?? ''))) {
      this.#reminder.replaceChildren(...offsetOptions('None', [...new Set([...REMINDERS, offset ?? '0 minutes'])]), h('option', { value: 'custom', textContent: 'Another time…' }));
    }
    this.#reminder.value = offset ?? '';
    this.#custom.hidden = true;
    const [, amount = '', unit = 'minute'] = parseOffset(offset) ?? [];
    this.#amount.value = amount;
    this.#unit.value = `${unit}s`;
  }

  /** @param {Task} task */
  #words(task) {
    const hasDue = task.due_date !== null;
    const isLate = isOverdue(task);
    const chip = (/** @type {HTMLElement} */ button, /** @type {string} */ words, /** @type {boolean} */ isSet) => {
      setText(find(button, '.words', HTMLElement), words);
      button.classList.toggle('on', isSet);
    };
    chip(this.#due, hasDue ? `${isLate ? 'Overdue: ' : ''}${dueInWords(task)}` : 'Date', hasDue);
    this.#due.classList.toggle('late', isLate);
    this.#due.title = dueInFull(task);
    const repeats = recurrenceOf(task);
    chip(this.#repeat, repeats ? capital(repeats) : 'Repeat', repeats !== '');
    chip(this.#remind, task.reminder_offset ? capital(beforeDue(task.reminder_offset)) : 'Remind', task.reminder_offset !== null);
    chip(this.#flag, task.priority === 'medium' ? 'Priority' : capital(task.priority), task.priority !== 'medium');
    this.#flag.dataset.priority = task.priority;
    for (const button of [this.#repeat, this.#remind]) button.hidden = !hasDue;
    this.#repeats.disabled = !hasDue;
    this.#reminder.disabled = !hasDue;
    this.#skip.hidden = task.recurrence === 'none' || task.status === 'completed';
    this.#fromField.hidden = task.recurrence === 'none';
    const isElsewhere = hasDue && task.time_zone !== here() && !task.all_day;
    setText(this.#dueWords, isElsewhere ? `In ${task.time_zone} that is ${wallClock(new Date(task.due_date ?? ''), task.time_zone).slice(11)}.` : '');
    this.#dueWords.hidden = !isElsewhere;
    const facts = [`Created ${inWords(task.created_at)}`, `changed ${inWords(task.updated_at)}`];
    if (task.completed_at) facts.push(`completed ${inWords(task.completed_at)}`);
    if (recurrenceOf(task) && task.recurrence_number > 1) facts.push(`number ${task.recurrence_number} of its series`);
    setText(this.#facts, `${facts.join(' · ')}.`);
  }

  /** Waits until the reminders follow a change of the task. @param {Task} task */
  async #followReminders(task) {
    const before = this.#reminders.textContent;
    if (!before && !task.reminder_offset) return;
    for (let tries = 0; tries < REMINDER_TRIES && this.#task?.id === task.id && this.#reminders.textContent === before; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, REMINDER_AFTER));
      await this.#loadReminders(task.id);
    }
  }

  /** @param {number} id */
  async #loadReminders(id) {
    const found = await listReminders(id);
    if (this.#task?.id !== id) return;
    const told = found.filter(({ status }) => status !== 'cancelled');
    const own = this.#task.reminder_offset;
    const cancel = (/** @type {number} */ one) => async () => {
      await cancelReminder(one).catch((error) => toast(textOf(error), { title: 'The reminder was not removed', kind: 'bad' }));
      await this.#loadReminders(id);
    };
    this.#reminders.replaceChildren(
      ...told.map((one) => {
        const isMore = one.status === 'pending' && one.reminder_offset !== own;
        const words = `${inWords(one.scheduled_at)}: ${REMINDED[one.status]}`;
        return h('li', { className: one.status === 'failed' ? 'line late' : 'line' }, h('span', { textContent: words }), isMore && h('button', { className: 'icon-button small', 'aria-label': `Remove the reminder of ${inWords(one.scheduled_at)}`, onclick: cancel(one.id) }, icon('close')));
      }),
    );
  }
}

/** Key of a field's draft. @param {number} id @param {FieldName} name */
const draftKey = (id, name) => `task ${id} ${name}`;

/** Adapts the height to the text. @param {HTMLTextAreaElement} area */
function fit(area) {
  area.style.height = 'auto';
  area.style.height = `${area.scrollHeight + 2}px`;
}

/** @param {HTMLTextAreaElement} area @param {string} text */
function setArea(area, text) {
  if (area.value !== text) area.value = text;
  fit(area);
}

customElements.define('task-detail', TaskDetail);
