// <quick-add>: creates a task from one line. The service parses days, times, recurrences, reminders, tags and priorities, and the page shows the
// result before the task is added. Without the service, #tag, !high and !low are parsed here. The task is in the list and on disk at once.

import { did, tasks } from './actions.js';
import { Problem, draftTask } from './api.js';
import { find, h, icon, setText } from './dom.js';
import { draftOf, keepDraft } from './store.js';
import { here, quickDays, saidInWords } from './time.js';
import { go, show, view } from './view.js';

/** @typedef {import('./api.js').NewTask} NewTask */

/** Maximum characters of a title and of a tag, as in the API. */
const TITLE_MAX = 200;
const TAG_MAX = 50;
/** Maximum characters of a line that the service parses. */
const LINE_MAX = 1_000;
/** Maximum lines pasted at once. */
const LINES_MAX = 200;
/** Milliseconds without a key press after which a line is parsed. */
const PAUSE = 120;
/** Notice that the line cannot be parsed completely without the service. */
const UNREAD = 'Dates and times cannot be read now. They stay in the title.';
/** Key of the line's draft. */
const DRAFT = 'new';
/** Invisible character inside words that must not be parsed. */
const JOINER = '\u2060';

/**
 * Parses a line without the service. A word that only looks like a sign, such as "#1," or "!", stays in the title.
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
/** @typedef {{ name: string, words: string, sign?: string, from: string[] }} Chip an understood part: its kind for screen readers, its meaning, a symbol, and its words in the line */

/** @param {Draft} draft @param {string} line the line that the service has parsed @returns {Chip[]} */
function chipsOf({ task, parts }, line) {
  if (!task) return [];
  const from = (/** @type {Draft['parts'][number]['kind'][]} */ ...kinds) => parts.filter(({ kind }) => kinds.includes(kind)).map(({ start, end }) => line.slice(start, end));
  const meanings = (/** @type {string} */ wanted) => parts.filter(({ kind }) => kind === wanted).map(({ meaning }) => meaning).join(' ');
  /** @type {Chip[]} */
  const chips = [];
  const when = from('date', 'time');
  if (task.due_date && when.length) chips.push({ name: 'due', words: saidInWords(task.due_date), sign: 'calendar', from: when });
  if (from('recurrence').length) chips.push({ name: 'repeats', words: meanings('recurrence'), sign: 'repeat', from: from('recurrence') });
  if (from('reminder').length) chips.push({ name: 'reminder', words: meanings('reminder'), sign: 'bell', from: from('reminder') });
  return [...chips, ...signsOf(task, line)];
}

/** @param {Pick<NewTask, 'tags' | 'priority'>} task @param {string} line @returns {Chip[]} */
function signsOf({ tags = [], priority }, line) {
  const word = (/** @type {string} */ sign) => line.split(/\s+/).filter((own) => own.toLowerCase() === sign);
  const chips = tags.map((tag) => ({ name: 'tag', words: tag, from: word(`#${tag}`) }));
  return priority && priority !== 'medium' ? [...chips, { name: 'priority', words: priority, sign: 'flag', from: word(`!${priority}`) }] : chips;
}

/** Removes the invisible characters. @param {string} text */
const unmask = (text) => text.replaceAll(JOINER, '');

/** Splits pasted text into lines, without list markers. @param {string} text */
const linesOf = (text) =>
  text
    .split(/\r?\n/)
    .map((line) => line.replace(/^\s*(?:[-*+\u2022]|\d{1,3}[.)])?\s*(?:\[[ xX]?\])?\s*/, '').trim())
    .filter(Boolean)
    .slice(0, LINES_MAX);

export class QuickAdd extends HTMLElement {
  #form = find(this, 'form', HTMLFormElement);
  #title = find(this, '#new-title', HTMLInputElement);
  #understood = find(this, '.understood', HTMLElement);
  /** The last line, and its draft; null if it could not be parsed. @type {{ line: string, draft: Draft | null } | null} */
  #read = null;
  /** Words that belong to the title, whatever they look like. @type {string[]} */
  #plain = [];
  /** True if this Taskflow does not parse lines. */
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
    this.#title.addEventListener('input', () => {
      keepDraft(DRAFT, this.#title.value);
      this.#typed();
    });
    this.#title.addEventListener('paste', (event) => this.#pasted(event));
    void this.#restore();
  }

  /** Restores the unsent line after a reload. */
  async #restore() {
    const draft = await draftOf(DRAFT);
    if (draft && !this.#title.value) this.edit(draft.text);
  }

  /** Puts a line here for editing. @param {string} line */
  edit(line) {
    this.#title.value = line;
    keepDraft(DRAFT, line);
    this.#typed();
  }

  #typed() {
    clearTimeout(this.#timer);
    this.#flight?.abort();
    this.#flight = null;
    this.#plain = this.#plain.filter((words) => this.#title.value.includes(words));
    if (!this.#title.value.trim()) this.#read = null;
    else if (!this.#isAlone) this.#timer = setTimeout(() => void this.#readSoon(), PAUSE);
    this.#tell();
  }

  /** Returns the line with protected words masked. @param {string} line */
  #masked(line, plain = this.#plain) {
    return plain.reduce((text, words) => text.replace(words, words.replace(/\S/gu, (sign) => sign + JOINER)), line);
  }

  async #readSoon() {
    const line = this.#masked(this.#title.value);
    const flight = new AbortController();
    this.#flight = flight;
    const draft = await this.#draft(line, flight.signal);
    if (this.#flight !== flight) return;
    this.#flight = null;
    this.#read = { line, draft };
    this.#tell();
  }

  /** Parses a line by the service; null if it cannot be reached. @param {string} line @param {AbortSignal} signal */
  async #draft(line, signal) {
    if (this.#isAlone || tasks.outbox.isAway || [...line].length > LINE_MAX) return null;
    try {
      return await draftTask(line, here(), signal);
    } catch (error) {
      if (error instanceof Problem && [404, 405, 501].includes(error.status)) this.#isAlone = true;
      return null;
    }
  }

  /** Shows the parsed parts. The previous result stays until the next one arrives, so that nothing flickers. */
  #tell() {
    const draft = this.#read?.draft ?? null;
    const line = (draft && this.#read?.line) || this.#masked(this.#title.value);
    const chips = draft ? chipsOf(draft, line) : signsOf(readLine(line), line);
    const notes = draft ? draft.notes.filter(({ kind }) => kind === 'missed' || draft.task).map(({ text }) => text) : this.#read ? [UNREAD] : [];
    this.#title.removeAttribute('aria-invalid');
    const key = JSON.stringify([chips, notes]);
    if (this.#understood.dataset.key === key) return;
    this.#understood.dataset.key = key;
    this.#understood.replaceChildren(...chips.map((chip) => this.#chip(chip)), ...notes.map((text) => h('span', { className: 'muted', textContent: unmask(text) })));
  }

  /** A chip. A click returns its words to the title. @param {Chip} chip */
  #chip({ name, words, sign, from }) {
    const back = () => {
      this.#plain.push(...from);
      this.#read = null;
      this.#typed();
      this.#title.focus();
    };
    const said = from.join(' ');
    return h(
      'button',
      { className: `chip of-${name}`, title: `Keep “${said}” in the title`, onclick: back },
      sign ? icon(sign) : null,
      h('span', { className: 'sr', textContent: `${name} ` }),
      h('bdi', { textContent: words }),
      h('span', { className: 'sr', textContent: `: keep “${said}” in the title` }),
      icon('close'),
    );
  }

  /** @param {string} text */
  #refuse(text) {
    // A parse in progress must not remove this message.
    clearTimeout(this.#timer);
    this.#flight?.abort();
    this.#flight = null;
    delete this.#understood.dataset.key;
    setText(this.#understood, text);
    this.#title.setAttribute('aria-invalid', 'true');
    this.#title.focus();
  }

  /** Several pasted lines may be several tasks. @param {ClipboardEvent} event */
  #pasted(event) {
    const lines = linesOf(event.clipboardData?.getData('text') ?? '');
    if (lines.length < 2) return;
    event.preventDefault();
    const choose = (/** @type {() => void} */ act) => () => {
      delete this.#understood.dataset.key;
      this.#tell();
      act();
      this.#title.focus();
    };
    const one = () => this.edit(`${this.#title.value} ${lines.join(' ')}`.trim());
    const all = async () => {
      for (const line of lines) await this.#add(line, [], false);
    };
    this.#understood.dataset.key = 'paste';
    this.#understood.replaceChildren(
      h('button', { className: 'primary', textContent: `Add ${lines.length} tasks`, onclick: choose(() => void all()) }),
      h('button', { textContent: 'Add as one task', onclick: choose(one) }),
      h('button', { className: 'quiet', textContent: 'Cancel', onclick: choose(() => {}) }),
    );
    find(this.#understood, 'button', HTMLElement).focus();
  }

  /** @param {boolean} open whether to open the new task */
  #submit(open) {
    const whole = this.#title.value;
    const masked = this.#masked(whole);
    const draft = this.#read?.line === masked ? this.#read.draft : null;
    if (!whole.trim()) return this.#refuse('Write a title for the task.');
    if (draft && !draft.task) return this.#refuse(draft.notes.find(({ kind }) => kind === 'missed')?.text ?? 'A task needs a title. Add some words.');
    const title = unmask(draft?.task?.title ?? readLine(masked).title);
    if (!title) return this.#refuse('A task needs a title. Add some words.');
    if ([...title].length > TITLE_MAX) return this.#refuse(`A title has at most ${TITLE_MAX} characters.`);
    const plain = this.#plain;
    this.#form.reset();
    this.#plain = [];
    this.#typed();
    this.#title.focus();
    void this.#add(whole, plain, open, draft);
    return undefined;
  }

  /**
   * Adds a line. A line that was typed faster than it could be parsed is parsed first.
   *
   * @param {string} whole
   * @param {string[]} plain words that are not parsed
   * @param {boolean} open
   * @param {Draft | null} [known]
   */
  async #add(whole, plain, open, known = null) {
    const line = this.#masked(whole, plain);
    const draft = known ?? (await this.#draft(line, new AbortController().signal));
    const read = draft?.task ?? readLine(line);
    const { place, tags: listed } = view();
    const tags = [...new Set([...(read.tags ?? []), ...listed])];
    const today = place === 'today' && !read.due_date ? { due_date: quickDays()[0]?.day ?? null } : {};
    const made = tasks.create({ ...read, title: unmask(read.title), time_zone: here(), ...(tags.length ? { tags } : {}), ...today }, whole.trim());
    // The task is on disk now.
    if (!this.#title.value) keepDraft(DRAFT, '');
    if (open) show({ task: made.id });
    else this.#say(made);
  }

  /** @param {ReturnType<typeof tasks.create>} made */
  #say(made) {
    const isHidden = tasks.total !== null && tasks.indexOf(made.id) < 0;
    const open = () => show({ task: tasks.idNow(made.id) });
    did('Added', made, isHidden ? { more: 'The current list does not show it.', action: { label: 'Show all', run: () => go({}) } } : { action: { label: 'Open', run: open } });
  }
}
