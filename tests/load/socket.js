// Open pages: each holds a WebSocket while reminders fall due. Every page must receive every reminder once, in order, and soon.

import { WebSocket } from 'k6/websockets';
import encoding from 'k6/encoding';
import exec from 'k6/execution';
import { check } from 'k6';
import { Counter, Trend } from 'k6/metrics';
import { answered, call, number, seconds, summary, thresholds, token, url } from './parts.js';

const pages = number('LOAD_USERS', 200);
const reminders = seconds;
const opening = 10; // seconds until the first reminder is due
const patience = 30; // seconds after the last one

const heard = new Counter('taskflow_notifications');
const lateness = new Trend('taskflow_reminder_lateness', true);

export const options = {
  ...summary,
  scenarios: {
    pages: { executor: 'per-vu-iterations', vus: pages, iterations: 1, maxDuration: `${opening + seconds + patience + 10}s`, exec: 'page' },
    reminders: { executor: 'per-vu-iterations', vus: 1, iterations: 1, exec: 'remind' },
  },
  thresholds: thresholds({ taskflow_reminder_lateness: ['p(99)<100'] }, { taskflow_notifications: [`count==${pages * reminders}`] }),
};

/** When the first reminder is due, and the titles of this run's tasks. */
export function setup() {
  const due = Date.now() + opening * 1000;
  return { due, title: `Load ${due}` };
}

/** One reminder per second. */
export function remind({ due, title }) {
  for (let at = 0; at < reminders; at += 1) {
    const task = { title, due_date: new Date(due + at * 1000).toISOString(), reminder_offset: '0 minutes', tags: ['load'] };
    answered(call('POST', '/api/tasks', task), 201, 'a task with a reminder');
  }
}

/** Listens until it has received all, or until a time limit. */
export function page({ due, title }) {
  const protocols = token ? ['taskflow', `bearer.${encoding.b64encode(token, 'rawurl')}`] : ['taskflow'];
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/ws/notifications`, protocols);
  let [count, last, isOpen] = [0, 0, false];
  const giveUp = setTimeout(() => socket.close(), due - Date.now() + (seconds + patience) * 1000);
  socket.onopen = () => {
    isOpen = true;
    check(Date.now(), { 'pages are open before the first reminder': (now) => now < due });
  };
  socket.onmessage = ({ data }) => {
    const frame = JSON.parse(data);
    if (frame.type !== 'notification' || frame.event_type !== 'reminder.triggered' || !frame.title.includes(title)) {
      return;
    }
    lateness.add(Date.now() - (due + count * 1000));
    heard.add(1);
    check(frame.id, { 'notifications come in order, each once': (id) => id > last });
    last = frame.id;
    count += 1;
    if (count === reminders) {
      socket.close();
    }
  };
  socket.onerror = ({ error }) => console.error(`page ${exec.vu.idInTest}: ${error}`);
  socket.onclose = () => {
    clearTimeout(giveUp);
    check(null, { 'pages open': () => isOpen, 'pages hear of every reminder': () => count === reminders });
  };
}
