// The REST API of tests/contract/openapi.yaml: calls, problems (RFC 9457), and types.

import { capital } from './dom.js';
import { Key, keep, kept } from './kept.js';

/** @typedef {import('../api.d.ts').Task} Task */
/** @typedef {Task['priority']} Priority */
/** @typedef {Task['status']} Status */
/** @typedef {import('../api.d.ts').UpdateTaskBody} TaskChange the fields that a PUT can change */
/** @typedef {import('../api.d.ts').CreateTask} NewTask */
/** @typedef {import('../api.d.ts').SearchTasks} SearchTasks */
/** @typedef {import('../api.d.ts').TaskFilter} Filters */
/** @typedef {NonNullable<SearchTasks['sort_by']>} SortBy */
/** @typedef {{ text: string, filters: Filters, sort_by?: SortBy, order?: 'asc' | 'desc', trash?: boolean }} Query */
/** @typedef {import('../api.d.ts').TagCount} TagCount */
/** @typedef {import('../api.d.ts').Preferences} Preferences */
/** @typedef {import('../api.d.ts').Notification} Notice */
/** @typedef {import('../api.d.ts').Reminder} Reminder */
/** @typedef {import('../api.d.ts').PushSubscription} Device a browser that receives pushes */
/**
 * @typedef {import('../api.d.ts').AuditLogEntry & { event_data: { data?: { task_data?: Task, scheduled_at?: string, reminder_offset?: string } } }}
 *   AuditLogEntry
 */
/** @typedef {import('../api.d.ts').TaskCard} TaskCard the fields that identify a task for the user */
/** @typedef {import('../api.d.ts').Action} Action one tool call of the assistant, successful or not */
/** @typedef {import('../api.d.ts').Question} Question actions that the user must confirm */
/** @typedef {ChatAnswer['assistant']} Assistant */
/** @typedef {import('../api.d.ts').ChatAnswer} ChatAnswer */
/** @typedef {import('../api.d.ts').Exchange} Exchange a message and its outcome */
/** @typedef {import('../api.d.ts').Conversation} Conversation */
/** @typedef {import('../api.d.ts').Draft} Draft the parsed form of a line */

/** Time limit of a call, in milliseconds: includes a cold start, and detects a lost connection. */
const CALL_MAX = 20_000;
/** Time limit of the assistant, in milliseconds. */
const CHAT_MAX = 120_000;
/** Time limit of parsing a line, in milliseconds. The user waits for it only at the Enter key. */
const DRAFT_MAX = 3_000;
/** Maximum attempts with a token that the user enters. */
const TOKENS_MAX = 5;

/** A failed call, from its problem+json; status 0 if there was no answer. */
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

  /** All messages in one line, as text for the user. */
  get text() {
    return this.errors.length ? this.errors.map(({ pointer, detail }) => `${pointer.split('/')[1] ?? ''}: ${detail}`.replace(/^: /, '')).join('; ') : this.message;
  }
}

/**
 * True if the page itself aborted the call, because a newer one replaced it.
 *
 * @param {unknown} error
 */
export const isAborted = (error) => error instanceof DOMException && error.name === 'AbortError';

/**
 * Returns an error's text for the user. Errors that are not problems of the service are defects of the page, and are logged.
 *
 * @param {unknown} error
 * @returns {string}
 */
export function textOf(error) {
  if (error instanceof Problem) return capital(error.text);
  console.error(error);
  return 'This page has a defect; details are in the browser’s console.';
}

/** The access token of this browser; empty if there is none. */
export const token = () => kept(Key.token) ?? '';

/** @param {string} value */
export const setToken = (value) => keep(Key.token, value || null);

/** @type {(wasWrong: boolean) => Promise<boolean>} */
let askToken = () => Promise.resolve(false);

/**
 * Sets the function that asks the user for the token. It returns true if there is another token to try.
 *
 * @param {(wasWrong: boolean) => Promise<boolean>} ask
 */
export function whenTokenIsNeeded(ask) {
  askToken = ask;
}

/** Asks the user for the token, on request. Returns true if there is one now. */
export const enterToken = () => askToken(token() !== '');

/**
 * @typedef {object} CallOptions
 * @property {string} [method]
 * @property {unknown} [body]
 * @property {Record<string, string>} [headers]
 * @property {AbortSignal | undefined} [signal]
 * @property {number} [within] time limit in milliseconds
 * @property {boolean} [quiet] never asks for the token
 * @property {(response: Response) => Promise<string>} [read] reads the text of a streamed answer
 */
/** @typedef {{ data: any, headers: Headers }} CallAnswer */

/**
 * Calls the API. On 401 it asks for the token and retries, unless the call runs in the background.
 *
 * @param {string} path
 * @param {CallOptions} [options]
 * @returns {Promise<CallAnswer>}
 */
export async function call(path, options = {}) {
  for (let tries = 0; ; tries += 1) {
    const used = token();
    const answer = await once(path, options, used);
    if (answer.status !== 401) return answer;
    const isSame = used === token();
    if (tries >= TOKENS_MAX || (isSame && (options.quiet || !(await askToken(used !== ''))))) throw new Problem(401, { detail: 'An access token is required.' });
  }
}

/**
 * What first.js has started: the call for the first list, and the reading of its stored copy.
 *
 * @typedef {object} First
 * @property {string} path
 * @property {string} token
 * @property {Promise<Response> | null} response
 * @property {string} key of the list
 * @property {Promise<{ list?: any, changes: any[] } | null>} kept
 * @property {(key: string) => string} lookOf names everything that decides how the list with this key looks, besides its tasks
 */
export const first = /** @type {First} */ (Reflect.get(window, 'first'));

/** Returns the answer that first.js has requested, if it is for this path and token. Works once, because the answer is stale after that. @param {string} path @param {string} used the token */
function takeFirst(path, used) {
  const { response } = first;
  if (first.path !== path || first.token !== used) return null;
  first.response = null;
  return response;
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
    if (signal?.aborted) throw new DOMException('A newer request replaced this one.', 'AbortError');
    throw new Problem(0, { detail: late.aborted ? 'The service did not answer in time.' : 'The service cannot be reached.' });
  }
  const { status } = response;
  if (status === 401) return { status, data: null, headers: response.headers };
  let data = null;
  try {
    data = text ? JSON.parse(text) : null;
  } catch {
    // A proxy's page, not JSON.
  }
  if (!response.ok) throw new Problem(status, data);
  if (text && data === null) throw new Problem(status, { detail: 'The service’s answer is not JSON.' });
  return { status, data, headers: response.headers };
}

/**
 * Calls the API with a file, or for one. It has no time limit.
 *
 * @param {string} path
 * @param {Blob | string} [file] the body; without it, the call is a GET
 * @param {boolean} [isFile] true if the answer is a file: returns its content and its name
 * @returns {Promise<{ data: any, name: string }>}
 */
export async function callFile(path, file, isFile = false) {
  const used = token();
  /** @type {Record<string, string>} */
  const headers = used ? { Authorization: `Bearer ${used}` } : {};
  const response = await fetch(path, { method: file === undefined ? 'GET' : 'POST', headers, body: file ?? null }).catch(() => {
    throw new Problem(0, { detail: 'The service cannot be reached.' });
  });
  if (!response.ok) throw new Problem(response.status, await response.json().catch(() => null));
  const name = /filename="([^"]+)"/.exec(response.headers.get('Content-Disposition') ?? '')?.[1] ?? '';
  return { data: await (isFile ? response.blob() : response.json()), name };
}

/** Key of one attempt to create something, so that a retry after a lost answer creates no second one. */
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** A UUID. `crypto.randomUUID` is missing on pages loaded by plain HTTP from another machine. */
export function newUid() {
  const hex = newKey();
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
}

/**
 * Returns a page of the matching tasks, and their total number.
 *
 * @param {Query} query
 * @param {number} offset
 * @param {number} limit
 * @param {{ signal?: AbortSignal | undefined, quiet?: boolean }} [options]
 * @returns {Promise<{ tasks: Task[], total: number }>}
 */
export async function findTasks({ text, filters, sort_by, order, trash }, offset, limit, options) {
  if (text) {
    const { data } = await call('/api/tasks/search', { method: 'POST', body: { query: text, filters, sort_by, order, limit, offset }, ...options });
    return { tasks: data.results, total: data.total_count };
  }
  const asked = new URLSearchParams({ limit: String(limit), offset: String(offset) });
  for (const [name, value] of Object.entries({ ...filters, sort_by, order })) if (value !== undefined) asked.set(name, String(value));
  const { data, headers } = await call(`/api/${trash ? 'trash' : 'tasks'}?${asked}`, options);
  return { tasks: data, total: Number(headers.get('X-Total-Count')) };
}

/** Permanently. */
export const emptyTrash = async () => void (await call('/api/trash', { method: 'DELETE' }));

/** Returns the next due dates of a task. @param {number} id @param {number} limit @returns {Promise<import('../api.d.ts').Occurrence[]>} */
export const listOccurrences = async (id, limit) => (await call(`/api/tasks/${id}/occurrences?limit=${limit}`, { quiet: true })).data;

/** @param {number} task_id @param {string} reminder_offset @returns {Promise<Reminder>} */
export const addReminder = async (task_id, reminder_offset) => (await call('/api/reminders', { method: 'POST', body: { task_id, reminder_offset } })).data;

/** @param {number} id */
export const cancelReminder = async (id) => void (await call(`/api/reminders/${id}`, { method: 'DELETE' }));

/** @param {number} id @returns {Promise<Task>} */
export const getTask = async (id) => (await call(`/api/tasks/${id}`)).data;

/** Method and path of each kind of change. @type {Record<import('./outbox.js').Change['kind'], (change: import('./outbox.js').Change) => [string, string]>} */
const CALLS = {
  create: () => ['POST', '/api/tasks'],
  update: ({ id }) => ['PUT', `/api/tasks/${id}`],
  delete: ({ id }) => ['DELETE', `/api/tasks/${id}`],
  complete: ({ id }) => ['POST', `/api/tasks/${id}/complete`],
  reopen: ({ id }) => ['POST', `/api/tasks/${id}/reopen`],
  restore: ({ id }) => ['POST', `/api/tasks/${id}/restore`],
  skip: ({ id }) => ['POST', `/api/tasks/${id}/skip`],
  undo: () => ['POST', '/api/undo'],
  bulk: () => ['POST', '/api/tasks/bulk'],
};
/** Changes that would take effect twice if sent twice. */
const ONCE = new Set(['create', 'skip', 'undo']);

/**
 * Sends a change. Never asks for the token, because no user may be present.
 *
 * @param {import('./outbox.js').Change} change
 * @param {number | null} version that the task is to have; null for any
 * @returns {Promise<{ task: Task | null, change: string | null, results?: import('../api.d.ts').BulkResult[] }>}
 */
export async function sendChange(change, version) {
  const { kind, body, once } = change;
  const [method, path] = CALLS[kind](change);
  /** @type {Record<string, string>} */
  const headers = { ...(version === null ? {} : { 'If-Match': `"${version}"` }), ...(once && ONCE.has(kind) ? { 'Idempotency-Key': once } : {}) };
  const { data, headers: answered } = await call(path, { method, body, headers, quiet: true });
  return kind === 'bulk' ? { task: null, change: null, results: data.results } : { task: data, change: answered.get('Taskflow-Change') };
}

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
 * Lists the events of a task and its chain, newest first.
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
 * Sends a message to the assistant.
 *
 * @param {{ message: string, conversation_id: string, time_zone: string, confirms?: string }} message
 * @param {AbortSignal} signal
 * @param {(response: Response) => Promise<string>} read reads the answer, which may be a stream
 * @returns {Promise<ChatAnswer>}
 */
export const sendChat = async (message, signal, read) =>
  (await call('/api/chat', { method: 'POST', body: message, headers: { Accept: 'text/event-stream, application/json' }, signal, within: CHAT_MAX, read })).data;

/** @param {string} id @returns {Promise<Conversation>} */
export const getConversation = async (id) => (await call(`/api/chat/${id}`, { quiet: true })).data;

/** @param {string} id */
export const forgetConversation = async (id) => void (await call(`/api/chat/${id}`, { method: 'DELETE', quiet: true }));

/** Parses a line as a draft of a task. @param {string} text @param {string} time_zone @param {AbortSignal} signal @returns {Promise<Draft>} */
export const draftTask = async (text, time_zone, signal) => (await call('/api/chat/draft', { method: 'POST', body: { text, time_zone }, signal, within: DRAFT_MAX, quiet: true })).data;
