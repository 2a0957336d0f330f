// <recurrence-editor>: edits how often a task repeats, from "every day" to any RFC 5545 rule, without knowledge of RRULE. Dispatches `change` when
// the choice is complete; `value` has the form of a PUT.

import { fieldError, h, newId } from './dom.js';
import { NUMBER_MAX, ORDINALS, UNITS, WEEKDAYS, describe, every, parse, write } from './recurrence.js';

/** @typedef {import('./api.js').Task} Task */
/** @typedef {import('./recurrence.js').Rule} Rule */
/** @typedef {Pick<import('./api.js').TaskChange, 'recurrence' | 'recurrence_rule'>} Value */

/** Normalises a rule to the form's spelling. @param {string} text */
function normal(text) {
  const rule = parse(text);
  return rule ? write(rule) : text;
}

/** Options of the first control: fixed rules, those of the API, and the form. */
const CHOICES = Object.freeze(
  /** @type {[string, string][]} */ ([
    ['none', 'Does not repeat'],
    ['daily', 'Every day'],
    ['FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR', 'Every weekday'],
    ['weekly', 'Every week'],
    ['FREQ=WEEKLY;INTERVAL=2', 'Every 2 weeks'],
    ['monthly', 'Every month'],
    ['FREQ=MONTHLY;BYMONTHDAY=-1', 'Every last day of the month'],
    ['FREQ=YEARLY', 'Every year'],
    ['custom', 'Something else…'],
    ['text', 'A rule as text (RRULE)…'],
  ]),
);

/** @param {readonly (readonly [string | number, string])[]} options @param {string | number} value @param {string} label */
const select = (options, value, label) =>
  h('select', { 'aria-label': label }, ...options.map(([own, words]) => h('option', { value: String(own), textContent: words, selected: String(own) === String(value) })));

/** @param {string} label @param {number} value @param {number} max */
const numberInput = (label, value, max) => h('input', { type: 'number', 'aria-label': label, min: '1', max: String(max), value: String(value), className: 'narrow' });

/** Returns the whole number of an input, from 1; null if invalid. @param {HTMLInputElement} input */
const numberOf = (input) => (input.validity.valid && /^\d+$/.test(input.value) ? Number(input.value) : null);

export class RecurrenceEditor extends HTMLElement {
  /** @type {Rule} */
  #rule = every('WEEKLY');
  #text = '';
  #choice = 'none';
  #weekday = 'MO';
  /** Due date of the task, in milliseconds. */
  #due = 0;
  #form = h('div', { className: 'rule-form' });
  #select = h('select', {}, ...CHOICES.map(([value, words]) => h('option', { value, textContent: words })));

  connectedCallback() {
    if (this.contains(this.#select)) return;
    this.#select.id = newId();
    this.append(h('label', { for: this.#select.id, textContent: 'Repeats' }), this.#select, this.#form);
    this.#select.addEventListener('change', this.#on(() => this.#choose()));
  }

  /** @param {boolean} isOff */
  set disabled(isOff) {
    this.#select.disabled = isOff;
  }

  /** @param {Pick<Task, 'recurrence' | 'recurrence_rule' | 'due_date'>} task @param {string} weekday of the due date, MO to SU */
  show({ recurrence, recurrence_rule, due_date }, weekday) {
    this.#due = due_date ? Date.parse(due_date) : 0;
    const rule = parse(recurrence_rule ?? '');
    const own = this.value.recurrence_rule;
    const isShown = recurrence === 'custom' ? own === recurrence_rule || (rule !== null && own && normal(own) === write(rule)) : this.value.recurrence === recurrence;
    if (isShown && weekday === this.#weekday) return;
    this.#weekday = weekday;
    this.#text = recurrence_rule ?? '';
    if (rule) this.#rule = rule;
    const isListed = CHOICES.some(([value]) => value === recurrence_rule);
    this.#choice = recurrence !== 'custom' ? recurrence : isListed ? this.#text : rule ? 'custom' : 'text';
    this.#select.value = this.#choice;
    this.#draw();
  }

  /** @returns {Value} */
  get value() {
    switch (this.#choice) {
      case 'none':
      case 'daily':
      case 'weekly':
      case 'monthly':
        return { recurrence: this.#choice };
      case 'custom':
        return { recurrence_rule: write(this.#rule) };
      case 'text':
        return { recurrence_rule: this.#text.trim() };
      default:
        return { recurrence_rule: this.#choice };
    }
  }

  #choose() {
    const before = this.value.recurrence_rule ?? '';
    this.#choice = this.#select.value;
    if (this.#choice === 'custom') this.#rule = parse(before) ?? { ...every('WEEKLY'), days: [this.#weekday] };
    if (this.#choice === 'text') this.#text = before;
    this.#draw();
    // An empty text is no choice yet.
    if (this.#choice !== 'text' || this.#text) this.#changed();
    else this.#form.querySelector('textarea')?.focus();
  }

  #changed() {
    this.dispatchEvent(new Event('change', { bubbles: true }));
  }

  #draw() {
    if (this.#choice === 'custom') this.#drawForm();
    else if (this.#choice === 'text') this.#drawText();
    else this.#form.replaceChildren();
  }

  #drawText() {
    const area = h('textarea', { rows: 2, value: this.#text, 'aria-label': 'RFC 5545 rule', placeholder: 'FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=1', spellcheck: false, autocapitalize: 'off' });
    area.addEventListener('change', (event) => {
      event.stopPropagation();
      this.#text = area.value;
      if (!this.#text.trim()) return fieldError(area, 'Enter a rule such as FREQ=WEEKLY;BYDAY=MO.');
      fieldError(area, '');
      return this.#changed();
    });
    this.#form.replaceChildren(area);
  }

  /** Changes the rule and redraws it; the control in use keeps the focus. @param {Partial<Rule>} parts */
  #set(parts) {
    const focused = [...this.#form.querySelectorAll('input, select')].indexOf(/** @type {Element} */ (document.activeElement));
    this.#rule = { ...this.#rule, ...parts };
    this.#drawForm();
    const again = [...this.#form.querySelectorAll('input, select')][focused];
    if (again instanceof HTMLElement) again.focus();
    this.#changed();
  }

  #drawForm() {
    const rule = this.#rule;
    const interval = numberInput('Interval', rule.interval, NUMBER_MAX);
    const unit = select(UNITS.map(([freq, word]) => [freq, rule.interval === 1 ? word : `${word}s`]), rule.freq, 'Unit');
    interval.addEventListener('change', this.#on(() => this.#setNumber(interval, (value) => ({ interval: value }))));
    unit.addEventListener('change', this.#on(() => this.#setUnit(/** @type {Rule['freq']} */ (unit.value))));
    const part = rule.freq === 'WEEKLY' ? this.#weekdays() : rule.freq === 'MONTHLY' ? this.#monthDays() : [];
    const note = h('p', { className: 'muted rule-words', role: 'status', textContent: `It repeats ${describe(write(rule))}.` });
    this.#form.replaceChildren(h('div', { className: 'line' }, h('span', { textContent: 'Every' }), interval, unit), ...part, this.#ends(), note);
  }

  /** Stops the controls' own `change`; the editor dispatches its own when the choice is complete. @param {() => void} act @returns {(event: Event) => void} */
  #on(act) {
    return (event) => {
      event.stopPropagation();
      act();
    };
  }

  /** @param {HTMLInputElement} input @param {(value: number) => Partial<Rule>} parts */
  #setNumber(input, parts) {
    const value = numberOf(input);
    if (value === null) fieldError(input, `Enter a whole number from 1 to ${input.max}.`);
    else this.#set(parts(value));
  }

  /** @param {Rule['freq']} freq */
  #setUnit(freq) {
    this.#set({ freq, days: freq === 'WEEKLY' ? [this.#weekday] : [], monthDay: null, nth: null });
  }

  #weekdays() {
    const boxes = WEEKDAYS.map(([code, name]) => {
      const box = h('input', { type: 'checkbox', checked: this.#rule.days.includes(code), 'aria-label': name });
      const toggled = () => {
        const days = WEEKDAYS.map(([own]) => own).filter((own) => (own === code ? box.checked : this.#rule.days.includes(own)));
        this.#set({ days });
      };
      box.addEventListener('change', this.#on(toggled));
      return h('label', { className: 'day' }, box, h('span', { 'aria-hidden': 'true', textContent: name.slice(0, 2) }));
    });
    return [h('fieldset', { className: 'line' }, h('legend', { className: 'sr', textContent: 'On these days' }), ...boxes)];
  }

  #monthDays() {
    const { monthDay, nth } = this.#rule;
    const kind = select(
      [
        ['due', 'on the day of the due date'],
        ['day', 'on a day of the month'],
        ['last', 'on the last day'],
        ['nth', 'on a weekday'],
      ],
      nth ? 'nth' : monthDay === null ? 'due' : monthDay === -1 ? 'last' : 'day',
      'Which day of the month',
    );
    const parts = { due: { monthDay: null, nth: null }, day: { monthDay: 1, nth: null }, last: { monthDay: -1, nth: null }, nth: { monthDay: null, nth: { ordinal: 1, weekday: this.#weekday } } };
    kind.addEventListener('change', this.#on(() => this.#set(parts[/** @type {keyof typeof parts} */ (kind.value)])));
    if (nth) return [h('div', { className: 'line' }, kind, ...this.#nth(nth))];
    if (monthDay === null || monthDay === -1) return [h('div', { className: 'line' }, kind)];
    const day = numberInput('Day of the month', monthDay, 31);
    day.addEventListener('change', this.#on(() => this.#setNumber(day, (value) => ({ monthDay: value }))));
    const skipped = monthDay > 28 ? h('p', { className: 'muted', textContent: `Months without a day ${monthDay} are skipped.` }) : null;
    return [h('div', { className: 'line' }, kind, day), ...(skipped ? [skipped] : [])];
  }

  /** @param {import('./recurrence.js').NthWeekday} nth */
  #nth(nth) {
    const ordinal = select(ORDINALS, nth.ordinal, 'Which of the month');
    const weekday = select(WEEKDAYS, nth.weekday, 'Weekday');
    const chosen = () => this.#set({ nth: { ordinal: Number(ordinal.value), weekday: weekday.value } });
    for (const control of [ordinal, weekday]) control.addEventListener('change', this.#on(chosen));
    return [ordinal, weekday];
  }

  #ends() {
    const { end } = this.#rule;
    const kind = select(
      [
        ['never', 'without an end'],
        ['count', 'a number of times'],
        ['until', 'until a day'],
      ],
      end.kind,
      'How long',
    );
    // The service refuses an end before the start.
    const first = new Date(Math.max(Date.now(), this.#due));
    const until = new Date(first.getFullYear() + 1, first.getMonth(), 1);
    const date = `${until.getFullYear()}-${String(until.getMonth() + 1).padStart(2, '0')}-01`;
    const chosen = { never: { kind: 'never' }, count: { kind: 'count', count: 10 }, until: { kind: 'until', date } };
    kind.addEventListener('change', this.#on(() => this.#set({ end: /** @type {import('./recurrence.js').End} */ (chosen[/** @type {keyof typeof chosen} */ (kind.value)]) })));
    return h('div', { className: 'line' }, kind, this.#endValue());
  }

  #endValue() {
    const { end } = this.#rule;
    if (end.kind === 'count') {
      const input = numberInput('Number of occurrences', end.count, NUMBER_MAX);
      input.addEventListener('change', this.#on(() => this.#setNumber(input, (count) => ({ end: { kind: 'count', count } }))));
      return input;
    }
    if (end.kind === 'never') return null;
    const input = h('input', { type: 'date', 'aria-label': 'The last day', value: end.date, max: '9999-12-31' });
    const chosen = () => (input.value ? this.#set({ end: { kind: 'until', date: input.value } }) : fieldError(input, 'Choose a complete date.'));
    input.addEventListener('change', this.#on(chosen));
    return input;
  }
}

customElements.define('recurrence-editor', RecurrenceEditor);
