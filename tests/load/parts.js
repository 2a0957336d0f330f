// What the load tests share: where Taskflow is, how much is asked of it, and what is a failure.
//
// TASKFLOW_URL says where it is, TASKFLOW_API_TOKEN with which token. LOAD_USERS and LOAD_SECONDS set how much; LOAD_JUDGE=errors has times
// shown only: on a machine that does other work as well they say nothing about Taskflow.

import http from 'k6/http';
import { check } from 'k6';

export const url = (__ENV.TASKFLOW_URL || 'http://127.0.0.1:8080').replace(/\/$/, '');
export const token = __ENV.TASKFLOW_API_TOKEN || '';
export const seconds = number('LOAD_SECONDS', 30);

const judgesTimes = __ENV.LOAD_JUDGE !== 'errors';

/** A whole number from the environment. */
export function number(name, otherwise) {
  const value = Number(__ENV[name] || otherwise);
  if (!Number.isInteger(value) || value < 1) {
    throw new Error(`${name}: a whole number from 1 is wanted`);
  }
  return value;
}

/** Thresholds on errors, and those on times where times are judged; without these, their metrics are still shown. */
export function thresholds(times, others = {}) {
  const shown = Object.fromEntries(Object.entries(times).map(([metric, limits]) => [metric, judgesTimes ? limits : ['max>=0']]));
  return { checks: ['rate==1'], http_req_failed: ['rate==0'], ...shown, ...others };
}

export const summary = { summaryTrendStats: ['med', 'p(95)', 'p(99)', 'max', 'count'] };

/** A call of the API; `name` groups its figures, for paths have ids. */
export function call(method, path, body, name) {
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  if (body !== undefined) {
    headers['content-type'] = 'application/json';
  }
  return http.request(method, url + path, body === undefined ? null : JSON.stringify(body), { headers, tags: { name: name || path }, timeout: '30s' });
}

/** Checks the status, and answers the JSON, or null. */
export function answered(response, status, what) {
  const isRight = check(response, { [`${what} is answered ${status}`]: ({ status: own }) => own === status });
  if (!isRight) {
    console.error(`${what}: ${response.status} ${response.error || ''} ${String(response.body).slice(0, 200)}`);
    return null;
  }
  return response.body ? response.json() : null;
}
