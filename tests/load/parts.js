// Shared by the load tests: Taskflow's address, the load, and what counts as a failure.
//
// TASKFLOW_URL is the address, TASKFLOW_API_TOKEN the token. LOAD_USERS and LOAD_SECONDS set the load. LOAD_JUDGE=errors only shows the times: on a
// machine with other work, they say nothing about Taskflow.

import http from 'k6/http';
import { check } from 'k6';

export const url = (__ENV.TASKFLOW_URL || 'http://127.0.0.1:8080').replace(/\/$/, '');
export const token = __ENV.TASKFLOW_API_TOKEN || '';
export const seconds = number('LOAD_SECONDS', 30);

const judgesTimes = __ENV.LOAD_JUDGE !== 'errors';

/** Reads a whole number from the environment. */
export function number(name, otherwise) {
  const value = Number(__ENV[name] || otherwise);
  if (!Number.isInteger(value) || value < 1) {
    throw new Error(`${name}: a whole number from 1 is wanted`);
  }
  return value;
}

/** Thresholds on errors, and on times if they are checked. Metrics without thresholds are still shown. */
export function thresholds(times, others = {}) {
  const shown = Object.fromEntries(Object.entries(times).map(([metric, limits]) => [metric, judgesTimes ? limits : ['max>=0']]));
  return { checks: ['rate==1'], http_req_failed: ['rate==0'], ...shown, ...others };
}

export const summary = { summaryTrendStats: ['med', 'p(95)', 'p(99)', 'max', 'count'] };

/** Calls the API. `name` groups the figures, because paths contain ids. */
export function call(method, path, body, name) {
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  if (body !== undefined) {
    headers['content-type'] = 'application/json';
  }
  return http.request(method, url + path, body === undefined ? null : JSON.stringify(body), { headers, tags: { name: name || path }, timeout: '30s' });
}

/** Checks the status. Returns the JSON, or null. */
export function answered(response, status, what) {
  const isRight = check(response, { [`${what} is answered ${status}`]: ({ status: own }) => own === status });
  if (!isRight) {
    console.error(`${what}: ${response.status} ${response.error || ''} ${String(response.body).slice(0, 200)}`);
    return null;
  }
  return response.body ? response.json() : null;
}
