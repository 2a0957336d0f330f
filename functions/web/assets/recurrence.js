// RFC 5545 rules for the form: parsed, written and described. Only the service computes dates.

/** @typedef {'DAILY' | 'WEEKLY' | 'MONTHLY' | 'YEARLY'} Freq */
/** @typedef {{ kind: 'never' } | { kind: 'count', count: number } | { kind: 'until', date: string }} End date as 2027-01-31 */
/** @typedef {{ ordinal: number, weekday: string }} NthWeekday ordinal 1 to 4, or -1 for the last */

/**
 * A rule that the form can express.
 *
 * @typedef {object} Rule
 * @property {Freq} freq
 * @property {number} interval
 * @property {string[]} days with WEEKLY: MO to SU; empty for the weekday of the due date
 * @property {number | null} monthDay with MONTHLY: 1 to 31, or -1 for the last; null for the day of the due date, or `nth`
 * @property {NthWeekday | null} nth with MONTHLY
 * @property {End} end
 */

/** Weekdays with their names in rules. */
export const WEEKDAYS = Object.freeze(
  /** @type {[string, string][]} */ ([
    ['MO', 'Monday'],
    ['TU', 'Tuesday'],
    ['WE', 'Wednesday'],
    ['TH', 'Thursday'],
    ['FR', 'Friday'],
    ['SA', 'Saturday'],
    ['SU', 'Sunday'],
  ]),
);
/** Ordinals of a weekday in a month. */
export const ORDINALS = Object.freeze(
  /** @type {[number, string][]} */ ([
    [1, 'first'],
    [2, 'second'],
    [3, 'third'],
    [4, 'fourth'],
    [-1, 'last'],
  ]),
);
/** Units of the form. */
export const UNITS = Object.freeze(
  /** @type {[Freq, string][]} */ ([
    ['DAILY', 'day'],
    ['WEEKLY', 'week'],
    ['MONTHLY', 'month'],
    ['YEARLY', 'year'],
  ]),
);
/** Maximum INTERVAL and COUNT of the form. */
export const NUMBER_MAX = 999;

const CODES = WEEKDAYS.map(([code]) => code);
const WORKDAYS = CODES.slice(0, 5);
const KNOWN = new Set(['FREQ', 'INTERVAL', 'BYDAY', 'BYMONTHDAY', 'COUNT', 'UNTIL']);

/** @param {Freq} freq @returns {Rule} */
export const every = (freq) => ({ freq, interval: 1, days: [], monthDay: null, nth: null, end: { kind: 'never' } });

/** @param {string | undefined} text */
function number(text) {
  const value = Number(text);
  return text !== undefined && /^\d{1,3}$/.test(text) && value >= 1 ? value : null;
}

/** @param {string} text @returns {Map<string, string> | null} */
function partsOf(text) {
  /** @type {Map<string, string>} */
  const parts = new Map();
  for (const part of text.trim().toUpperCase().replace(/^RRULE:/, '').split(';')) {
    const [name = '', value] = part.split('=');
    if (!value || parts.has(name)) return null;
    parts.set(name, value);
  }
  return parts;
}

/**
 * @param {Map<string, string>} parts
 * @returns {End | null}
 */
function endOf(parts) {
  const [count, until] = [parts.get('COUNT'), parts.get('UNTIL')];
  if (count !== undefined) {
    const value = number(count);
    return value === null || until !== undefined ? null : { kind: 'count', count: value };
  }
  if (until === undefined) return { kind: 'never' };
  // The form supports dates only; an end with a time stays text.
  const date = /^(\d{4})(\d\d)(\d\d)$/.exec(until);
  return date ? { kind: 'until', date: date.slice(1).join('-') } : null;
}

/**
 * Parses a rule into the form; null if the form cannot express it.
 *
 * @param {string} text
 * @returns {Rule | null}
 */
export function parse(text) {
  const parts = partsOf(text);
  const freq = UNITS.map(([name]) => name).find((name) => name === parts?.get('FREQ'));
  if (!parts || !freq || [...parts.keys()].some((name) => !KNOWN.has(name))) return null;
  const interval = parts.has('INTERVAL') ? number(parts.get('INTERVAL')) : 1;
  const end = endOf(parts);
  if (interval === null || end === null) return null;
  const rule = { ...every(freq), interval, end };
  const [byDay, byMonthDay] = [parts.get('BYDAY'), parts.get('BYMONTHDAY')];
  if (byMonthDay !== undefined) {
    const isOne = /^([1-9]|[12]\d|3[01]|-1)$/.test(byMonthDay);
    return freq === 'MONTHLY' && isOne && byDay === undefined ? { ...rule, monthDay: Number(byMonthDay) } : null;
  }
  if (byDay === undefined) return rule;
  if (freq === 'WEEKLY') {
    const days = byDay.split(',');
    return days.every((one) => CODES.includes(one)) ? { ...rule, days: CODES.filter((one) => days.includes(one)) } : null;
  }
  const nth = /^([1-4]|-1)([A-Z]{2})$/.exec(byDay);
  if (freq !== 'MONTHLY' || !nth || !CODES.includes(nth[2] ?? '')) return null;
  return { ...rule, nth: { ordinal: Number(nth[1]), weekday: nth[2] ?? '' } };
}

/**
 * Writes a rule as text.
 *
 * @param {Rule} rule
 */
export function write(rule) {
  const parts = [`FREQ=${rule.freq}`];
  if (rule.interval > 1) parts.push(`INTERVAL=${rule.interval}`);
  if (rule.freq === 'WEEKLY' && rule.days.length) parts.push(`BYDAY=${rule.days.join(',')}`);
  if (rule.freq === 'MONTHLY' && rule.nth) parts.push(`BYDAY=${rule.nth.ordinal}${rule.nth.weekday}`);
  else if (rule.freq === 'MONTHLY' && rule.monthDay !== null) parts.push(`BYMONTHDAY=${rule.monthDay}`);
  if (rule.end.kind === 'count') parts.push(`COUNT=${rule.end.count}`);
  if (rule.end.kind === 'until') parts.push(`UNTIL=${rule.end.date.replaceAll('-', '')}`);
  return parts.join(';');
}

/** @param {string[]} names */
const listed = (names) => (names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`);

/** @param {number} value 1 to 31 */
function nth(value) {
  const teen = value % 100 >= 11 && value % 100 <= 13;
  return `${value}${teen ? 'th' : (['th', 'st', 'nd', 'rd'][value % 10] ?? 'th')}`;
}

/** @param {string} code */
const nameOf = (code) => WEEKDAYS.find(([own]) => own === code)?.[1] ?? code;

/** "first", "last", "2nd to last", "15th". @param {number} value */
const place = (value) => ORDINALS.find(([own]) => own === value)?.[1] ?? (value < 0 ? `${nth(-value)} to last` : nth(value));

/** @param {string} month 1 to 12 */
const monthOf = (month) => new Date(2027, Number(month) - 1).toLocaleString('en', { month: 'long' });

/**
 * Describes a rule: "every 2 weeks on Monday and Friday, 10 times". A rule with other parts is returned unchanged.
 *
 * @param {string} text
 */
export function describe(text) {
  const parts = partsOf(text);
  const take = (/** @type {string} */ name) => {
    const value = parts?.get(name);
    parts?.delete(name);
    return value?.split(',') ?? [];
  };
  const [freq] = take('FREQ');
  const unit = freq === 'HOURLY' ? 'hour' : UNITS.find(([own]) => own === freq)?.[1];
  const [interval = '1'] = take('INTERVAL');
  const days = take('BYDAY').sort((a, b) => CODES.indexOf(a) - CODES.indexOf(b));
  const dates = take('BYMONTHDAY').map(Number);
  const places = take('BYSETPOS').map(Number);
  const months = take('BYMONTH').map(monthOf);
  const [[count], [until]] = [take('COUNT'), take('UNTIL')];
  take('WKST');
  if (!unit || parts?.size) return text;
  const often = interval === '1' ? `every ${unit}` : `every ${interval} ${unit}s`;
  const isWorkdays = days.join() === WORKDAYS.join();
  // The 31st, or the last day of a shorter month.
  if (places[0] === -1 && dates.length > 1 && dates.every((date, at) => date === 28 + at)) dates.splice(0, dates.length - 1), places.pop();
  const names = isWorkdays ? ['weekday'] : days.map((day) => `${day[2] ? `the ${place(parseInt(day))} ` : ''}${nameOf(day.slice(-2))}`);
  const all = [names, dates.map((date) => `the ${date < 0 ? `${place(date)} day` : nth(date)}`)].map(listed).filter(Boolean).join(' ');
  const on = places.length ? ` on the ${listed(places.map(place))}${all ? ` ${isWorkdays ? '' : 'of '}${all}` : ' day'}` : all && ` on ${all}`;
  const month = months.length ? ` in ${listed(months)}` : '';
  const end = count ? (count === '1' ? ', once' : `, ${count} times`) : until ? `, until ${until.replace(/^(\d{4})(\d\d)(\d\d).*/, '$1-$2-$3')}` : '';
  return `${isWorkdays && freq === 'WEEKLY' && interval === '1' ? 'every weekday' : often + on}${month}${end}`;
}

const FREQUENCIES = Object.freeze({ daily: 'every day', weekly: 'every week', monthly: 'every month' });

/**
 * Describes how a task repeats; empty if it does not.
 *
 * @param {Pick<import('./api.js').Task, 'recurrence' | 'recurrence_rule' | 'recurrence_from'>} task
 */
export function recurrenceOf(task) {
  if (task.recurrence === 'none') return '';
  const often = task.recurrence === 'custom' ? describe(task.recurrence_rule ?? '') : FREQUENCIES[task.recurrence];
  return task.recurrence_from === 'completion' ? `${often}, counted from completion` : often;
}
