// 1,000 users, each with one call per second: of ten calls, four get a task, two list, two search, one creates and one completes what was created.
// The same mix as in tests/bench, but from outside.

import exec from 'k6/execution';
import { answered, call, number, seconds, summary, thresholds } from './parts.js';

const users = number('LOAD_USERS', 1000);
const tasks = 500;

export const options = {
  ...summary,
  scenarios: {
    mix: {
      executor: 'constant-arrival-rate',
      rate: users,
      duration: `${seconds}s`,
      preAllocatedVUs: users,
      maxVUs: users,
    },
  },
  setupTimeout: '120s',
  thresholds: thresholds({ 'http_req_duration{scenario:mix}': ['p(99)<50'] }, { dropped_iterations: ['count==0'] }),
};

/** Tasks to read. Other users may create tasks meanwhile, so their ids are kept. */
export function setup() {
  const ids = [];
  for (let of = 0; of < tasks; of += 1) {
    const made = answered(call('POST', '/api/tasks', { title: `Water the plants of floor ${of}`, tags: ['load'] }, 'setup'), 201, 'a task to be read');
    ids.push(made.id);
  }
  return ids;
}

// Each user has its own variables.
const own = [];

export default function mix(ids) {
  const turn = exec.scenario.iterationInTest % 10;
  if (turn === 1 || turn === 6) {
    const list = answered(call('GET', '/api/tasks?limit=50'), 200, 'the list');
    if (list && list.length === 0) {
      exec.test.fail('the list is empty');
    }
  } else if (turn === 2 || turn === 7) {
    answered(call('POST', '/api/tasks/search', { query: turn === 2 ? `floor ${exec.scenario.iterationInTest % ids.length}` : 'coffee' }), 200, 'a search');
  } else if (turn === 4) {
    const made = answered(call('POST', '/api/tasks', { title: `Order coffee for meeting ${exec.scenario.iterationInTest}` }), 201, 'a new task');
    if (made) {
      own.push(made.id);
    }
  } else if (turn === 9 && own.length > 0) {
    answered(call('POST', `/api/tasks/${own.pop()}/complete`, undefined, '/api/tasks/{id}/complete'), 200, 'a completion');
  } else {
    answered(call('GET', `/api/tasks/${ids[(exec.scenario.iterationInTest * 7919) % ids.length]}`, undefined, '/api/tasks/{id}'), 200, 'a task');
  }
}
