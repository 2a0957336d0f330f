// <task-list>: the list of tasks. Only visible rows are in the document, so that ten thousand tasks are as light as ten. The focused row stays in the
// document, so that the focus is not lost.

import { DRAGGED, change, dating, dragged, move, remove, restore, setDone, tasks } from './actions.js';
import { first, textOf } from './api.js';
import { byId, find, h, icon, setText } from './dom.js';
import { Key, hasShortcuts, keep, kept } from './kept.js';
import { QuickAdd } from './quick-add.js';
import { recurrenceOf } from './recurrence.js';
import { inStore } from './store.js';
import { beforeDue, dueInWords, groupOf, inWords, isOverdue, saidInFull, startOfDay, timeInWords } from './time.js';
import { part } from './toasts.js';
import { clearFilters, isFiltered, isGrouped, show, view, viewKey } from './view.js';

/** @typedef {import('./api.js').Task} Task */

/** Rows above and below the visible ones that are ready before scrolling. */
const AHEAD = 8;
/** Interval in milliseconds at which "Today 18:00", overdue and similar texts are updated. */
const CLOCK = 20_000;
/** Rows that Page Up and Page Down move. */
const LEAP = 10;

/** Examples in an empty list. */
const EXAMPLES = ['Buy bread tomorrow at 9 #home', 'Pay the rent monthly on the 1st !high', 'Call Mira on Friday at 3pm'];
/** Returns the progress of the checkboxes in the notes, such as "2/5"; empty without any. @param {string} notes */
function progressOf(notes) {
  const boxes = notes.match(/^\s*[-*+] \[[ xX]\] /gm) ?? [];
  return boxes.length ? `${boxes.filter((box) => !box.includes('[ ]')).length}/${boxes.length}` : '';
}

/** Priorities by their keys. @type {Record<string, import('./api.js').Priority>} */
export const PRIORITY_KEYS = { 1: 'high', 2: 'medium', 3: 'low' };

/** Maximum tags shown in a row; the number of further ones is shown. */
const TAGS_SHOWN = 4;
/** Maximum tasks printed. */
const PRINTED_MAX = 2_000;
/** Milliseconds after a new list until rows may be animated. */
const GLIDE_AFTER = 300;
/** Milliseconds of rest until the rows are kept as the picture of the next visit's first frame. */
const PICTURE_AFTER = 1_000;

/** Symbols of a row, in order. */
const MARKS = /** @type {const} */ (['flag', 'list', 'repeat', 'bell']);

/** A row of the list. It is reused for other tasks, because changing text costs less than creating elements. */
class Row {
  /** @type {Task | null} */
  task = null;
  index = -1;
  /** Everything else that decides how the task looks. */
  #look = '';
  #tags = '';
  /** Optional marks: recurrence, reminder. @type {Map<string, HTMLElement>} */
  #marks = new Map();

  constructor() {
    this.heading = h('h3', { className: 'group', hidden: true });
    this.check = h('input', { type: 'checkbox', className: 'check', tabIndex: -1 });
    this.title = h('span', { className: 'title', dir: 'auto' });
    this.open = h('button', { className: 'open', tabIndex: -1 }, this.title);
    this.tags = h('span', { className: 'tags' });
    this.due = h('time', { className: 'due' });
    this.pick = h('button', { className: 'pick', tabIndex: -1 }, this.due);
    this.facts = h('div', { className: 'facts' }, this.tags, this.pick);
    this.element = h('li', { className: 'task' }, this.heading, h('div', { className: 'row', draggable: true }, this.check, this.open, this.facts));
  }

  /** Action for a whole group. @type {HTMLButtonElement | null} */
  action = null;

  /** Shows a row that is not loaded yet. */
  wait() {
    this.task = null;
    this.#look = '';
    this.element.className = 'task waiting';
    delete this.element.dataset.id;
    delete this.element.dataset.priority;
    setText(this.title, 'Loading…');
    this.check.disabled = true;
    this.check.checked = false;
    this.check.setAttribute('aria-label', 'Loading…');
    setText(this.due, '');
    this.#showTags([]);
    for (const name of MARKS) this.#mark(name, '');
  }

  /** @param {Task} task @param {Date} now @param {boolean} grouped whether the list has groups of days @param {boolean} isSelected */
  show(task, now, grouped, isSelected) {
    const { id, title, status, priority } = task;
    const isOpen = view().task === id;
    const isDone = status === 'completed';
    const isTrash = view().place === 'trash';
    const look = `${Math.floor(now.getTime() / CLOCK)} ${grouped} ${isOpen} ${isSelected} ${isTrash}`;
    // The click has changed the box, not the task. If the change is undone, the box is reset.
    if (this.check.checked !== isDone) this.check.checked = isDone;
    if (task === this.task && look === this.#look) return;
    this.task = task;
    this.#look = look;
    this.element.className = `task${isDone ? ' done' : ''}${isSelected ? ' selected' : ''}`;
    this.element.dataset.id = String(id);
    this.element.dataset.priority = priority;
    this.check.disabled = isTrash;
    if (isSelected) this.open.setAttribute('aria-description', 'Selected');
    else this.open.removeAttribute('aria-description');
    this.check.setAttribute('aria-label', `Completed: ${title}`);
    setText(this.title, title);
    if (isOpen) this.open.setAttribute('aria-current', 'true');
    else this.open.removeAttribute('aria-current');
    const repeats = recurrenceOf(task);
    const progress = progressOf(task.description);
    this.#mark('flag', priority === 'medium' ? '' : `${priority} priority`);
    this.#mark('list', progress && `${progress} done`, progress);
    this.#mark('repeat', repeats && `repeats ${repeats}`);
    this.#mark('bell', !isDone && task.reminder_offset ? `reminder ${beforeDue(task.reminder_offset)}` : '');
    this.#showDue(task, now, grouped);
    this.#showTags(task.tags);
  }

  /** @param {Task} task @param {Date} now @param {boolean} grouped */
  #showDue(task, now, grouped) {
    const { due_date, due_day, status, completed_at } = task;
    const isDone = status === 'completed';
    const at = isDone ? completed_at : (due_day ?? due_date);
    const isLate = isOverdue(task, now);
    this.due.classList.toggle('late', isLate);
    this.due.dateTime = at ?? '';
    this.due.title = '';
    // In a group the heading shows the day or that it is overdue. Elsewhere text does, because colour alone is not accessible.
    const word = isDone ? 'Done ' : isLate && !grouped ? 'Overdue: ' : '';
    const isDayKnown = grouped && due_date !== null && groupOf(task, now, view().place === 'upcoming').day !== null;
    const due = isDayKnown ? (due_day || !due_date ? '' : timeInWords(due_date)) : dueInWords(task, now);
    const { deleted_at } = /** @type {{ deleted_at?: string }} */ (task);
    if (deleted_at) setText(this.due, `Deleted ${inWords(deleted_at, now)} · Restore`);
    else setText(this.due, at ? word + (isDone ? inWords(at, now) : due) : '');
    this.pick.setAttribute('aria-label', deleted_at ? `${this.due.textContent} ${task.title}` : `${this.due.textContent || (isDayKnown ? 'All day' : 'No date')}: change the date`);
    this.pick.classList.toggle('none', !this.due.textContent);
  }

  /** @param {string[]} tags */
  #showTags(tags) {
    if (this.#tags === tags.join()) return;
    this.#tags = tags.join();
    const more = tags.length - TAGS_SHOWN;
    this.tags.replaceChildren(...tags.slice(0, TAGS_SHOWN).map(tagButton), ...(more > 0 ? [h('span', { textContent: `+${more}`, title: tags.slice(TAGS_SHOWN).join(', ') })] : []));
  }

  /** @param {typeof MARKS[number]} name of the symbol @param {string} words empty to remove it @param {string} [text] beside it */
  #mark(name, words, text = '') {
    const mark = this.#marks.get(name);
    if (!words) {
      mark?.remove();
      this.#marks.delete(name);
      return;
    }
    const shown = mark ?? h('span', { className: `mark of-${name}` }, icon(name), h('span', { 'aria-hidden': 'true', className: 'count' }), h('span', { className: 'sr' }));
    this.#marks.set(name, shown);
    if (!mark) this.pick.before(...MARKS.map((own) => this.#marks.get(own)).filter((one) => one !== undefined));
    shown.title = words;
    setText(find(shown, '.count', HTMLElement), text);
    setText(find(shown, '.sr', HTMLElement), words);
  }
}

/** Describes an element for `draw` in first.js. @param {Element} element @returns {unknown[]} */
function described(element) {
  const attributes = [...element.attributes].map(({ name, value }) => [name, value]);
  if (element instanceof HTMLInputElement && element.checked) attributes.push(['checked', '']);
  return [element.localName, attributes, ...[...element.childNodes].map((child) => (child instanceof Element ? described(child) : child.textContent))];
}

/** The date picker, once it was loaded. @type {typeof import('./date-picker.js') | undefined} */
let picker;

/** @param {string} tag */
function tagButton(tag) {
  const add = () => show({ tags: view().tags.includes(tag) ? view().tags : [...view().tags, tag] });
  // A shortcut for pointers; by keyboard, use the tag filter above the list.
  return h('button', { className: 'tag', tabIndex: -1, dir: 'auto', textContent: tag, title: `Show tasks tagged ${tag}`, onclick: add });
}

export class TaskList extends HTMLElement {
  #scroller = find(this, '.scroller', HTMLElement);
  #rows = find(this, '.rows', HTMLUListElement);
  #probe = find(this, '.probe', HTMLElement);
  #note = find(this, '.note', HTMLElement);
  /** Rows in the document, by the id of their task, or by -1 - position for an unloaded one. @type {Map<number, Row>} */
  #shown = new Map();
  #stuck = h('div', { className: 'stuck group', 'aria-hidden': 'true', hidden: true });
  /** Positions whose task begins a group, in order, with the heading and the day. @type {[number, { name: string, day: string | null }][]} */
  #groups = [];
  /** Selected tasks. @type {Set<number>} */
  selected = new Set();
  #isPrinting = false;
  /** Position where a selection with the Shift key begins. @type {number | null} */
  #from = null;
  /** The day at the last drawing. */
  #today = startOfDay(0).getTime();
  /** True if the shown list, which may be the previous one, has groups of days. */
  #grouped = isGrouped(view());
  #rowHeight = 44;
  #groupHeight = 36;
  /** Height of the visible part, cached because reading it forces a layout. */
  #height = 0;
  #frame = 0;
  /** Extra rows beside the visible ones: none until the first have been painted, because the user waits for those. */
  #ahead = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #glide;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #resting;
  /** The position that the Tab key leads to, and the part of its row. @type {{ index: number, id: number | null, part: 'open' | 'check' }} */
  #at = { index: 0, id: null, part: 'open' };
  /** A position that gets the focus as soon as it is loaded. @type {number | null} */
  #goal = null;

  connectedCallback() {
    this.#scroller.addEventListener('scroll', () => this.#later(), { passive: true });
    new ResizeObserver(() => this.#measure()).observe(this.#probe);
    new ResizeObserver(() => {
      // The observer also fires when it starts, which would draw everything twice.
      const height = this.#scroller.clientHeight;
      if (height === this.#height) return;
      this.#height = height;
      this.#later();
    }).observe(this.#scroller);
    tasks.addEventListener('change', () => this.#changed());
    tasks.addEventListener('reset', () => this.#reset());
    tasks.addEventListener('gone', (event) => {
      const { detail: id } = /** @type {CustomEvent<number>} */ (event);
      if (this.selected.has(id)) this.select([...this.selected].filter((own) => own !== id));
    });
    this.addEventListener('change', (event) => this.#checked(event));
    this.addEventListener('click', (event) => this.#clicked(event));
    this.addEventListener('focusin', (event) => this.#focused(event));
    this.addEventListener('keydown', (event) => this.#key(event));
    this.addEventListener('contextmenu', (event) => this.#held(event));
    this.#scroller.prepend(this.#stuck);
    this.#drags();
    this.addEventListener('pointerover', ({ target }) => {
      // Created only for rows under the pointer.
      if (target instanceof HTMLTimeElement && target.dateTime) target.title ||= saidInFull(target.dateTime);
    });
    for (const [name, isPrinting] of /** @type {const} */ ([['beforeprint', true], ['afterprint', false]])) {
      addEventListener(name, () => {
        this.#isPrinting = isPrinting;
        this.#render();
      });
    }
    setInterval(() => this.#tick(), CLOCK);
    this.#height = this.#scroller.clientHeight;
    this.#measure();
  }

  /** Prints the whole list, after loading it. */
  async print() {
    await tasks.loadRange(0, PRINTED_MAX - 1);
    print();
  }

  /** Updates what depends on the clock: overdue, and today. */
  #tick() {
    const today = startOfDay(0).getTime();
    if (today !== this.#today) {
      this.#today = today;
      void tasks.load();
    }
    this.#changed();
  }

  // ---- selection

  /** Selects exactly these tasks. @param {Iterable<number>} ids */
  select(ids) {
    this.selected = tasks.pinned = new Set(ids);
    this.#render();
    this.dispatchEvent(new Event('selection'));
  }

  /** @param {number} id */
  #toggle(id) {
    const ids = new Set(this.selected);
    if (!ids.delete(id)) ids.add(id);
    this.#from = tasks.indexOf(id);
    this.select(ids);
  }

  /** Extends the selection from its start to this position. @param {number} index */
  #extend(index) {
    if (this.#from === null || this.selected.size === 0) this.#from = this.#at.index;
    void this.#selectRange(Math.min(this.#from, index), Math.max(this.#from, index));
  }

  /** Selects these positions, first the loaded ones. @param {number} first @param {number} last */
  async #selectRange(first, last) {
    const found = () => [...tasks.loaded()].filter(([at]) => at >= first && at <= last).map(([, { id }]) => id);
    this.select(found());
    const { selected } = this;
    if (selected.size > last - first) return;
    await tasks.loadRange(first, last);
    // Another selection may have been made meanwhile.
    if (this.selected === selected) this.select(found());
  }

  /** A long press selects on touch screens. @param {MouseEvent} event */
  #held(event) {
    const row = this.#place(/** @type {Element} */ (event.target));
    if (!row?.task || !matchMedia('(pointer: coarse)').matches) return;
    event.preventDefault();
    this.#toggle(row.task.id);
  }

  // ---- a row that is dragged to a day

  #drags() {
    this.addEventListener('dragstart', (event) => {
      const row = this.#place(/** @type {Element} */ (event.target));
      if (row?.task) event.dataTransfer?.setData(DRAGGED, [...(this.selected.has(row.task.id) ? this.selected : [row.task.id])].join());
    });
    this.addEventListener('dragover', (event) => {
      const day = event.dataTransfer?.types.includes(DRAGGED) ? this.#dayAt(event) : null;
      this.#aim(day);
      if (day) event.preventDefault();
    });
    this.addEventListener('dragleave', () => this.#aim(null));
    this.addEventListener('drop', (event) => {
      const day = this.#dayAt(event);
      this.#aim(null);
      if (!day) return;
      event.preventDefault();
      move(dragged(event), { day });
    });
  }

  /** The day of the group under the pointer. @param {DragEvent} event */
  #dayAt({ target }) {
    const row = this.#place(/** @type {Element} */ (target));
    return row ? (this.#groupAt(row.index)?.day ?? null) : null;
  }

  /** @param {number} index */
  #groupAt(index) {
    return this.#groups.findLast(([at]) => at <= index)?.[1];
  }

  /** Highlights the rows of a day. @param {string | null} day */
  #aim(day) {
    for (const { element, index } of this.#shown.values()) element.classList.toggle('aim', day !== null && this.#groupAt(index)?.day === day);
  }

  /** Focuses the list. */
  enter() {
    if (!tasks.total) this.#scroller.focus();
    else this.#go(this.#at.index, 'open');
  }

  /** Repaints after a change outside of the tasks, such as the open task. */
  repaint() {
    this.#render();
  }

  #measure() {
    const style = getComputedStyle(this.#probe);
    const [row, group] = [Number.parseFloat(style.height), Number.parseFloat(style.marginBottom)];
    if (!row || (row === this.#rowHeight && group === this.#groupHeight)) return;
    this.#rowHeight = row;
    this.#groupHeight = group;
    this.#render();
  }

  #later() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#render();
    });
  }

  #reset() {
    this.#grouped = isGrouped(view());
    this.#rows.classList.remove('glides');
    clearTimeout(this.#glide);
    this.#glide = setTimeout(() => this.#rows.classList.add('glides'), GLIDE_AFTER);
    this.#scroller.scrollTop = 0;
    if (this.selected.size) this.select([]);
    if (!this.#rows.contains(document.activeElement)) this.#at = { index: 0, id: null, part: 'open' };
  }

  #changed() {
    const anchor = this.#anchor();
    this.#groups = this.#findGroups();
    if (anchor) {
      const index = tasks.indexOf(anchor.id);
      if (index >= 0) {
        // The height is set first, because scrolling needs it.
        this.#rows.style.height = `${this.#top(tasks.total ?? 0)}px`;
        const wanted = this.#top(index) - anchor.above;
        if (Math.abs(wanted - this.#scroller.scrollTop) > 1) this.#scroller.scrollTop = wanted;
      }
    }
    this.#render();
  }

  /** The first visible task, which stays in place when rows above it come or go; none at the very top. */
  #anchor() {
    const { scrollTop } = this.#scroller;
    if (scrollTop < this.#rowHeight) return null;
    let first = null;
    for (const { task, element } of this.#shown.values()) {
      const top = Number(element.dataset.top);
      if (task && top >= scrollTop && (first === null || top < first.top)) first = { id: task.id, top };
    }
    return first && { id: first.id, above: first.top - scrollTop };
  }

  /** @returns {[number, { name: string, day: string | null }][]} */
  #findGroups() {
    if (!this.#grouped) return [];
    /** @type {[number, { name: string, day: string | null }][]} */
    const groups = [];
    const now = new Date();
    const byDay = view().place === 'upcoming';
    for (const [index, task] of tasks.loaded()) {
      const found = groupOf(task, now, byDay);
      // A past time of today comes after the day's all-day tasks; the row shows that it is overdue.
      const group = found.name === 'Overdue' ? (groups.find(([, { name }]) => name === 'Today')?.[1] ?? found) : found;
      if (groups.at(-1)?.[1].name !== group.name) groups.push([index, group]);
    }
    return groups;
  }

  /** Offset of a position, in pixels; a group's heading belongs to its first task. @param {number} index */
  #top(index) {
    let headings = 0;
    while (headings < this.#groups.length && (this.#groups[headings]?.[0] ?? Infinity) < index) headings += 1;
    return index * this.#rowHeight + headings * this.#groupHeight;
  }

  /** The position at this offset. @param {number} y */
  #placeAt(y) {
    let [low, high] = [0, Math.max(0, (tasks.total ?? 0) - 1)];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#top(middle) <= y) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #render() {
    const total = tasks.total ?? 0;
    const { scrollTop } = this.#scroller;
    const first = this.#isPrinting ? 0 : Math.max(0, this.#placeAt(scrollTop) - this.#ahead);
    const last = Math.min(total - 1, this.#isPrinting ? PRINTED_MAX : this.#placeAt(scrollTop + this.#height) + this.#ahead);
    this.#rows.style.height = `${this.#top(total)}px`;
    if (total > 0) {
      tasks.need(first, last);
      if (this.#ahead === 0) requestAnimationFrame(() => setTimeout(() => this.#render()));
      this.#ahead = AHEAD;
    }
    const focused = this.#place(document.activeElement);
    const places = [];
    for (let index = first; index <= last; index += 1) places.push(index);
    const kept = focused ? this.#placeOf(focused) : this.#goal;
    if (kept !== null && kept >= 0 && kept < total && (kept < first || kept > last)) places.push(kept);
    this.#arrange(places, focused);
    const group = scrollTop > 0 ? this.#groupAt(this.#placeAt(scrollTop)) : undefined;
    this.#stuck.hidden = group === undefined;
    this.#stuck.classList.toggle('late', group?.name === 'Overdue');
    setText(this.#stuck, group?.name ?? '');
    this.#tell();
    clearTimeout(this.#resting);
    this.#resting = setTimeout(() => void this.#keepPicture(), PICTURE_AFTER);
    if (this.#goal !== null && this.#goal < total) this.#go(this.#goal, this.#at.part);
    else this.#goal = null;
  }

  /** Keeps how the top of a stored list looks. */
  async #keepPicture() {
    const key = viewKey();
    if (document.hidden || this.#scroller.scrollTop > 0 || !(await inStore('lists', 'readonly', (store) => store.count(key)).catch(() => null))) return;
    if (key !== viewKey() || tasks.isLoading || tasks.total === null || this.selected.size) return;
    const rows = [...this.#shown.values()].filter(({ element }) => Number(element.dataset.top) < this.#height);
    if (!rows.every(({ task }) => task)) return;
    const picture = JSON.stringify({ key: first.lookOf(key), rows: rows.map(({ element }) => described(element)) });
    if (kept(Key.picture) !== picture) keep(Key.picture, picture);
  }

  /** The current position of a row. @param {Row} row */
  #placeOf(row) {
    return row.task ? tasks.indexOf(row.task.id) : row.index;
  }

  /** @param {number[]} places @param {Row | null} focused */
  #arrange(places, focused) {
    if (this.#rows.inert && (tasks.total !== null || tasks.failure !== null)) {
      this.#rows.replaceChildren();
      this.#rows.inert = false;
    }
    const now = new Date();
    const groups = new Map(this.#groups);
    const wanted = places.map((index) => {
      const task = tasks.at(index);
      return { index, task, key: task ? task.id : -1 - index };
    });
    const keys = new Set(wanted.map(({ key }) => key));
    const spare = new Map([...this.#shown].filter(([key, row]) => !keys.has(key) && row !== focused).map(([, row]) => [row.index, row]));
    /** @type {Map<number, Row>} */
    const shown = new Map();
    for (const { index, task, key } of wanted) {
      const row = this.#shown.get(key) ?? takeSpare(spare, index) ?? new Row();
      if (task) row.show(task, now, this.#grouped, this.selected.has(task.id));
      else row.wait();
      this.#put(row, index, groups.get(index));
      shown.set(key, row);
    }
    const kept = new Set(shown.values());
    for (const row of this.#shown.values()) if (!kept.has(row)) row.element.remove();
    this.#shown = shown;
    this.#rove();
    // If the focused task is gone, the focus moves to the one that took its place.
    if (focused && !focused.element.isConnected && this.#goal === null) this.#stay();
  }

  #stay() {
    const total = tasks.total ?? 0;
    if (total === 0) this.#scroller.focus();
    else this.#go(Math.min(this.#at.index, total - 1), this.#at.part);
  }

  /** @param {Row} row @param {number} index @param {{ name: string } | undefined} group */
  #put(row, index, group) {
    const { element, heading } = row;
    const top = String(this.#top(index));
    if (heading.hidden !== (group === undefined)) heading.hidden = group === undefined;
    const isLate = group?.name === 'Overdue';
    if (group !== undefined) {
      setText(heading, group.name);
      heading.classList.toggle('late', isLate);
    }
    if (isLate !== (row.action !== null)) {
      row.action?.remove();
      row.action = isLate ? h('button', { className: 'quiet of-group', textContent: 'Reschedule all', onclick: (/** @type {Event} */ event) => void this.#reschedule(/** @type {HTMLElement} */ (event.target)) }) : null;
      if (row.action) heading.after(row.action);
    }
    if (element.dataset.top !== top) {
      element.dataset.top = top;
      element.style.transform = `translateY(${top}px)`;
    }
    const size = String(tasks.total);
    if (element.ariaSetSize !== size) element.ariaSetSize = size;
    if (row.index !== index) {
      row.index = index;
      element.dataset.index = String(index);
      element.ariaPosInSet = String(index + 1);
    }
    if (element.isConnected && isInOrder(element, index)) return;
    // The document has the rows in the order of the list, which is the reading order.
    const after = [...this.#rows.children].find((other) => other !== element && Number(/** @type {HTMLElement} */ (other).dataset.index) > index) ?? null;
    if (element.isConnected) moveBefore(this.#rows, element, after);
    else this.#rows.insertBefore(element, after);
  }

  /** Only one row is in the Tab order; the arrow keys reach the others. */
  #rove() {
    const rows = [...this.#shown.values()];
    const current = rows.find(({ task }) => task !== null && task.id === this.#at.id) ?? rows.find(({ index }) => index === this.#at.index) ?? rows[0];
    const isTrash = view().place === 'trash';
    for (const row of rows) {
      const tabIndex = row === current ? 0 : -1;
      if (row.open.tabIndex !== tabIndex) row.open.tabIndex = row.check.tabIndex = tabIndex;
      // In the trash it restores the task.
      row.pick.tabIndex = isTrash ? tabIndex : -1;
    }
  }

  /** @param {Element | null} element @returns {Row | null} */
  #place(element) {
    const item = element?.closest('.task');
    return [...this.#shown.values()].find((row) => row.element === item) ?? null;
  }

  /** Focuses a position, after scrolling to it and loading it if necessary. @param {number} index @param {'open' | 'check'} part */
  #go(index, part) {
    this.#at = { index, id: tasks.at(index)?.id ?? null, part };
    const row = [...this.#shown.values()].find((one) => one.index === index);
    this.#reveal(index);
    if (!row) {
      this.#goal = index;
      this.#later();
      return;
    }
    this.#goal = null;
    // An unloaded row has no checkbox yet, but can be focused.
    const target = part === 'check' && !row.check.disabled ? row.check : row.open;
    this.#rove();
    if (document.activeElement !== target) target.focus({ preventScroll: true });
  }

  /** Scrolls as little as necessary. @param {number} index */
  #reveal(index) {
    const [top, bottom] = [this.#top(index), this.#top(index + 1)];
    const { scrollTop } = this.#scroller;
    if (top < scrollTop) this.#scroller.scrollTop = top;
    else if (bottom > scrollTop + this.#height) this.#scroller.scrollTop = bottom - this.#height;
  }

  /** @param {Event} event */
  #focused({ target }) {
    const row = this.#place(/** @type {Element} */ (target));
    if (!row) return;
    this.#at = { index: row.index, id: row.task?.id ?? null, part: target === row.check ? 'check' : 'open' };
    this.#rove();
  }

  /** @param {Event} event */
  #checked({ target }) {
    const row = this.#place(/** @type {Element} */ (target));
    if (row?.task && target === row.check) setDone(row.task, row.check.checked);
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    const element = /** @type {Element} */ (event.target);
    const row = this.#place(element);
    if (!row?.task) return;
    if (element.closest('.pick')) void this.#pick(row);
    else if (!element.closest('.open')) return;
    else if (event.shiftKey) this.#extend(row.index);
    else if (event.ctrlKey || event.metaKey || (this.selected.size && matchMedia('(pointer: coarse)').matches)) this.#toggle(row.task.id);
    else if (view().place !== 'trash') {
      if (this.selected.size) this.select([]);
      this.#from = row.index;
      show({ task: row.task.id });
    }
  }

  /** Opens the date picker for a task; a task in the trash is restored instead. @param {Row} row */
  async #pick({ task, pick }) {
    if (!task) return;
    if (view().place === 'trash') return restore(task);
    // Once loaded, it opens in the same task, because the next key presses belong to its line.
    picker ??= await part(() => import('./date-picker.js'));
    picker.pickDate(pick, { label: `Due date of ${task.title}`, task, choose: (picked) => move([tasks.get(task.id) ?? task], picked), read: (fields) => change(tasks.get(task.id) ?? task, fields) });
  }

  /** @param {HTMLElement} anchor */
  async #reschedule(anchor) {
    picker ??= await part(() => import('./date-picker.js'));
    picker.pickDate(anchor, { label: 'A new date for everything overdue', task: null, ...dating(() => tasks.matching({ due: 'overdue' })) });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const row = this.#place(/** @type {Element} */ (event.target));
    if (!row || event.altKey || event.defaultPrevented) return;
    if (event.ctrlKey || event.metaKey) {
      if (event.key !== 'a' || event.shiftKey) return;
      event.preventDefault();
      void this.#selectRange(0, (tasks.total ?? 0) - 1);
      return;
    }
    if (event.key === 'Escape' && this.selected.size) {
      event.preventDefault();
      this.select([]);
      return;
    }
    const isText = event.target === row.action;
    if (!isText && (this.#move(event) || this.#act(event.key, row))) event.preventDefault();
  }

  /** Moves the focus. Returns true if the key moves it. @param {KeyboardEvent} event */
  #move({ key, shiftKey }) {
    const last = (tasks.total ?? 0) - 1;
    const letters = hasShortcuts();
    const { index, part: at } = this.#at;
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: LEAP, PageUp: -LEAP, Home: -Infinity, End: Infinity, ...(letters ? { j: 1, k: -1 } : {}) };
    const by = /** @type {Record<string, number>} */ (step)[key];
    if (by === undefined || last < 0) return false;
    const next = Math.max(0, Math.min(last, index + by));
    if (shiftKey) this.#extend(next);
    else this.#from = null;
    this.#go(next, at);
    return true;
  }

  /** Acts on a row. Returns true if the key has an action. @param {string} key @param {Row} row */
  #act(key, row) {
    const { task } = row;
    if (!task) return false;
    const letters = hasShortcuts();
    if (letters && key === 's') {
      this.#toggle(task.id);
      return true;
    }
    // The selection bar handles the keys of a selection, wherever the focus is.
    if (this.selected.size) return !this.dispatchEvent(new CustomEvent('selected-key', { detail: key, cancelable: true }));
    if (view().place === 'trash') {
      if (letters && key === 'r') restore(task);
      return letters && key === 'r';
    }
    if (key === 'Delete' || key === 'Backspace') {
      remove(task);
      return true;
    }
    if (!letters) return false;
    const priority = PRIORITY_KEYS[key];
    if (priority) {
      if (priority !== task.priority) change(task, { priority });
      return true;
    }
    if (key === 'x') setDone(task, task.status !== 'completed');
    else if (key === 'e') show({ task: task.id });
    else if (key === 't') void this.#pick(row);
    else return false;
    return true;
  }

  /** Announces the number of tasks, or why there are none. */
  #tell() {
    const { total, failure, isLoading } = tasks;
    this.#rows.setAttribute('aria-busy', String(isLoading));
    const isFirst = total === null && failure === null && !this.#rows.inert;
    this.toggleAttribute('data-first', isFirst);
    const filtered = isFiltered(view());
    const count = byId('count', HTMLElement);
    setText(count, total === null ? '' : total === 1 ? '1 task' : `${total.toLocaleString()} tasks`);
    byId('clear', HTMLElement).hidden = !filtered;
    if (failure !== null && total === null) this.#trouble(failure);
    else if (total === 0) this.#empty(filtered);
    else this.#note.hidden = true;
  }

  /** @param {unknown} failure */
  #trouble(failure) {
    this.#say('trouble', 'The tasks could not be loaded', textOf(failure), ['Try again', () => void tasks.load()]);
  }

  /** @param {boolean} filtered */
  #empty(filtered) {
    const { place, tags } = view();
    if (filtered && !(tags.length === 1 && !view().text)) this.#say('empty', 'Nothing matches', 'No task meets these conditions.', ['Clear search and filters', clearFilters]);
    else if (place === 'trash') this.#say('empty', 'The trash is empty', 'Deleted tasks stay here for 30 days.');
    else {
      const use = (/** @type {string} */ line) => {
        find(document, 'quick-add', QuickAdd).edit(line);
        byId('new-title', HTMLElement).focus();
      };
      const title = place === 'today' ? 'Nothing left for today' : 'No tasks here';
      this.#say('empty', title, 'Write what you have to do, in your own words. For example:', ...EXAMPLES.map((line) => /** @type {[string, () => void]} */ ([line, () => use(line)])));
    }
  }

  /** @param {'trouble' | 'empty'} kind @param {string} title @param {string} text @param {...[string, () => void]} choices */
  #say(kind, title, text, ...choices) {
    const key = `${kind} ${title} ${text}`;
    this.#note.hidden = false;
    if (this.#note.dataset.key === key) return;
    this.#note.dataset.key = key;
    this.#note.className = `note ${kind}`;
    this.#note.replaceChildren(h('p', { className: 'note-title', textContent: title }), h('p', { textContent: text }), ...choices.map(([words, act]) => h('button', { className: choices.length > 1 ? 'pill' : '', textContent: words, onclick: act })));
  }
}

/** Returns a spare row, preferably the one already in place. @param {Map<number, Row>} spare @param {number} index */
function takeSpare(spare, index) {
  const at = spare.has(index) ? index : spare.keys().next().value;
  const row = at === undefined ? undefined : spare.get(at);
  if (at !== undefined) spare.delete(at);
  return row;
}

/** @param {HTMLElement} element @param {number} index */
function isInOrder({ previousElementSibling: before, nextElementSibling: after }, index) {
  const place = (/** @type {Element | null} */ other, /** @type {number} */ otherwise) => (other instanceof HTMLElement ? Number(other.dataset.index) : otherwise);
  return place(before, -1) < index && place(after, Infinity) > index;
}

/** Moves an element, without losing its focus if the browser can. @param {Element} parent @param {Element} element @param {Element | null} before */
function moveBefore(parent, element, before) {
  const { moveBefore: move } = /** @type {{ moveBefore?: (element: Element, before: Element | null) => void }} */ (parent);
  if (move) move.call(parent, element, before);
  else {
    const active = document.activeElement;
    parent.insertBefore(element, before);
    if (active instanceof HTMLElement && element.contains(active)) active.focus({ preventScroll: true });
  }
}
