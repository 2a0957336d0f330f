// <place-list>: the places of the rail: the fixed ones, a list per tag, and saved lists, each with its count. On small screens the rail is a drawer.

import { change, move, tasks } from './actions.js';
import { findTasks, getPreferences, setPreferences, textOf } from './api.js';
import { showBadge } from './desktop.js';
import { byId, fieldError, h, icon, newId, setText } from './dom.js';
import { knownTags, tagChanges } from './filter-bar.js';
import { dayIn, here, isOverdue } from './time.js';
import { toast } from './toasts.js';
import { addressOf, go, isFiltered, queryOf, view, viewChanges, viewKey, viewOf } from './view.js';

/** @typedef {Partial<import('./view.js').View>} Goal */
/** @typedef {{ name: string, query: string }} Saved */

/** Maximum tags listed; the filter above the list has the others. */
const TAGS_MAX = 30;
/** Minimum milliseconds between two requests for the counts. */
const CALM = 3_000;
/** Milliseconds between two checks whether a task has become overdue. */
const CLOCK = 30_000;

/** @type {readonly (readonly [string, string, Goal])[]} */
const PLACES = [
  ['Inbox', 'inbox', { place: 'inbox' }],
  ['Today', 'today', { place: 'today' }],
  ['Upcoming', 'calendar', { place: 'upcoming' }],
  ['All tasks', 'list', {}],
];
/** What the badge counts. @type {Goal} */
const OVERDUE = { due: 'overdue' };
/** @type {readonly (readonly [string, string, Goal])[]} */
const PAST = [
  ['Done', 'check', { status: 'completed' }],
  ['Trash', 'trash', { place: 'trash' }],
];

/** Returns the name of a view: its place, tag or saved name. @param {import('./view.js').View} asked @param {readonly Saved[]} saved */
function nameOf(asked, saved) {
  const own = saved.find(({ query }) => query === viewKey());
  if (own) return own.name;
  if (asked.text.trim()) return 'Search';
  if (asked.place) return [...PLACES, ...PAST].find(([, , goal]) => goal.place === asked.place)?.[0] ?? '';
  if (asked.tags.length) return asked.tags.map((tag) => `#${tag}`).join(asked.match === 'any' ? ' or ' : ' ');
  return asked.status === 'completed' ? 'Done' : 'All tasks';
}

export class PlaceList extends HTMLElement {
  /** Counts by address. @type {Map<string, number>} */
  #counts = new Map();
  /** @type {Saved[]} */
  #saved = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #lookedAt = 0;
  /** The time of the counts. */
  #countedAt = new Date();
  #title = byId('list-title', HTMLElement);
  #save = byId('save-list', HTMLButtonElement);

  connectedCallback() {
    this.addEventListener('click', (event) => this.#clicked(event));
    this.#save.addEventListener('click', () => this.#askName());
    viewChanges.addEventListener('change', () => this.#draw());
    tagChanges.addEventListener('change', () => this.#draw());
    tasks.addEventListener('touched', () => this.#lookSoon());
    this.#lookSoon();
    setInterval(() => {
      if ([...tasks.loaded()].some(([, task]) => isOverdue(task) && !isOverdue(task, this.#countedAt))) this.#lookSoon();
    }, CLOCK);
    this.#drops();
    this.#draw();
    getPreferences().then(({ filters }) => {
      this.#saved = filters ?? [];
      this.#draw();
    }).catch(() => {
      // Without the service, only the places are shown.
    });
  }

  #lookSoon() {
    this.#timer ??= setTimeout(async () => {
      this.#timer = undefined;
      this.#lookedAt = performance.now();
      this.#countedAt = new Date();
      try {
        for (const goal of [...PLACES.slice(0, 2).map(([, , place]) => place), OVERDUE]) {
          const { total } = await findTasks(queryOf(viewOf(addressOf(goal))), 0, 1, { quiet: true });
          this.#counts.set(addressOf(goal), total);
        }
        showBadge(this.#counts.get(addressOf(OVERDUE)) ?? 0);
        this.#draw();
      } catch {
        // The banner reports the error; the counts stay as they were.
      }
    }, Math.max(0, this.#lookedAt + CALM - performance.now()));
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    const link = /** @type {Element} */ (event.target).closest('a');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go(viewOf(link.getAttribute('href') ?? ''));
    if (byId('rail', HTMLElement).matches(':popover-open')) byId('rail', HTMLElement).hidePopover();
  }

  /** A task dropped on Today moves there; dropped on a tag, it gets the tag. */
  #drops() {
    const goalOf = (/** @type {Event} */ { target }) => /** @type {Element} */ (target).closest('[data-drop]');
    this.addEventListener('dragover', (event) => {
      const goal = goalOf(event);
      for (const other of this.querySelectorAll('.aim')) other.classList.toggle('aim', other === goal);
      if (!goal || !event.dataTransfer?.types.includes('application/x-taskflow-task')) return;
      goal.classList.add('aim');
      event.preventDefault();
    });
    this.addEventListener('dragleave', (event) => goalOf(event)?.classList.remove('aim'));
    this.addEventListener('drop', (event) => {
      const goal = goalOf(event);
      goal?.classList.remove('aim');
      const task = tasks.get(Number(event.dataTransfer?.getData('application/x-taskflow-task')));
      if (!task || !(goal instanceof HTMLElement)) return;
      event.preventDefault();
      const { drop = '' } = goal.dataset;
      if (drop === 'today') move([task], { day: dayIn(new Date(), here()) });
      else change(task, { tags: [...new Set([...task.tags, drop])] }, 'Tagged');
    });
  }

  #draw() {
    const now = viewKey();
    const focused = this.contains(document.activeElement) ? document.activeElement?.closest('a')?.getAttribute('href') : null;
    const item = (/** @type {string} */ name, /** @type {string} */ sign, /** @type {string} */ address, /** @type {number | undefined} */ count, /** @type {string} */ drop = '') => {
      const link = h('a', { href: address.startsWith('#') ? address : '/', className: 'place', ...(drop ? { 'data-drop': drop } : {}) }, icon(sign), h('span', { className: 'grow', dir: 'auto', textContent: name }), h('span', { className: 'muted', textContent: count ? String(count) : '' }));
      if (address.replace(/^[^#]*#?/, '') === now) link.setAttribute('aria-current', 'page');
      return h('li', {}, link);
    };
    const places = PLACES.map(([name, sign, goal]) => item(name, sign, addressOf(goal), this.#counts.get(addressOf(goal)), goal.place === 'today' ? 'today' : ''));
    const tags = knownTags().slice(0, TAGS_MAX).map(({ tag, count }) => item(tag, 'tag', addressOf({ tags: [tag] }), count, tag));
    const saved = this.#saved.map((one) => h('li', { className: 'line' }, ...item(one.name, 'filter', `#${one.query}`, undefined).childNodes, h('button', { type: 'button', className: 'icon-button small', 'aria-label': `Remove the list ${one.name}`, onclick: () => void this.#keep(this.#saved.filter((other) => other !== one)) }, icon('close'))));
    const past = PAST.map(([name, sign, goal]) => item(name, sign, addressOf(goal), undefined));
    const group = (/** @type {string} */ title, /** @type {HTMLElement[]} */ items) => (items.length ? [h('h2', { textContent: title }), h('ul', { className: 'plain', 'aria-label': title }, ...items)] : []);
    this.replaceChildren(h('ul', { className: 'plain', 'aria-label': 'Places' }, ...places), ...group('Tags', tags), ...group('Saved lists', saved), h('ul', { className: 'plain', 'aria-label': 'Done and deleted' }, ...past));
    const again = focused ? [...this.querySelectorAll('a')].find((link) => link.getAttribute('href') === focused) : null;
    again?.focus();
    setText(this.#title, nameOf(view(), this.#saved));
    this.#save.hidden = !isFiltered(view()) || this.#saved.some(({ query }) => query === now);
  }

  // ---- saved lists

  #askName() {
    const input = h('input', { id: newId(), maxLength: 50, autocomplete: 'off' });
    const form = h('form', { className: 'menu at save-list', popover: 'auto', role: 'dialog', 'aria-label': 'Save this list', noValidate: true }, h('div', { className: 'field' }, h('label', { for: input.id, textContent: 'Name of the list' }), input), h('button', { className: 'primary', textContent: 'Save' }));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const name = input.value.trim();
      if (!name) return fieldError(input, 'Write a name.');
      form.hidePopover();
      void this.#keep([...this.#saved, { name, query: viewKey() }]);
      return undefined;
    });
    form.addEventListener('toggle', (event) => {
      if (/** @type {ToggleEvent} */ (event).newState === 'closed') form.remove();
    });
    document.body.append(form);
    form.showPopover();
    const at = this.#save.getBoundingClientRect();
    form.style.setProperty('--left', `${Math.max(8, Math.min(at.left, innerWidth - form.getBoundingClientRect().width - 8))}px`);
    form.style.setProperty('--top', `${at.bottom + 4}px`);
    input.focus();
  }

  /** @param {Saved[]} filters */
  async #keep(filters) {
    const before = this.#saved;
    this.#saved = filters;
    this.#draw();
    try {
      await setPreferences({ filters });
    } catch (error) {
      this.#saved = before;
      this.#draw();
      toast(textOf(error), { title: 'The list could not be saved', kind: 'bad' });
    }
  }
}

customElements.define('place-list', PlaceList);
