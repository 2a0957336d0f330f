// <tag-editor>: the tags of a task as chips, with a line that suggests tags used elsewhere. Dispatches `change` when a tag was added or removed;
// `value` has all tags.

import { knownTags } from './filter-bar.js';
import { fieldError, h, icon, newId } from './dom.js';

/** As in the API. */
const TAGS_MAX = 20;
const TAG_MAX = 50;

export class TagEditor extends HTMLElement {
  /** @type {string[]} */
  #tags = [];
  #chips = h('ul', { className: 'chips' });
  #options = h('datalist', { id: newId() });
  #input = h('input', { id: newId(), dir: 'auto', placeholder: 'Add a tag', autocapitalize: 'off', autocomplete: 'off', list: this.#options.id, enterKeyHint: 'done' });

  connectedCallback() {
    if (this.contains(this.#input)) return;
    this.append(h('label', { for: this.#input.id, textContent: 'Tags' }), this.#chips, this.#input, this.#options);
    this.#input.addEventListener('focus', () => this.#offer());
    this.#input.addEventListener('change', (event) => {
      event.stopPropagation();
      this.#add();
    });
    this.#input.addEventListener('keydown', (event) => this.#key(event));
  }

  get value() {
    return this.#tags;
  }

  /** @param {string[]} tags */
  set value(tags) {
    if (tags.join() === this.#tags.join()) return;
    this.#tags = tags;
    this.#draw();
  }

  /** True if there is text that is not a tag yet. */
  get isDirty() {
    return this.#input.value.trim() !== '';
  }

  #offer() {
    this.#options.replaceChildren(...knownTags().filter(({ tag }) => !this.#tags.includes(tag)).map(({ tag }) => h('option', { value: tag })));
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.isComposing) return;
    if ((event.key === 'Enter' || event.key === ',') && this.isDirty) {
      event.preventDefault();
      this.#add();
    } else if (event.key === 'Backspace' && this.#input.value === '' && this.#tags.length) {
      this.#set(this.#tags.slice(0, -1));
    }
  }

  #add() {
    // Commas separate tags.
    const added = this.#input.value.split(',').map((text) => text.trim().replace(/^#/, '').toLowerCase()).filter(Boolean);
    const tags = [...new Set([...this.#tags, ...added])];
    if (added.some((tag) => [...tag].length > TAG_MAX)) return fieldError(this.#input, `A tag has at most ${TAG_MAX} characters.`);
    if (tags.length > TAGS_MAX) return fieldError(this.#input, `A task has at most ${TAGS_MAX} tags.`);
    fieldError(this.#input, '');
    this.#input.value = '';
    if (tags.length > this.#tags.length) this.#set(tags);
    return undefined;
  }

  /** @param {string[]} tags */
  #set(tags) {
    this.#tags = tags;
    this.#draw();
    this.#offer();
    this.dispatchEvent(new Event('change', { bubbles: true }));
  }

  #draw() {
    const remove = (/** @type {string} */ tag) => {
      this.#set(this.#tags.filter((own) => own !== tag));
      this.#input.focus();
    };
    this.#chips.replaceChildren(
      ...this.#tags.map((tag) => h('li', { className: 'chip' }, h('span', { dir: 'auto', textContent: tag }), h('button', { className: 'icon-button small', 'aria-label': `Remove tag ${tag}`, onclick: () => remove(tag) }, icon('close')))),
    );
    this.#chips.hidden = this.#tags.length === 0;
  }
}

customElements.define('tag-editor', TagEditor);
