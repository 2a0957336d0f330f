// <quick-add>: a new task with one line and the Enter key. #tag, !high and !low are taken out of the line; the day is chosen beside
// it; everything else is edited in the task itself. What is on its way, and what failed, stays in sight.

import { tasks } from './actions.js';
import { isAborted, newKey, textOf } from './api.js';
import { find, h, setText } from './dom.js';
import { here, inWords, instantOf, quickDays, wallClock } from './time.js';
import { toast } from './toasts.js';
import { clearFilters, isFiltered, show, view } from './view.js';

/** @typedef {import('./api.js').TaskChange & { title: string }} NewTask */

/** Characters of a title, and of a tag, as the service has it. */
const TITLE_MAX = 200;
const TAG_MAX = 50;

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

export class QuickAdd extends HTMLElement {
  #form = find(this, 'form', HTMLFormElement);
  #title = find(this, '#new-title', HTMLInputElement);
  #due = find(this, '#new-due', HTMLSelectElement);
  #pick = find(this, '#new-due-at', HTMLInputElement);
  #understood = find(this, '.understood', HTMLElement);
  #waiting = find(this, '.adding', HTMLUListElement);

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
    this.#title.addEventListener('input', () => this.#tell());
    this.#due.addEventListener('change', () => this.#chooseDue());
    this.#pick.addEventListener('change', () => this.#tell());
  }

  #chooseDue() {
    const isPicked = this.#due.value === 'pick';
    this.#pick.hidden = !isPicked;
    if (isPicked) {
      this.#pick.value ||= wallClock(quickDays()[1]?.at ?? new Date(), here());
      this.#pick.focus();
    }
    this.#tell();
  }

  /** @returns {Date | null} */
  #dueAt() {
    if (this.#due.value === 'pick') return this.#pick.value ? instantOf(this.#pick.value, here()) : null;
    return quickDays().find(({ name }) => name === this.#due.value)?.at ?? null;
  }

  /** Says what the line means beyond its words. */
  #tell() {
    const { tags = [], priority } = readLine(this.#title.value);
    const due = this.#dueAt();
    const parts = [...tags.map((tag) => `tag ${tag}`), priority ? `priority ${priority}` : '', due ? `due ${inWords(due.toISOString())}` : ''].filter(Boolean);
    setText(this.#understood, parts.join(' · '));
    this.#title.removeAttribute('aria-invalid');
  }

  /** @param {string} text */
  #refuse(text) {
    setText(this.#understood, text);
    this.#title.setAttribute('aria-invalid', 'true');
    this.#title.focus();
  }

  /** @param {boolean} open whether the task is opened then */
  #submit(open) {
    const line = this.#title.value.trim();
    const task = { ...readLine(line), time_zone: here() };
    if (!task.title) return this.#refuse(line ? 'A task needs words of its own, too.' : 'Write what is to be done.');
    if ([...task.title].length > TITLE_MAX) return this.#refuse(`A title has at most ${TITLE_MAX} characters.`);
    if (this.#due.value === 'pick' && !this.#pick.value) {
      setText(this.#understood, 'Choose the whole date and time, or another day.');
      return this.#pick.focus();
    }
    const due = this.#dueAt();
    this.#form.reset();
    this.#pick.hidden = true;
    this.#tell();
    this.#title.focus();
    void this.#send({ ...task, ...(due ? { due_date: due.toISOString() } : {}) }, line, open);
    return undefined;
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
      this.#tell();
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
