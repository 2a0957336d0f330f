// The REST API, as tests/contract/openapi.yaml describes it: calls, problems (RFC 9457), and the types of what travels.

import { Key, keep, kept } from './kept.js';

/** @typedef {import('../api.d.ts').Task} Task */
/** @typedef {Task['priority']} Priority */
/** @typedef {Task['status']} Status */
/** @typedef {import('../api.d.ts').UpdateTaskBody} TaskChange what a PUT can change */
/** @typedef {import('../api.d.ts').CreateTask} NewTask */
/** @typedef {import('../api.d.ts').SearchTasks} SearchTasks */
/** @typedef {import('../api.d.ts').TaskFilter} Filters */
/** @typedef {NonNullable<SearchTasks['sort_by']>} SortBy */
/** @typedef {{ text: string, filters: Filters, sort_by?: SortBy, order?: 'asc' | 'desc' }} Query */
/** @typedef {import('../api.d.ts').TagCount} TagCount */
/** @typedef {import('../api.d.ts').Preferences} Preferences */
/** @typedef {import('../api.d.ts').Notification} Notice */
/** @typedef {import('../api.d.ts').Reminder} Reminder */
/** @typedef {import('../api.d.ts').PushSubscription} Device a browser that gets pushes */
/**
 * @typedef {import('../api.d.ts').AuditLogEntry & { event_data: { data?: { task_data?: Task, scheduled_at?: string, reminder_offset?: string } } }}
 *   AuditLogEntry
 */
/** @typedef {import('../api.d.ts').TaskCard} TaskCard what a person knows a task by */
/** @typedef {import('../api.d.ts').Action} Action one thing that the assistant did, or tried to */
/** @typedef {import('../api.d.ts').Question} Question what a person is asked before it is done */
/** @typedef {ChatAnswer['assistant']} Assistant */
/** @typedef {import('../api.d.ts').ChatAnswer} ChatAnswer */
/** @typedef {import('../api.d.ts').Exchange} Exchange a message and what came of it */
/** @typedef {import('../api.d.ts').Conversation} Conversation */
/** @typedef {import('../api.d.ts').Draft} Draft what a line was read as */

/** How long a call may take, in milliseconds: a function that starts from zero has its time, a lost connection is noticed. */
const CALL_MAX = 20_000;
/** How long the assistant may take, in milliseconds: a model thinks. */
const CHAT_MAX = 120_000;
/** How long the reading of a line may take, in milliseconds: a person waits for it only at the Enter key. */
const DRAFT_MAX = 3_000;
/** How often a call that met a missing or wrong token is tried again with what a person enters. */
const TOKENS_MAX = 5;

/** What went wrong with a call, as problem+json tells it; status 0 if there was no answer. */
export class Problem extends Error {
  /**
   * @param {number} status
   * @param {{ title?: string, detail?: string, errors?: { pointer: string, detail: string }[] } | null} problem
   */
  constructor(status, problem) {
    super(problem?.detail || problem?.title || `The service answered ${status}.`);
    this.name = 'Problem';
    this.status = status;
    this.errors = Array.isArray(problem?.errors) ? problem.errors : [];
  }

  /** All that it says, for a person, in one line. */
  get text() {
    return this.errors.length ? this.errors.map(({ pointer, detail }) => `${pointer.split('/')[1] ?? ''}: ${detail}`.replace(/^: /, '')).join('; ') : this.message;
  }
}

/**
 * Whether somebody meant this to stop: a newer call took its place.
 *
 * @param {unknown} error
 */
export const isAborted = (error) => error instanceof DOMException && error.name === 'AbortError';

/**
 * What an error says to a person; one that is no problem of the service is a fault of the page, and is logged.
 *
 * @param {unknown} error
 * @returns {string}
 */
export function textOf(error) {
  if (error instanceof Problem) return error.text.charAt(0).toUpperCase() + error.text.slice(1);
  console.error(error);
  return 'Something went wrong on this page.';
}

/** The access token, kept in this browser; empty if there is none. */
export const token = () => kept(Key.token) ?? '';

/** @param {string} value */
export const setToken = (value) => keep(Key.token, value || null);

/** @type {(wasWrong: boolean) => Promise<boolean>} */
let askToken = () => Promise.resolve(false);

/**
 * Names who asks a person for the token; the answer says whether there is another one to try.
 *
 * @param {(wasWrong: boolean) => Promise<boolean>} ask
 */
export function whenTokenIsNeeded(ask) {
  askToken = ask;
}

/** Asks a person for the token, on their wish; whether there is one now. */
export const enterToken = () => askToken(token() !== '');

/**
 * @typedef {object} CallOptions
 * @property {string} [method]
 * @property {unknown} [body]
 * @property {Record<string, string>} [headers]
 * @property {AbortSignal | undefined} [signal]
 * @property {number} [within] the time it may take, in milliseconds
 * @property {boolean} [quiet] asks nobody for the token
 * @property {(response: Response) => Promise<string>} [read] takes the text of an answer that is not simply there
 */
/** @typedef {{ data: any, headers: Headers }} CallAnswer */

/**
 * Calls the API. A 401 asks for the token and tries again, unless the call is one that nobody waits for.
 *
 * @param {string} path
 * @param {CallOptions} [options]
 * @returns {Promise<CallAnswer>}
 */
async function call(path, options = {}) {
  for (let tries = 0; ; tries += 1) {
    const used = token();
    const answer = await once(path, options, used);
    if (answer.status !== 401) return answer;
    const isSame = used === token();
    if (tries >= TOKENS_MAX || (isSame && (options.quiet || !(await askToken(used !== ''))))) throw new Problem(401, { detail: 'An access token is needed.' });
  }
}

/**
 * The answer that first.js has asked for, if it is this one; once, for after that it is old.
 *
 * @param {string} path
 * @param {string} used the token
 * @returns {Promise<Response> | undefined}
 */
function takeFirst(path, used) {
  const first = Reflect.get(window, 'first');
  if (first?.path !== path || first.token !== used) return undefined;
  Reflect.deleteProperty(window, 'first');
  return first.response;
}

/** @param {Response} response */
const textIn = (response) => response.text();

/**
 * @param {string} path
 * @param {CallOptions} options
 * @param {string} used the token
 */
async function once(path, { method = 'GET', body, headers = {}, signal, within = CALL_MAX, read = textIn }, used) {
  /** @type {Record<string, string>} */
  const sent = { Accept: 'application/json', ...headers };
  if (used) sent.Authorization = `Bearer ${used}`;
  if (body !== undefined) sent['Content-Type'] = 'application/json';
  const late = AbortSignal.timeout(within);
  /** @type {Response} */
  let response;
  let text = '';
  try {
    const request = { method, headers: sent, body: body === undefined ? null : JSON.stringify(body) };
    const either = signal ? AbortSignal.any([signal, late]) : late;
    response = await ((method === 'GET' && takeFirst(path, used)) || fetch(path, { ...request, signal: either }));
    text = await (response.ok ? read(response) : response.text());
  } catch (error) {
    if (error instanceof Problem) throw error;
    if (signal?.aborted) throw new DOMException('A newer call took its place.', 'AbortError');
    throw new Problem(0, { detail: late.aborted ? 'The service did not answer in time.' : 'The service cannot be reached.' });
  }
  const { status } = response;
  if (status === 401) return { status, data: null, headers: response.headers };
  let data = null;
  try {
    data = text ? JSON.parse(text) : null;
  } catch {
    // A proxy's page, no JSON.
  }
  if (!response.ok) throw new Problem(status, data);
  if (text && data === null) throw new Problem(status, { detail: 'The service answered something that is no JSON.' });
  return { status, data, headers: response.headers };
}

/** A key for one attempt to create something: trying again after a lost answer makes no second one. */
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * A page of the tasks that match, and how many do.
 *
 * @param {Query} query
 * @param {number} offset
 * @param {number} limit
 * @param {AbortSignal} [signal]
 * @returns {Promise<{ tasks: Task[], total: number }>}
 */
export async function findTasks({ text, filters, sort_by, order }, offset, limit, signal) {
  if (text) {
    const { data } = await call('/api/tasks/search', { method: 'POST', body: { query: text, filters, sort_by, order, limit, offset }, signal });
    return { tasks: data.results, total: data.total_count };
  }
  const asked = new URLSearchParams({ limit: String(limit), offset: String(offset) });
  for (const [name, value] of Object.entries({ ...filters, sort_by, order })) if (value !== undefined) asked.set(name, String(value));
  const { data, headers } = await call(`/api/tasks?${asked}`, { signal });
  return { tasks: data, total: Number(headers.get('X-Total-Count')) };
}

/** @param {number} id @returns {Promise<Task>} */
export const getTask = async (id) => (await call(`/api/tasks/${id}`)).data;

/** @param {TaskChange & { title: string }} task @param {string} key for idempotency @returns {Promise<Task>} */
export const createTask = async (task, key) => (await call('/api/tasks', { method: 'POST', body: task, headers: { 'Idempotency-Key': key } })).data;

/** @param {number} version @returns {Record<string, string>} */
const ifMatch = (version) => ({ 'If-Match': `"${version}"` });

/** @param {number} id @param {TaskChange} change @param {number} version @returns {Promise<Task>} */
export const updateTask = async (id, change, version) => (await call(`/api/tasks/${id}`, { method: 'PUT', body: change, headers: ifMatch(version) })).data;

/** @param {number} id @param {boolean} isDone @param {number} version @returns {Promise<Task>} */
export const setDone = async (id, isDone, version) =>
  (await call(`/api/tasks/${id}/${isDone ? 'complete' : 'reopen'}`, { method: 'POST', headers: ifMatch(version) })).data;

/** @param {number} id @param {number} version */
export const deleteTask = async (id, version) => void (await call(`/api/tasks/${id}`, { method: 'DELETE', headers: ifMatch(version) }));

/** @param {number} id of a deleted task @returns {Promise<Task>} */
export const restoreTask = async (id) => (await call(`/api/tasks/${id}/restore`, { method: 'POST' })).data;

/** @returns {Promise<Preferences>} */
export const getPreferences = async () => (await call('/api/preferences', { quiet: true })).data;

/** @param {import('../api.d.ts').SetPreferences} change @returns {Promise<Preferences>} */
export const setPreferences = async (change) => (await call('/api/preferences', { method: 'PUT', body: change, quiet: true })).data;

/** @returns {Promise<TagCount[]>} */
export const listTags = async () => (await call('/api/tags', { quiet: true })).data;

/** @param {number} id of the task @returns {Promise<Reminder[]>} */
export const listReminders = async (id) => (await call(`/api/reminders?task_id=${id}`)).data;

/** @param {number | null} after an id @returns {Promise<Notice[]>} */
export const listNotices = async (after) => (await call(after === null ? '/api/notifications' : `/api/notifications?after=${after}`, { quiet: true })).data;

/** @returns {Promise<string>} the key that a browser subscribes with */
export const getPushKey = async () => (await call('/api/push/key')).data.public_key;

/** @returns {Promise<Device[]>} */
export const listSubscriptions = async () => (await call('/api/push/subscriptions', { quiet: true })).data;

/** @param {{ endpoint: string, keys: { p256dh: string, auth: string }, name: string }} browser @returns {Promise<Device>} */
export const createSubscription = async (browser) => (await call('/api/push/subscriptions', { method: 'POST', body: browser })).data;

/** @param {number} id */
export const deleteSubscription = async (id) => void (await call(`/api/push/subscriptions/${id}`, { method: 'DELETE' }));

/** @param {number} id */
export const testSubscription = async (id) => void (await call(`/api/push/subscriptions/${id}/test`, { method: 'POST' }));

/** @param {number} id @param {string} pause such as "10 minutes" @returns {Promise<Reminder>} */
export const snoozeReminder = async (id, pause) => (await call(`/api/reminders/${id}/snooze`, { method: 'POST', body: { for: pause } })).data;

/** @param {number} id */
export const readNotice = async (id) => void (await call(`/api/notifications/${id}/read`, { method: 'POST' }));

/**
 * What happened to a task and all others of its chain, newest first.
 *
 * @param {number} id
 * @param {number} offset
 * @param {number} limit
 * @returns {Promise<{ entries: AuditLogEntry[], total: number }>}
 */
export async function listAudit(id, offset, limit) {
  const { data, headers } = await call(`/api/audit?${new URLSearchParams({ task_id: `${id}`, chain: 'true', limit: `${limit}`, offset: `${offset}` })}`);
  return { entries: data, total: Number(headers.get('X-Total-Count')) };
}

/**
 * Says something to the assistant.
 *
 * @param {{ message: string, conversation_id: string, time_zone: string, confirms?: string }} message
 * @param {AbortSignal} signal
 * @param {(response: Response) => Promise<string>} read takes the answer, which may come as a stream
 * @returns {Promise<ChatAnswer>}
 */
export const sendChat = async (message, signal, read) =>
  (await call('/api/chat', { method: 'POST', body: message, headers: { Accept: 'text/event-stream, application/json' }, signal, within: CHAT_MAX, read })).data;

/** @param {string} id @returns {Promise<Conversation>} */
export const getConversation = async (id) => (await call(`/api/chat/${id}`, { quiet: true })).data;

/** @param {string} id */
export const forgetConversation = async (id) => void (await call(`/api/chat/${id}`, { method: 'DELETE', quiet: true }));

/** What a line would become as a task. @param {string} text @param {string} time_zone @param {AbortSignal} signal @returns {Promise<Draft>} */
export const draftTask = async (text, time_zone, signal) => (await call('/api/chat/draft', { method: 'POST', body: { text, time_zone }, signal, within: DRAFT_MAX, quiet: true })).data;
