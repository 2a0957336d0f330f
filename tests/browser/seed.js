// Everyday tasks, for the screenshots and for trying the page. The times are relative to the start of the program.

/** @typedef {import('./parts.js').Taskflow} Taskflow */

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/**
 * @param {Date} now
 * @param {number} days
 * @param {number} hour
 */
const at = (now, days, hour) => new Date(now.getFullYear(), now.getMonth(), now.getDate() + days, hour).toISOString();

/** Returns the day of a weekly rule. @param {Date} now @param {number} days */
const weekday = (now, days) => ['SU', 'MO', 'TU', 'WE', 'TH', 'FR', 'SA'][(now.getDay() + days) % 7];

/** @param {Date} now @returns {Record<string, unknown>[]} */
const tasks = (now) => [
  { title: 'Send the invoice', due_date: at(now, -1, 17), priority: 'high', tags: ['work'] },
  { title: 'Return the library books', due_date: at(now, -2, 18), tags: ['errands'] },
  { title: 'Call the dentist', due_date: new Date(now.getTime() + 2 * HOUR).toISOString(), reminder_offset: '15 minutes', tags: ['health'] },
  { title: 'Water the plants', due_date: new Date(now.getTime() + 3 * HOUR).toISOString(), recurrence_rule: 'FREQ=DAILY;INTERVAL=3', tags: ['home'] },
  { title: 'Review the draft of the annual report', description: 'Chapters 2 and 4 first. The figures in the appendix come from the finance team on Thursday.', due_date: at(now, 1, 10), priority: 'high', tags: ['work', 'writing'], reminder_offset: '1 hour' },
  { title: 'Buy bread, milk and coffee', due_date: at(now, 1, 18), tags: ['errands', 'home'] },
  { title: 'Lunch with friends', due_date: at(now, 3, 12), recurrence_rule: `FREQ=WEEKLY;INTERVAL=2;BYDAY=${weekday(now, 3)}`, tags: ['friends'] },
  { title: 'Piano lesson', due_date: at(now, 4, 16), recurrence: 'weekly', reminder_offset: '1 hour', tags: ['music'] },
  { title: 'Pay the rent', due_date: at(now, 6, 9), recurrence: 'monthly', reminder_offset: '1 day', priority: 'high', tags: ['home', 'money'] },
  { title: 'Book the train to Vienna', due_date: at(now, 12, 9), tags: ['travel'] },
  { title: 'Renew the passport', due_date: at(now, 40, 9), tags: ['travel'], reminder_offset: '1 week' },
  { title: 'Backup of the laptop', due_date: new Date(now.getTime() + 9 * DAY).toISOString(), recurrence_rule: 'FREQ=MONTHLY;BYDAY=-1SU', priority: 'low', tags: ['home'] },
  { title: 'Read “The Left Hand of Darkness”', priority: 'low', tags: ['reading'] },
  { title: 'Find a birthday present for Mira', tags: ['family'] },
  { title: 'Try the new climbing hall' },
];

/** @param {Taskflow | { call: Taskflow['call'] }} taskflow @param {Date} now */
export async function everydayLife(taskflow, now) {
  const made = [];
  for (const task of tasks(now)) made.push(await taskflow.call('POST', '/api/tasks', { time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone, ...task }));
  for (const title of ['Fix the bicycle lamp', 'Write to grandmother']) {
    const { id } = await taskflow.call('POST', '/api/tasks', { title, tags: ['home'] });
    await taskflow.call('POST', `/api/tasks/${id}/complete`);
  }
  return made;
}
