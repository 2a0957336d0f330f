// <quick-add>: a new task with one line and the Enter key. The service reads days, times, repetitions, reminders, tags and priorities
// out of the line, and what it understood is shown before it counts; without it, #tag, !high and !low are read here. What is on its
// way, and what failed, stays in sight.

import { tasks } from './actions.js';
import { Problem, draftTask, isAborted, newKey, textOf } from './api.js';
import { find, h, icon, setText } from './dom.js';
import { here, instantOf, quickDays, saidInWords } from './time.js';
import { toast } from './toasts.js';
import { clearFilters, isFiltered, show, view } from './view.js';

/** @typedef {import('./api.js').NewTask} NewTask */

/** Characters of a title, and of a tag, as the service has it. */
const TITLE_MAX = 200;
const TAG_MAX = 50;
/** Characters of a line that the service reads. */
const LINE_MAX = 1_000;
/** The time that is offered with a date to be picked. */
const MORNING = '09:00';
/** Milliseconds without a key after which a line is read. */
const PAUSE = 120;

/**
 * A line as a task. A word that only looks like a sign, such as "#1," or "!", stays in the title.
 *
 * @param {string} line
 * @returns {NewTask}
 */
export function readLine(line) {
  /** @type {string[]} */
  const tags = [];
  /** @type {import('./api.js').Priority | undefined} */
  let priority;
  const title = line
    .split(/\s+/)
    .filter((word) => {
      const tag = /^#([\p{L}\p{N}][\p{L}\p{N}_/-]*)$/u.exec(word)?.[1];
      const sign = /^!(high|medium|low)$/i.exec(word)?.[1];
      if (tag && tag.length <= TAG_MAX) tags.push(tag.toLowerCase());
      else if (sign) priority = /** @type {import('./api.js').Priority} */ (sign.toLowerCase());
      else return true;
      return false;
    })
    .join(' ')
    .trim();
  return { title, ...(tags.length ? { tags: [...new Set(tags)] } : {}), ...(priority ? { priority } : {}) };
}

/** @typedef {import('./api.js').Draft} Draft */
/** @typedef {{ name: string, words: string, sign?: string, from?: string }} Chip what was understood: what it is for a screen reader, its words, a symbol, and where they come from */

/** @param {Draft} draft @param {string} line @param {boolean} hasDue whether the day was chosen beside the line @returns {Chip[]} */
function chipsOf({ task, parts }, line, hasDue) {
  if (!task) return [];
  const said = (/** @type {Draft['parts'][number]['kind'][]} */ ...kinds) => parts.filter(({ kind }) => kinds.includes(kind));
  const from = (/** @type {Draft['parts']} */ some) => some.map(({ start, end }) => `“${line.slice(start, end)}”`).join(' ');
  /** @type {Chip[]} */
  const chips = [];
  const when = said('date', 'time');
  if (task.due_date && !hasDue) chips.push({ name: 'due', words: saidInWords(task.due_date), sign: 'calendar', from: from(when) });
  for (const [kind, sign] of /** @type {const} */ ([
    ['recurrence', 'repeat'],
    ['reminder', 'bell'],
  ])) {
    const some = said(kind);
    if (some.length) chips.push({ name: kind === 'reminder' ? 'reminder' : 'repeats', words: some.map(({ meaning }) => meaning).join(' '), sign, from: from(some) });
  }
  return [...chips, ...signsOf(task)];
}

/** @param {Pick<NewTask, 'tags' | 'priority'>} task @returns {Chip[]} */
function signsOf({ tags = [], priority }) {
  const chips = tags.map((tag) => ({ name: 'tag', words: tag }));
  return priority && priority !== 'medium' ? [...chips, { name: 'priority', words: priority }] : chips;
}

export class QuickAdd extends HTMLElement {
  #form = find(this, 'form', HTMLFormElement);
  #title = find(this, '#new-title', HTMLInputElement);
  #due = find(this, '#new-due', HTMLSelectElement);
  #pick = find(this, '#new-due-at', HTMLInputElement);
  #understood = find(this, '.understood', HTMLElement);
  #plainly = find(this, '.plainly', HTMLButtonElement);
  #waiting = find(this, '.adding', HTMLUListElement);
  /** The line that was read last, and what it was read as. @type {{ line: string, draft: Draft } | null} */
  #read = null;
  /** Whether the line is the title as it stands. */
  #isPlain = false;
  /** Whether this Taskflow reads no lines. */
  #isAlone = false;
  /** @type {AbortController | null} */
  #flight = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  connectedCallback() {
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit(false);
    });
    this.#title.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && event.shiftKey && !event.isComposing) {
        event.preventDefault();
        this.#submit(true);
      }
    });
    this.#title.addEventListener('input', () => this.#typed());
    this.#due.addEventListener('change', () => this.#chooseDue());
    this.#pick.addEventListener('change', () => this.#tell());
    this.#plainly.addEventListener('click', () => {
      this.#isPlain = !this.#isPlain;
      this.#tell();
      this.#title.focus();
    });
  }

  #chooseDue() {
    const isPicked = this.#due.value === 'pick';
    this.#pick.hidden = !isPicked;
    if (isPicked) {
      this.#pick.value ||= `${quickDays()[1]?.day}T${MORNING}`;
      this.#pick.focus();
    }
    this.#tell();
  }

  /** The day, or the instant, that was chosen beside the line. @returns {string | null} */
  #dueAt() {
    if (this.#due.value === 'pick') return this.#pick.value ? instantOf(this.#pick.value, here()).toISOString() : null;
    return quickDays().find(({ name }) => name === this.#due.value)?.day ?? null;
  }

  #typed() {
    clearTimeout(this.#timer);
    this.#flight?.abort();
    this.#flight = null;
    if (!this.#title.value.trim()) {
      this.#read = null;
      this.#isPlain = false;
    } else if (!this.#isAlone && !this.#isPlain) {
      this.#timer = setTimeout(() => void this.#readSoon(), PAUSE);
    }
    this.#tell();
  }

  async #readSoon() {
    const line = this.#title.value;
    const flight = new AbortController();
    this.#flight = flight;
    const draft = await this.#draft(line, flight.signal);
    if (this.#flight !== flight) return;
    this.#flight = null;
    this.#read = draft && { line, draft };
    this.#tell();
  }

  /** What the service reads a line as; null if it cannot be asked. @param {string} line @param {AbortSignal} signal */
  async #draft(line, signal) {
    if (this.#isAlone || [...line].length > LINE_MAX) return null;
    try {
      return await draftTask(line, here(), signal);
    } catch (error) {
      if (error instanceof Problem && [404, 405, 501].includes(error.status)) this.#isAlone = true;
      return null;
    }
  }

  /** Shows what the line means beyond its words. What was read last stays until the next reading is there, so that nothing flickers. */
  #tell() {
    const due = this.#dueAt();
    const { line = '', draft = null } = this.#read ?? {};
    const chips = this.#isPlain ? [] : draft ? chipsOf(draft, line, due !== null) : signsOf(readLine(this.#title.value));
    if (due) chips.unshift({ name: 'due', words: saidInWords(due), sign: 'calendar' });
    const notes = draft && !this.#isPlain ? draft.notes.filter(({ kind }) => kind === 'missed' || draft.task).map(({ text }) => text) : [];
    this.#title.removeAttribute('aria-invalid');
    this.#plainly.hidden = !this.#isPlain && !draft?.parts.length;
    setText(this.#plainly, this.#isPlain ? 'Understand it' : 'As written');
    const key = JSON.stringify([chips, notes]);
    if (this.#understood.dataset.key === key) return;
    this.#understood.dataset.key = key;
    this.#understood.replaceChildren(
      ...chips.map(({ name, words, sign, from = '' }) => h('span', { className: `chip of-${name}`, title: from }, sign ? icon(sign) : null, h('span', { className: 'sr', textContent: `${name} ` }), words)),
      ...notes.map((text) => h('span', { className: 'muted', textContent: text })),
    );
  }

  /** @param {string} text */
  #refuse(text) {
    // A reading that is still on its way must not wipe this away.
    clearTimeout(this.#timer);
    this.#flight?.abort();
    this.#flight = null;
    delete this.#understood.dataset.key;
    setText(this.#understood, text);
    this.#title.setAttribute('aria-invalid', 'true');
    this.#title.focus();
  }

  /** @param {boolean} open whether the task is opened then */
  #submit(open) {
    const whole = this.#title.value;
    const line = whole.trim();
    const isPlain = this.#isPlain;
    const draft = this.#read?.line === whole ? this.#read.draft : null;
    const alone = isPlain ? { title: line.replace(/\s+/g, ' ') } : readLine(line);
    if (!line) return this.#refuse('Write what is to be done.');
    if (draft && !draft.task && !isPlain) return this.#refuse(draft.notes.find(({ kind }) => kind === 'missed')?.text ?? 'A task needs words of its own, too.');
    const { title } = (!isPlain && draft?.task) || alone;
    if (!title) return this.#refuse('A task needs words of its own, too.');
    if ([...title].length > TITLE_MAX) return this.#refuse(`A title has at most ${TITLE_MAX} characters.`);
    if (this.#due.value === 'pick' && !this.#pick.value) {
      this.#refuse('Choose the whole date and time, or another day.');
      return this.#pick.focus();
    }
    const due = this.#dueAt();
    this.#form.reset();
    this.#pick.hidden = true;
    this.#typed();
    this.#title.focus();
    void this.#add({ whole, alone, draft, isPlain, due }, open);
    return undefined;
  }

  /**
   * Adds a line. One that was written faster than it could be read is read first.
   *
   * @param {{ whole: string, alone: NewTask, draft: Draft | null, isPlain: boolean, due: string | null }} line
   * @param {boolean} open
   */
  async #add({ whole, alone, draft, isPlain, due }, open) {
    const item = h('li', { className: 'saving' }, h('span', { className: 'grow', textContent: alone.title }), h('span', { className: 'muted', textContent: 'Adding…' }));
    this.#waiting.append(item);
    const read = isPlain ? null : (draft ?? (await this.#draft(whole, new AbortController().signal)));
    item.remove();
    const task = { ...(read?.task ?? alone), time_zone: here(), ...(due ? { due_date: due } : {}) };
    await this.#send(task, whole.trim(), open);
  }

  /** @param {NewTask} task @param {string} line @param {boolean} open @param {string} [key] */
  async #send(task, line, open, key = newKey()) {
    const item = h('li', { className: 'saving' }, h('span', { className: 'grow', textContent: task.title }), h('span', { className: 'muted', textContent: 'Adding…' }));
    this.#waiting.append(item);
    try {
      const created = await tasks.create(task, key);
      item.remove();
      if (open) show({ task: created.id });
      else this.#say(created);
    } catch (error) {
      if (!isAborted(error)) this.#failed(item, error, task, line, open, key);
    }
  }

  /** @param {import('./api.js').Task} created */
  #say({ id, title }) {
    const isHidden = tasks.indexOf(id) < 0 && isFiltered(view());
    const text = isHidden ? `Added “${title}”. Search and filters hide it.` : `Added “${title}”.`;
    toast(text, { action: isHidden ? { label: 'Show all', run: clearFilters } : { label: 'Open', run: () => show({ task: id }) } });
  }

  /** @param {HTMLElement} item @param {unknown} error @param {NewTask} task @param {string} line @param {boolean} open @param {string} key */
  #failed(item, error, task, line, open, key) {
    const act = (/** @type {string} */ label, /** @type {() => void} */ run) =>
      h('button', {
        type: 'button',
        className: 'quiet',
        textContent: label,
        onclick: () => {
          item.remove();
          run();
        },
      });
    const edit = () => {
      this.#title.value = line;
      this.#typed();
      this.#title.focus();
    };
    item.className = 'failed';
    item.replaceChildren(
      h('span', { className: 'grow', role: 'alert', textContent: `“${task.title}” was not added. ${textOf(error)}` }),
      act('Try again', () => void this.#send(task, line, open, key)),
      act('Edit', edit),
      act('Discard', () => this.#title.focus()),
    );
  }
}
