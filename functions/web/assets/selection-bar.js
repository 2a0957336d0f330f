// <selection-bar>: actions on all selected tasks, one call each. Loaded when the first task is selected.

import { bulk, dating, tasks } from './actions.js';
import { pickDate } from './date-picker.js';
import { byId, capital, h, icon, newId, openAt, setText } from './dom.js';
import { knownTags } from './filter-bar.js';
import { hasShortcuts } from './kept.js';
import { PRIORITY_KEYS, TaskList } from './task-list.js';
import { view } from './view.js';

/** @typedef {import('./api.js').Task} Task */

class SelectionBar extends HTMLElement {
  #list = byId('list', TaskList);
  #count = h('p', { className: 'grow', role: 'status' });
  #date = this.#button('calendar', 'Date', () => this.#pick());
  #priority = this.#button('flag', 'Priority', () => this.#choose());
  #tags = this.#button('tag', 'Tags', () => this.#tag());
  #restore = this.#button('repeat', 'Restore', () => this.#apply('restore'));
  /** Buttons that the trash does not have. */
  #others = [this.#date, this.#priority, this.#tags, this.#button('check', 'Done', () => this.#done()), this.#button('trash', 'Delete', () => this.#apply('delete'))];

  connectedCallback() {
    this.setAttribute('role', 'toolbar');
    this.setAttribute('aria-label', 'Selected tasks');
    this.append(
      this.#count,
      ...this.#others,
      this.#restore,
      h('button', { className: 'icon-button', 'aria-label': 'Clear the selection', onclick: () => this.#list.select([]) }, icon('close')),
    );
    this.#list.addEventListener('selection', () => this.#draw());
    this.#list.addEventListener('selected-key', (event) => this.#key(/** @type {CustomEvent<string>} */ (event)));
    this.#draw();
  }

  /** @param {string} sign @param {string} words @param {() => void} run */
  #button(sign, words, run) {
    return h('button', { className: 'quiet', onclick: run }, icon(sign), h('span', { textContent: words }));
  }

  #draw() {
    const { size } = this.#list.selected;
    this.hidden = size === 0;
    if (size) setText(this.#count, `${size} selected`);
    const isTrash = view().place === 'trash';
    for (const button of this.#others) button.hidden = isTrash;
    this.#restore.hidden = !isTrash;
  }

  get #ids() {
    return [...this.#list.selected];
  }

  get #selected() {
    return /** @type {Task[]} */ (this.#ids.map((id) => tasks.get(id)).filter((task) => task !== undefined));
  }

  /** @param {Parameters<typeof bulk>[1]} action @param {import('./api.js').TaskChange} [fields] */
  #apply(action, fields) {
    bulk(this.#ids, action, fields);
    if (action !== 'update' && !action.endsWith('tags')) this.#list.select([]);
    this.#list.enter();
  }

  #done() {
    this.#apply(this.#selected.every(({ status }) => status === 'completed') ? 'reopen' : 'complete');
  }

  #pick() {
    pickDate(this.#date, { label: 'A date for the selected tasks', task: null, ...dating(() => this.#selected) });
  }

  /** @param {CustomEvent<string>} event */
  #key(event) {
    const priority = PRIORITY_KEYS[event.detail];
    if (view().place === 'trash') {
      if (event.detail !== 'r' || !hasShortcuts()) return;
      this.#apply('restore');
    } else if (event.detail === 'Delete' || event.detail === 'Backspace') this.#apply('delete');
    else if (!hasShortcuts()) return;
    else if (event.detail === 'x') this.#done();
    else if (event.detail === 't') this.#pick();
    else if (priority) this.#apply('update', { priority });
    else return;
    event.preventDefault();
  }

  /** Opens a menu at a button. @param {HTMLElement} anchor @param {string} label @param {...Node} children */
  #menu(anchor, label, ...children) {
    const menu = h('div', { className: 'menu at', popover: 'auto', role: 'dialog', 'aria-label': label }, ...children);
    openAt(anchor, menu);
    const first = menu.querySelector('button, input');
    if (first instanceof HTMLElement) first.focus();
    return menu;
  }

  #choose() {
    const buttons = /** @type {const} */ (['high', 'medium', 'low']).map((priority) =>
      h('button', {
        className: 'menu-item',
        textContent: capital(priority),
        onclick: () => {
          menu.hidePopover();
          this.#apply('update', { priority });
        },
      }),
    );
    const menu = this.#menu(this.#priority, 'Priority of the selected tasks', ...buttons);
  }

  #tag() {
    const options = h('datalist', { id: newId() }, ...knownTags().map(({ tag }) => h('option', { value: tag })));
    const input = h('input', { 'aria-label': 'Add a tag', dir: 'auto', placeholder: 'Add a tag', autocapitalize: 'off', autocomplete: 'off', list: options.id, enterKeyHint: 'done' });
    const there = [...new Set(this.#selected.flatMap(({ tags }) => tags))].sort();
    const remove = (/** @type {string} */ tag) =>
      h('button', {
        className: 'menu-item',
        onclick: () => {
          menu.hidePopover();
          this.#apply('remove_tags', { tags: [tag] });
        },
      }, h('span', { className: 'grow' }, 'Remove #', h('bdi', { textContent: tag })));
    input.addEventListener('keydown', (event) => {
      const tags = input.value.split(',').map((text) => text.trim().replace(/^#/, '').toLowerCase()).filter(Boolean);
      if (event.key !== 'Enter' || event.isComposing || !tags.length) return;
      event.preventDefault();
      menu.hidePopover();
      this.#apply('add_tags', { tags });
    });
    const menu = this.#menu(this.#tags, 'Tags of the selected tasks', h('div', { className: 'field' }, input, options), ...there.map(remove));
  }
}

customElements.define('selection-bar', SelectionBar);
