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
/** @typedef {{ text: string, filters: Filters, sort_by?: SortBy, order?: 'asc' | 'desc', trash?: boolean }} Query */
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
 * What first.js has begun: the answer to the first question, and what is kept of it here.
 *
 * @typedef {object} First
 * @property {string} path
 * @property {string} token
 * @property {Promise<Response> | null} response
 * @property {string} key of the list
 * @property {Promise<{ list?: any, changes: any[] } | null>} kept
 */
export const first = /** @type {First} */ (Reflect.get(window, 'first'));

/** The answer that first.js has asked for, if it is this one; once, for after that it is old. @param {string} path @param {string} used the token */
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

/**
 * Calls the API with a file, or for one: however long it takes.
 *
 * @param {string} path
 * @param {Blob | string} [file] what is sent; without one the call is a GET
 * @param {boolean} [isFile] whether a file is answered: its content and its name
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

/** A key for one attempt to create something: trying again after a lost answer makes no second one. */
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** A UUID; `crypto.randomUUID` is missing from a page that came by plain HTTP from another machine. */
export function newUid() {
  const hex = newKey();
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
}

/**
 * A page of the tasks that match, and how many do.
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

/** For good. */
export const emptyTrash = async () => void (await call('/api/trash', { method: 'DELETE' }));

/** When the task is due next. @param {number} id @param {number} limit @returns {Promise<import('../api.d.ts').Occurrence[]>} */
export const listOccurrences = async (id, limit) => (await call(`/api/tasks/${id}/occurrences?limit=${limit}`, { quiet: true })).data;

/** @param {number} task_id @param {string} reminder_offset @returns {Promise<Reminder>} */
export const addReminder = async (task_id, reminder_offset) => (await call('/api/reminders', { method: 'POST', body: { task_id, reminder_offset } })).data;

/** @param {number} id */
export const cancelReminder = async (id) => void (await call(`/api/reminders/${id}`, { method: 'DELETE' }));

/** @param {number} id @returns {Promise<Task>} */
export const getTask = async (id) => (await call(`/api/tasks/${id}`)).data;

/** How each kind of change is called. @type {Record<import('./outbox.js').Change['kind'], (change: import('./outbox.js').Change) => [string, string]>} */
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
/** Those that would be done twice if they were sent twice. */
const ONCE = new Set(['create', 'skip', 'undo']);

/**
 * Sends a change; nobody is asked for the token, because nobody may be there.
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
