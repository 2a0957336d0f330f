// Date picker: a line that reads sentences ("fri 3pm"), common days, a month, a time. Choosing a day keeps the task's time. Loaded when the first
// date is chosen.

import { draftTask } from './api.js';
import { h, icon, newId, openAt, setText } from './dom.js';
import { isDay, dayIn, dueInWords, here, monthInWords, quickDays, readTime, saidInFull, saidInWords, timeOfDay, wallClock, weekdayOfDay, weekStart } from './time.js';

/** @typedef {import('./api.js').Task} Task */
/** @typedef {import('./api.js').TaskChange} TaskChange */
/** @typedef {import('./time.js').Picked} Pick */

/** Milliseconds without a key press after which the line is parsed. */
const PAUSE = 150;
/** Placeholder title for a line that is only a date. */
const TITLE = 'Task';
const DAY = 86_400_000;
/** Suggested time for a day without one. */
const MORNING = '09:00';
const WEEKS = 6;

/** @param {string} day as 2027-01-31 @param {number} by days */
function shift(day, by) {
  const date = new Date(`${day}T00:00Z`);
  return new Date(date.getTime() + by * DAY).toISOString().slice(0, 10);
}

/** @param {string} day @param {number} by months */
function shiftMonth(day, by) {
  const date = new Date(`${day}T00:00Z`);
  const last = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + by + 1, 0)).getUTCDate();
  return new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + by, Math.min(date.getUTCDate(), last))).toISOString().slice(0, 10);
}

/**
 * Opens the picker beside an element.
 *
 * @param {HTMLElement} anchor
 * @param {object} options
 * @param {string} options.label for a screen reader
 * @param {Task | null} options.task the task with its current date; null for several tasks
 * @param {(pick: Pick) => void} options.choose
 * @param {(change: TaskChange) => void} [options.read] receives the parsed line, such as a recurrence
 */
export function pickDate(anchor, { label, task, choose, read }) {
  document.querySelector('.date-picker')?.remove();
  const zone = task?.time_zone ?? here();
  const today = dayIn(new Date(), here());
  const own = task?.due_day ?? (task?.due_date ? dayIn(new Date(task.due_date), zone) : null);
  const ownTime = task?.due_date && !task.due_day ? wallClock(new Date(task.due_date), zone).slice(11) : '';
  let cursor = own ?? today;

  const line = h('input', { placeholder: 'Type a date: fri 3pm', 'aria-label': 'Type a date', autocomplete: 'off', enterKeyHint: 'done' });
  const reading = h('p', { className: 'muted reading', role: 'status', id: newId() });
  line.setAttribute('aria-describedby', reading.id);
  const month = h('p', { className: 'grow', role: 'status' });
  const grid = h('table', { role: 'grid' });
  const time = h('input', { id: newId(), className: 'narrow', placeholder: '15:30', autocomplete: 'off', value: ownTime ? timeOfDay(ownTime) : '', 'aria-describedby': reading.id });
  // Several tasks may have times: they become all-day tasks only on request.
  const allDay = h('input', { type: 'checkbox', checked: task !== null && !ownTime });
  const all = h('input', { type: 'radio', name: 'date-picker-scope', value: 'all' });
  const one = h('input', { type: 'radio', name: 'date-picker-scope', value: 'one', checked: true });
  const repeats = task !== null && task.recurrence !== 'none';
  const scope = repeats ? h('fieldset', { className: 'scope' }, h('legend', { className: 'sr', textContent: 'Which occurrences move' }), h('label', { className: 'choice' }, one, 'Only this one'), h('label', { className: 'choice' }, all, 'This and all after')) : null;

  const element = h('div', { className: 'menu date-picker', popover: 'auto', role: 'dialog', 'aria-label': label });

  function close() {
    element.hidePopover();
  }

  /** Chooses a day with the time, or only the time. @param {string | null} [day] */
  function take(day) {
    const at = readTime(time.value);
    if (day !== null && at === null && (time.value.trim() || (day === undefined && !allDay.checked))) {
      setText(reading, 'Enter a time such as 15:30 or 3pm.');
      return time.focus();
    }
    close();
    return choose({ day, time: at ?? (allDay.checked ? '' : undefined), all: all.checked });
  }

  const quick = quickDays().map(({ name, day }) =>
    h('button', { className: 'menu-item', onclick: () => take(day) }, h('span', { className: 'grow', textContent: name }), h('span', { className: 'muted', textContent: weekdayOfDay(day) })),
  );
  const none = h('button', { className: 'menu-item', hidden: task !== null && own === null, onclick: () => take(null) }, h('span', { className: 'grow', textContent: 'No date' }));

  // ---- the month

  function draw() {
    setText(month, monthInWords(new Date(`${cursor}T00:00`)));
    const first = `${cursor.slice(0, 8)}01`;
    const weekday = new Date(`${first}T00:00Z`).getUTCDay();
    const start = shift(first, -((weekday - (weekStart() % 7) + 7) % 7));
    const names = Array.from({ length: 7 }, (_, at) => h('th', { scope: 'col', textContent: weekdayOfDay(shift(start, at)).slice(0, 2), 'aria-label': weekdayOfDay(shift(start, at)) }));
    const weeks = Array.from({ length: WEEKS }, (_, week) => h('tr', {}, ...Array.from({ length: 7 }, (_, at) => cell(shift(start, week * 7 + at)))));
    grid.replaceChildren(h('thead', {}, h('tr', {}, ...names)), h('tbody', {}, ...weeks));
  }

  /** @param {string} day */
  function cell(day) {
    const isOther = day.slice(0, 7) !== cursor.slice(0, 7);
    const className = [isOther && 'other', day === today && 'today', day === own && 'on'].filter(Boolean).join(' ');
    const button = h('button', { className, tabIndex: day === cursor ? 0 : -1, textContent: String(Number(day.slice(8))), 'aria-label': saidInFull(day), 'data-day': day, onclick: () => take(day) });
    if (day === today) button.setAttribute('aria-current', 'date');
    return h('td', { role: 'gridcell', 'aria-selected': String(day === own) }, button);
  }

  /** @param {string} day @param {boolean} isFocused */
  function move(day, isFocused) {
    cursor = day;
    draw();
    const button = grid.querySelector(`[data-day="${day}"]`);
    if (isFocused && button instanceof HTMLElement) button.focus();
  }

  grid.addEventListener('keydown', (event) => {
    const steps = /** @type {Record<string, number>} */ ({ ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 });
    const step = steps[event.key];
    if (step !== undefined) move(shift(cursor, step), true);
    else if (event.key === 'PageUp' || event.key === 'PageDown') move(shiftMonth(cursor, event.key === 'PageUp' ? -1 : 1), true);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });

  // ---- the line

  /** @type {TaskChange | null} */
  let said = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let flight = new AbortController();

  async function readLine() {
    clearTimeout(timer);
    flight.abort();
    flight = new AbortController();
    const text = line.value.trim();
    said = null;
    if (!text) return setText(reading, '');
    try {
      const { task: found } = await draftTask(`${TITLE} ${text}`, zone, flight.signal);
      if (line.value.trim() !== text) return undefined;
      if (!found?.due_date || found.title !== TITLE) return setText(reading, `“${text}” is not a date that Taskflow understands.`);
      const { due_date, recurrence = 'none', recurrence_rule, reminder_offset } = found;
      said = { due_date, ...(recurrence_rule ? { recurrence_rule } : recurrence !== 'none' ? { recurrence } : {}), ...(reminder_offset ? { reminder_offset } : {}) };
      return setText(reading, `${saidInWords(due_date)}${recurrence_rule || recurrence !== 'none' ? ', repeating' : ''}`);
    } catch {
      return line.value.trim() === text ? setText(reading, 'The service cannot be reached. Choose a day below.') : undefined;
    }
  }

  line.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(() => void readLine(), PAUSE);
  });
  line.addEventListener('keydown', async (event) => {
    if (event.key !== 'Enter' || event.isComposing) return;
    event.preventDefault();
    if (!said) await readLine();
    if (!said?.due_date) return;
    const due = said.due_date;
    close();
    if (read && Object.keys(said).length > 1) read(said);
    else choose(isDay(due) ? { day: due, all: all.checked } : { day: dayIn(new Date(due), zone), time: wallClock(new Date(due), zone).slice(11), all: all.checked });
  });

  allDay.addEventListener('change', () => {
    time.value = allDay.checked ? '' : timeOfDay(ownTime || MORNING);
    if (!allDay.checked) time.select();
  });
  time.addEventListener('input', () => {
    allDay.checked = time.value.trim() === '';
  });
  time.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.isComposing) return;
    event.preventDefault();
    take();
  });

  // ---- the popover

  const turn = (/** @type {number} */ by, /** @type {string} */ words) => h('button', { className: by < 0 ? 'icon-button small back' : 'icon-button small', 'aria-label': words, onclick: () => move(shiftMonth(cursor, by), false) }, icon('next'));
  element.append(
    h('div', { className: 'date-line' }, line, reading),
    h('div', { className: 'menu-list' }, ...quick, none),
    h('div', { className: 'month' }, h('div', { className: 'line' }, month, turn(-1, 'Previous month'), turn(1, 'Next month')), grid),
    h('div', { className: 'line time-line' }, h('label', { for: time.id, textContent: 'Time' }), time, h('label', { className: 'choice grow' }, allDay, 'All day'), h('button', { className: 'quiet', textContent: 'Set', onclick: () => take() })),
    ...(scope ? [scope] : []),
  );
  if (task?.due_date) setText(reading, dueInWords(task));
  draw();
  openAt(anchor, element);
  line.focus();
}

