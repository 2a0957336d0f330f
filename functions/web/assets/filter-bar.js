// <filter-bar>: filters and order of the list. The controls are in index.html; this follows and changes the view.

import { tasks } from './actions.js';
import { listTags } from './api.js';
import { find, h, setText } from './dom.js';
import { latest } from './store.js';
import { clearFilters, queryOf, show, view, viewChanges } from './view.js';

/** Maximum tags of the menu; a search finds the others. */
const TAGS_MAX = 200;
/** Minimum milliseconds between two requests for the tags. */
const TAGS_CALM = 1_000;

/** All tags, most used first: for the filter, and as suggestions. @type {import('./api.js').TagCount[]} */
let known = [];

/** Dispatches `change` when tags or counts have changed. */
export const tagChanges = new EventTarget();

/** @returns {readonly import('./api.js').TagCount[]} */
export const knownTags = () => known;

/** @template {keyof import('./view.js').View} K @param {K} name @param {unknown} value */
const set = (name, value) => show({ [name]: value });

export class FilterBar extends HTMLElement {
  #status = find(this, '#status', HTMLFieldSetElement);
  #due = find(this, '#due', HTMLSelectElement);
  #priority = find(this, '#priority', HTMLSelectElement);
  #sort = find(this, '#sort', HTMLSelectElement);
  #order = find(this, '#order', HTMLButtonElement);
  #tagButton = find(this, '#tags-button', HTMLButtonElement);
  #tagMenu = find(this, '#tags-menu', HTMLElement);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #tagsAt = 0;

  connectedCallback() {
    this.#status.addEventListener('change', ({ target }) => this.#chooseStatus(/** @type {HTMLInputElement} */ (target).value));
    this.#due.addEventListener('change', () => this.#chooseDue());
    for (const [name, select] of /** @type {const} */ ([
      ['priority', this.#priority],
      ['sort', this.#sort],
    ])) select.addEventListener('change', () => set(name, select.value));
    this.#order.addEventListener('click', () => show({ sort: queryOf(view()).sort_by ?? 'created_at', order: this.#isDescending() ? 'asc' : 'desc' }));
    find(this, '#clear', HTMLButtonElement).addEventListener('click', () => {
      clearFilters();
      find(this, 'input:checked', HTMLInputElement).focus();
    });
    this.#tagMenu.addEventListener('change', () => this.#chooseTags());
    this.#tagMenu.addEventListener('beforetoggle', (event) => {
      if (/** @type {ToggleEvent} */ (event).newState === 'open') this.#drawTags();
    });
    viewChanges.addEventListener('change', () => this.#follow());
    tasks.addEventListener('touched', () => this.#lookSoon());
    // The list comes first: a second function's cold start would slow down that of the list's. Without the service, the stored tags are shown.
    const begin = () => {
      if (tasks.failure === null && (tasks.isLoading || tasks.isKept)) return;
      tasks.removeEventListener('change', begin);
      this.#lookSoon();
    };
    tasks.addEventListener('change', begin);
    this.#follow();
  }

  /** @param {string} status */
  #chooseStatus(status) {
    // Only open tasks can be overdue.
    const due = status !== 'pending' && view().due === 'overdue' ? '' : view().due;
    show({ status: /** @type {'pending'} */ (status), due });
  }

  #chooseDue() {
    const due = /** @type {import('./view.js').View['due']} */ (this.#due.value);
    show({ due, ...(due === 'overdue' ? { status: 'pending' } : {}) });
  }

  #chooseTags() {
    const tags = [...this.#tagMenu.querySelectorAll('input[name="tag"]')].filter((box) => /** @type {HTMLInputElement} */ (box).checked);
    const match = this.#tagMenu.querySelector('input[name="match"]:checked');
    show({ tags: tags.map((box) => /** @type {HTMLInputElement} */ (box).value), match: match instanceof HTMLInputElement && match.value === 'any' ? 'any' : 'all' });
  }

  /** True if the list is descending. */
  #isDescending() {
    const { sort_by, order } = queryOf(view());
    return (order ?? (sort_by === 'due_date' || sort_by === 'title' ? 'asc' : 'desc')) === 'desc';
  }

  #follow() {
    const { status, due, priority, sort, tags, text } = view();
    find(this.#status, `[value="${status}"]`, HTMLInputElement).checked = true;
    for (const [select, value] of /** @type {const} */ ([
      [this.#due, due],
      [this.#priority, priority],
      [this.#sort, sort],
    ])) {
      select.value = value;
      select.classList.toggle('on', value !== '');
    }
    this.#order.setAttribute('aria-label', this.#isDescending() ? 'Descending; change to ascending' : 'Ascending; change to descending');
    this.#order.classList.toggle('descending', this.#isDescending());
    this.#order.hidden = text.trim() !== '' && sort === '';
    this.#tagButton.classList.toggle('on', tags.length > 0);
    setText(find(this.#tagButton, '.label', HTMLElement), tags.length ? tags.join(', ') : 'Tags');
  }

  #lookSoon() {
    this.#timer ??= setTimeout(async () => {
      this.#timer = undefined;
      this.#tagsAt = performance.now();
      try {
        known = (await latest('tags', listTags)).sort((a, b) => b.count - a.count || a.tag.localeCompare(b.tag));
        tagChanges.dispatchEvent(new Event('change'));
        // An open menu does not change under the user's hands, unless it is empty.
        if (this.#tagMenu.matches(':popover-open') && !this.#tagMenu.querySelector('input')) this.#drawTags();
      } catch {
        // The list reports the error; the tags stay as they were.
      }
    }, Math.max(0, this.#tagsAt + TAGS_CALM - performance.now()));
  }

  #drawTags() {
    const { tags, match } = view();
    const chosen = tags.filter((tag) => !known.some((one) => one.tag === tag)).map((tag) => ({ tag, count: 0 }));
    const boxes = [...chosen, ...known].slice(0, TAGS_MAX).map(({ tag, count }) =>
      h('label', { className: 'menu-item' }, h('input', { type: 'checkbox', name: 'tag', value: tag, checked: tags.includes(tag) }), h('span', { className: 'grow', dir: 'auto', textContent: tag }), h('span', { className: 'muted', textContent: String(count) })),
    );
    const ways = /** @type {const} */ ([
      ['all', 'all of these'],
      ['any', 'any of these'],
    ]);
    const choose = ways.map(([value, words]) => h('label', { className: 'menu-item' }, h('input', { type: 'radio', name: 'match', value, checked: match === value }), words));
    const list = boxes.length
      ? [h('fieldset', { className: 'menu-list' }, h('legend', { className: 'sr', textContent: 'Tags' }), ...boxes), h('fieldset', { className: 'menu-foot' }, h('legend', { className: 'muted', textContent: 'Tasks that have' }), ...choose)]
      : [h('p', { className: 'muted menu-item', textContent: 'No tags yet. Write #home in a new task.' })];
    this.#tagMenu.replaceChildren(...list);
  }
}
