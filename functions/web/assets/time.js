// Times: their texts and groups, and the wall clocks of time zones.

import { Key, kept } from './kept.js';

/** @typedef {import('./api.js').Task} Task */
/** @typedef {import('./api.js').TaskChange} TaskChange */

/** @type {string | undefined} */
let zone;

/** This browser's time zone, an IANA name; computed on first use, because it takes milliseconds. */
export const here = () => (zone ??= Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC');

/** Language tag whose order of dates and hours is used: the browser's, unless the user chose another one. */
const home = () => kept(Key.locale) || navigator.language;

/** The page is in English; dates follow the user's order. */
function locale() {
  const { region } = new Intl.Locale(home()).maximize();
  return region ? `en-${region}` : 'en';
}

/** The first day of the week, 1 for Monday to 7. @returns {number} */
export function weekStart() {
  const chosen = Number(kept(Key.weekStart));
  if (chosen) return chosen;
  /** @type {any} */
  const place = new Intl.Locale(home());
  return (place.getWeekInfo?.() ?? place.weekInfo)?.firstDay ?? 1;
}

/**
 * A time format, created on first use because that takes milliseconds.
 *
 * @param {Intl.DateTimeFormatOptions} options
 * @returns {(date: Date) => string}
 */
function format(options) {
  /** @type {Intl.DateTimeFormat | undefined} */
  let made;
  let setting = '';
  return (date) => {
    const now = `${kept(Key.locale)} ${kept(Key.hours)}`;
    if (!made || setting !== now) {
      setting = now;
      const hours = kept(Key.hours);
      const clock = hours && (options.hour || options.timeStyle) ? { hourCycle: /** @type {'h12' | 'h23'} */ (hours === '12' ? 'h12' : 'h23') } : {};
      made = new Intl.DateTimeFormat(locale(), { ...options, ...clock });
      // "09:00", but "9:00 AM".
      if (options.hour && !made.resolvedOptions().hour12) made = new Intl.DateTimeFormat(locale(), { ...options, ...clock, hour: '2-digit' });
    }
    return made.format(date);
  };
}

const clock = format({ hour: 'numeric', minute: '2-digit' });
const weekday = format({ weekday: 'short' });
const weekdayDay = format({ weekday: 'short', day: 'numeric', month: 'short' });
const dayYear = format({ day: 'numeric', month: 'short', year: 'numeric' });
const whole = format({ dateStyle: 'full', timeStyle: 'short' });
const wholeDay = format({ dateStyle: 'full' });
const monthYear = format({ month: 'long', year: 'numeric' });
const dayMonth = format({ day: 'numeric', month: 'short' });

/** Milliseconds within which a date needs no year. */
const NEAR = 183 * 86_400_000;

/** @typedef {Pick<Task, 'due_date' | 'due_day'>} Due when a task is due: at an instant, or on a day; a card of a conversation may lack the day */

/**
 * The beginning of a day in this browser's zone, this many days after that of `now`.
 *
 * @param {number} days
 * @param {Date} [now]
 */
export function startOfDay(days, now = new Date()) {
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() + days);
}

/** The day in this browser's zone that is this many days from today, as 2027-01-31. @param {number} days @param {Date} [now] */
export const dayAhead = (days, now = new Date()) => dayIn(startOfDay(days, now), here());

/**
 * A short text for a time, relative to now: "Today 18:00", "Mon 09:00", "Tue, 3 Aug 09:00", "3 Aug 2031 09:00".
 *
 * @param {string} iso
 * @param {Date} [now]
 */
export function inWords(iso, now = new Date()) {
  const date = new Date(iso);
  const time = clock(date);
  if (date >= startOfDay(-1, now) && date < startOfDay(0, now)) return `Yesterday ${time}`;
  if (date >= startOfDay(0, now) && date < startOfDay(1, now)) return `Today ${time}`;
  if (date >= startOfDay(1, now) && date < startOfDay(2, now)) return `Tomorrow ${time}`;
  if (date >= startOfDay(0, now) && date < startOfDay(7, now)) return `${weekday(date)} ${time}`;
  return `${dateInWords(date, now)} ${time}`;
}

/** "3 Aug", with the weekday, or "3 Aug 2031" if the year is not clear. @param {Date} date @param {Date} now */
const dateInWords = (date, now) => (Math.abs(date.getTime() - now.getTime()) < NEAR ? weekdayDay : dayYear)(date);

/** The beginning of a day in this browser's zone. @param {string} day as 2027-01-31 */
const beginOf = (day) => new Date(`${day}T00:00`);

/** A short text for a due date; without a time if all-day. @param {Due} due @param {Date} [now] */
export function dueInWords({ due_date, due_day }, now = new Date()) {
  if (!due_day) return due_date ? inWords(due_date, now) : '';
  const date = beginOf(due_day);
  const days = Math.round((date.getTime() - startOfDay(0, now).getTime()) / 86_400_000);
  const near = { '-1': 'Yesterday', 0: 'Today', 1: 'Tomorrow' }[days];
  if (near) return near;
  if (days > 0 && days < 7) return weekday(date);
  return dateInWords(date, now);
}

/** When a reminder is due: "1 hour before", "when due". @param {string} offset as the service spells it */
export const beforeDue = (offset) => (offset.startsWith('0 ') ? 'when due' : `${offset} before`);

/** The full text for a due date. @param {Due} due */
export const dueInFull = ({ due_date, due_day }) => (due_day ? wholeDay(beginOf(due_day)) : due_date ? inFull(due_date) : '');

/** A short text for a due date in the API's form, an instant or a day. @param {string} said */
export const saidInWords = (said) => dueInWords({ due_date: said, due_day: isDay(said) ? said : null });

/** The full text for the same. @param {string} said */
export const saidInFull = (said) => dueInFull({ due_date: said, due_day: isDay(said) ? said : null });

/** True if a due date is a day rather than an instant. @param {string} said */
export const isDay = (said) => !said.includes('T');

/** The time of day. @param {string} iso */
export const timeInWords = (iso) => clock(new Date(iso));

/** The full text for a time. @param {string} iso */
export const inFull = (iso) => whole(new Date(iso));

/**
 * True if a task is overdue: its time has passed, or its day has ended in its zone.
 *
 * @param {Due & Pick<Task, 'status'> & { time_zone?: string }} task
 * @param {Date} [now]
 */
export function isOverdue({ status, due_date, due_day, time_zone = here() }, now = new Date()) {
  if (status !== 'pending' || due_date === null) return false;
  return due_day ? due_day < dayIn(now, time_zone) : new Date(due_date) < now;
}

/** Days with a group of their own in Upcoming; later ones are grouped by week. */
const DAYS_AHEAD = 14;

/**
 * The group of a task if each day has one: its heading, and its day if it is one.
 *
 * @param {Date} date
 * @param {Date} now
 */
function dayGroup(date, now) {
  const days = Math.round((startOf(date).getTime() - startOfDay(0, now).getTime()) / 86_400_000);
  if (days < DAYS_AHEAD) {
    const near = days === 0 ? 'Today · ' : days === 1 ? 'Tomorrow · ' : '';
    return { name: `${near}${weekdayDay(date)}`, day: dayIn(startOf(date), here()) };
  }
  // Sunday is 0 here, and 7 in the settings.
  const back = (date.getDay() - (weekStart() % 7) + 7) % 7;
  const first = startOfDay(-back, date);
  const from = days - back < DAYS_AHEAD ? startOfDay(DAYS_AHEAD, now) : first;
  const last = startOfDay(6 - back, date);
  return { name: `${dayMonth(from)} – ${last.getFullYear() === now.getFullYear() ? dayMonth(last) : dayYear(last)}`, day: null };
}

/** The beginning of a date's day in this browser's zone. @param {Date} date */
const startOf = (date) => startOfDay(0, date);

/** "December 2026". @param {Date} date */
export const monthInWords = (date) => monthYear(date);

/** "Fri", and the full date for screen readers. @param {string} day */
export const weekdayOfDay = (day) => weekday(beginOf(day));

/**
 * Parses a time of day, as 15:30; null if invalid.
 *
 * @param {string} text "15:30", "3pm", "9"
 */
export function readTime(text) {
  const found = /^(\d{1,2})(?:[:.h]?(\d\d))?\s*([ap])?\.?m?\.?$/i.exec(text.trim());
  if (!found) return null;
  const half = found[3]?.toLowerCase();
  const hour = Number(found[1]);
  const minute = Number(found[2] ?? 0);
  if (minute > 59 || hour > 23 || (half && (hour < 1 || hour > 12))) return null;
  return `${String(half ? (hour % 12) + (half === 'p' ? 12 : 0) : hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`;
}

/** The text for a time of day such as 15:30. @param {string} time */
export const timeOfDay = (time) => clock(new Date(`2027-01-04T${time}`));

/** @typedef {{ day?: string | null | undefined, time?: string | undefined, all?: boolean }} Picked a new day, a new time ("" for none), and whether the whole series moves */

/**
 * The change that moves a task to a day. Its day and its time stay, unless others were picked; a time alone means today if there is no day.
 *
 * @param {Task} task
 * @param {Picked} pick
 * @returns {TaskChange}
 */
export function moved(task, { day, time, all = false }) {
  if (day === null) return { due_date: null, ...(task.recurrence !== 'none' ? { recurrence: 'none' } : {}), ...(task.reminder_offset ? { reminder_offset: null } : {}) };
  const own = task.due_date && !task.due_day ? wallClock(new Date(task.due_date), task.time_zone).slice(11) : '';
  const at = time ?? own;
  const on = day ?? task.due_day ?? dayIn(task.due_date ? new Date(task.due_date) : new Date(), task.time_zone);
  const due = at ? instantOf(`${on}T${at}`, task.time_zone).toISOString() : on;
  return all ? { recurrence_start: due } : { due_date: due };
}

/**
 * The group of a task in a list sorted by due date.
 *
 * @param {Due & { time_zone?: string }} task
 * @param {Date} now
 * @param {boolean} [byDay] whether each day has its own
 * @returns {{ name: string, day: string | null }}
 */
export function groupOf({ due_date, due_day, time_zone }, now, byDay = false) {
  if (byDay && due_date !== null) {
    const date = due_day ? beginOf(due_day) : new Date(due_date);
    if (date >= startOfDay(0, now)) return dayGroup(date, now);
  }
  const name = nameOfGroup({ due_date, due_day, ...(time_zone ? { time_zone } : {}) }, now);
  const day = name === 'Today' ? 0 : name === 'Tomorrow' ? 1 : null;
  return { name, day: day === null ? null : dayIn(startOfDay(day, now), here()) };
}

/** @param {Due & { time_zone?: string }} task @param {Date} now */
function nameOfGroup({ due_date, due_day, time_zone = here() }, now) {
  if (due_date === null) return 'No date';
  const date = due_day ? beginOf(due_day) : new Date(due_date);
  if (isOverdue({ status: 'pending', due_date, due_day, time_zone }, now)) return 'Overdue';
  if (date < startOfDay(1, now)) return 'Today';
  if (date < startOfDay(2, now)) return 'Tomorrow';
  return date < startOfDay(7, now) ? 'Next 7 days' : 'Later';
}

/**
 * Common days, as 2027-01-31.
 *
 * @param {Date} [now]
 * @returns {{ name: string, day: string }[]}
 */
export function quickDays(now = new Date()) {
  // Sunday is 0: the next Monday is 1 to 7 days away.
  const toMonday = ((8 - now.getDay()) % 7) || 7;
  const day = (/** @type {number} */ days) => dayIn(startOfDay(days, now), here());
  const toSaturday = (13 - now.getDay()) % 7;
  return [
    { name: 'Today', day: day(0) },
    { name: 'Tomorrow', day: day(1) },
    ...(toSaturday > 1 ? [{ name: 'This weekend', day: day(toSaturday) }] : []),
    { name: 'Next week', day: day(toMonday) },
  ];
}

/** @type {Map<string, Intl.DateTimeFormat>} */
const clocks = new Map();

/** @param {string} zone */
function clockOf(zone) {
  let found = clocks.get(zone);
  if (!found) {
    /** @type {Intl.DateTimeFormatOptions} */
    const numeric = { year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit' };
    found = new Intl.DateTimeFormat('en-u-ca-gregory-nu-latn', { ...numeric, hourCycle: 'h23', timeZone: zone });
    clocks.set(zone, found);
  }
  return found;
}

/**
 * The wall-clock time of a zone at an instant, in the form of `<input type="datetime-local">`: "2027-01-31T09:00".
 *
 * @param {Date} instant
 * @param {string} zone
 */
export function wallClock(instant, zone) {
  /** @type {Record<string, string>} */
  const part = {};
  for (const { type, value } of clockOf(zone).formatToParts(instant)) part[type] = value;
  return `${part.year?.padStart(4, '0')}-${part.month}-${part.day}T${part.hour}:${part.minute}`;
}

/** The day on the wall clock of a zone at an instant, as 2027-01-31. @param {Date} instant @param {string} zone */
export const dayIn = (instant, zone) => wallClock(instant, zone).slice(0, 10);

/**
 * How far a zone's wall clock is ahead of UTC at an instant, in milliseconds.
 *
 * @param {number} instant
 * @param {string} zone
 */
function ahead(instant, zone) {
  const minute = Math.floor(instant / 60_000) * 60_000;
  return Date.parse(`${wallClock(new Date(minute), zone)}Z`) - minute;
}

/**
 * The instant at which a zone's wall clock shows this time. As in RFC 5545, a repeated time is the first one, and a skipped time is read with the
 * offset before the gap, so 02:30 becomes 03:30.
 *
 * @param {string} wall as `wallClock` writes it
 * @param {string} zone
 */
export function instantOf(wall, zone) {
  const asUtc = Date.parse(`${wall}Z`);
  const DAY = 86_400_000;
  const before = ahead(asUtc - DAY, zone);
  const after = ahead(asUtc + DAY, zone);
  for (const offset of [before, after]) {
    if (ahead(asUtc - offset, zone) === offset) return new Date(asUtc - offset);
  }
  return new Date(asUtc - before);
}

/** Every zone that the browser knows, this browser's first. */
export function allZones() {
  return [...new Set([here(), 'UTC', ...Intl.supportedValuesOf('timeZone')])];
}
