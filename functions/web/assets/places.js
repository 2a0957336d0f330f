// <place-list>: the places of the rail: the fixed ones, a list per tag, and saved lists, each with its count. On small screens the rail is a drawer.

import { DRAGGED, bulk, dragged, move, tasks } from './actions.js';
import { findTasks, getPreferences, setPreferences, textOf } from './api.js';
import { byId, fieldError, h, icon, newId, openAt, setText } from './dom.js';
import { knownTags, tagChanges } from './filter-bar.js';
import { Key, keep, kept } from './kept.js';
import { latest } from './store.js';
import { dayIn, here, isOverdue } from './time.js';
import { toast } from './toasts.js';
import { addressOf, go, isFiltered, isNarrowed, queryOf, view, viewChanges, viewKey, viewOf } from './view.js';

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
/** The tasks that the badge counts. @type {Goal} */
const OVERDUE = { due: 'overdue' };
/** @type {readonly (readonly [string, string, Goal])[]} */
const PAST = [
  ['Done', 'check', { status: 'completed' }],
  ['Trash', 'trash', { place: 'trash' }],
];

/** Returns the name of a view: its place, tag or saved name. @param {import('./view.js').View} asked @param {readonly Saved[]} saved @returns {string} */
function nameOf(asked, saved) {
  const own = saved.find(({ query }) => query === viewKey());
  if (own) return own.name;
  if (asked.text.trim()) return isNarrowed(asked) ? `Search in ${nameOf({ ...asked, text: '' }, [])}` : 'Search';
  if (asked.place) return [...PLACES, ...PAST].find(([, , goal]) => goal.place === asked.place)?.[0] ?? '';
  if (asked.tags.length) return asked.tags.map((tag) => `#${tag}`).join(asked.match === 'any' ? ' or ' : ' ');
  return asked.status === 'completed' ? 'Done' : 'All tasks';
}

/** Tells the service the user's time zone and language at the first visit, because it cannot know them otherwise. */
async function introduce() {
  if (kept(Key.introduced)) return;
  const { updated_at } = await getPreferences();
  if (updated_at === null) await setPreferences({ time_zone: here(), locale: navigator.language });
  keep(Key.introduced, 'yes');
}

export class PlaceList extends HTMLElement {
  /** Counts by address. @type {Map<string, number>} */
  #counts = new Map();
  /** @type {Saved[]} */
  #saved = [];
  /** The rail's content as JSON, to rebuild it only if it differs. */
  #content = '';
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
    latest('preferences', getPreferences).then(({ filters }) => {
      this.#saved = filters ?? [];
      this.#draw();
    }).catch(() => {
      // Without the service and without stored lists, only the places are shown.
    });
    // After a failure, the next visit tries again.
    introduce().catch(() => {});
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
        // On the application's icon.
        navigator.setAppBadge?.(this.#counts.get(addressOf(OVERDUE)) ?? 0).catch(() => {});
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

  /** Tasks dropped on Today move there; dropped on a tag, they get the tag. */
  #drops() {
    const goalOf = (/** @type {Event} */ { target }) => /** @type {HTMLElement | null} */ (/** @type {Element} */ (target).closest('[data-day], [data-tag]'));
    this.addEventListener('dragover', (event) => {
      const goal = goalOf(event);
      for (const other of this.querySelectorAll('.aim')) other.classList.toggle('aim', other === goal);
      if (!goal || !event.dataTransfer?.types.includes(DRAGGED)) return;
      goal.classList.add('aim');
      event.preventDefault();
    });
    this.addEventListener('dragleave', (event) => goalOf(event)?.classList.remove('aim'));
    this.addEventListener('drop', (event) => {
      const goal = goalOf(event);
      goal?.classList.remove('aim');
      const some = dragged(event);
      if (!goal || !some.length) return;
      event.preventDefault();
      const { tag } = goal.dataset;
      if (tag) bulk(some.map(({ id }) => id), 'add_tags', { tags: [tag] });
      else move(some, { day: dayIn(new Date(), here()) });
    });
  }

  #draw() {
    const now = viewKey();
    // Building the rail costs more than a search may take, and each key of a search changes the view.
    const content = JSON.stringify([...this.#counts, knownTags(), this.#saved]);
    if (content !== this.#content) this.#build();
    this.#content = content;
    for (const link of this.querySelectorAll('a')) {
      if (link.getAttribute('href')?.slice(1) === now) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
    const name = nameOf(view(), this.#saved);
    setText(this.#title, name);
    // The number of unread notifications stays in front.
    document.title = document.title.replace(/^(\(\d+\) )?.*/, (_, count = '') => `${count}${name} · Taskflow`);
    this.#save.hidden = !isFiltered(view()) || this.#saved.some(({ query }) => query === now);
  }

  #build() {
    const targets = () => /** @type {HTMLElement[]} */ ([...this.querySelectorAll('a, button')]);
    const keyOf = (/** @type {Element} */ element) => element.getAttribute('href') ?? element.ariaLabel;
    const before = targets();
    const focused = before.findIndex((target) => target === document.activeElement);
    const item = (/** @type {string} */ name, /** @type {string} */ sign, /** @type {string} */ address, /** @type {number | undefined} */ count, /** @type {Record<string, string>} */ drop = {}) => {
      const parts = [icon(sign), h('span', { className: 'grow', dir: 'auto', textContent: name }), h('span', { className: 'muted', textContent: count ? String(count) : '' })];
      return h('li', {}, h('a', { href: address.startsWith('#') ? address : '/', className: 'place', ...drop }, ...parts));
    };
    const places = PLACES.map(([name, sign, goal]) => item(name, sign, addressOf(goal), this.#counts.get(addressOf(goal)), goal.place === 'today' ? { 'data-day': 'today' } : {}));
    const tags = knownTags().slice(0, TAGS_MAX).map(({ tag, count }) => item(tag, 'tag', addressOf({ tags: [tag] }), count, { 'data-tag': tag }));
    const saved = this.#saved.map((one) => h('li', { className: 'line' }, ...item(one.name, 'filter', `#${one.query}`, undefined).childNodes, h('button', { className: 'icon-button small', 'aria-label': `Remove the list ${one.name}`, onclick: () => void this.#remove(one) }, icon('close'))));
    const past = PAST.map(([name, sign, goal]) => item(name, sign, addressOf(goal), undefined));
    const group = (/** @type {string} */ title, /** @type {HTMLElement[]} */ items) => (items.length ? [h('h2', { textContent: title }), h('ul', { className: 'plain', 'aria-label': title }, ...items)] : []);
    this.replaceChildren(h('ul', { className: 'plain', 'aria-label': 'Places' }, ...places), ...group('Tags', tags), ...group('Saved lists', saved), h('ul', { className: 'plain', 'aria-label': 'Done and deleted' }, ...past));
    const [old, after] = [before[focused], targets()];
    if (old) (after.find((target) => keyOf(target) === keyOf(old)) ?? after[focused])?.focus();
  }

  // ---- saved lists

  #askName() {
    const input = h('input', { id: newId(), dir: 'auto', maxLength: 50, autocomplete: 'off' });
    const form = h('form', { className: 'menu at save-list', popover: 'auto', role: 'dialog', 'aria-label': 'Save this list', noValidate: true }, h('div', { className: 'field' }, h('label', { for: input.id, textContent: 'Name of the list' }), input), h('button', { type: 'submit', className: 'primary', textContent: 'Save' }));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const name = input.value.trim();
      if (!name) return fieldError(input, 'Write a name.');
      form.hidePopover();
      const one = { name, query: viewKey() };
      void this.#keep((all) => [...all, one]);
      return undefined;
    });
    openAt(this.#save, form);
    input.focus();
  }

  /** @param {Saved} one */
  async #remove(one) {
    const at = this.#saved.indexOf(one);
    const isRemoved = await this.#keep((all) => all.filter(({ name, query }) => name !== one.name || query !== one.query));
    if (isRemoved) toast(`Removed the list “${one.name}”.`, { actions: [{ label: 'Undo', run: () => void this.#keep((all) => all.toSpliced(at, 0, one)) }] });
  }

  /**
   * Changes the saved lists. They are read again first, because the service replaces all of them, and another window may have changed some.
   *
   * @param {(all: Saved[]) => Saved[]} change
   * @returns {Promise<boolean>} false if it failed
   */
  async #keep(change) {
    const before = this.#saved;
    this.#saved = change(before);
    this.#draw();
    try {
      const { filters = [] } = await getPreferences();
      const answer = await setPreferences({ filters: change(filters) });
      this.#saved = (await latest('preferences', async () => answer)).filters ?? [];
      return true;
    } catch (error) {
      this.#saved = before;
      toast(textOf(error), { title: 'The lists could not be saved', kind: 'bad' });
      return false;
    } finally {
      this.#draw();
    }
  }
}

customElements.define('place-list', PlaceList);
