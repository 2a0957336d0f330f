// The REST API, as tests/contract/openapi.yaml describes it: calls, problems (RFC 9457), and the types of what travels.

import { Key, keep, kept } from './kept.js';

/** @typedef {'low' | 'medium' | 'high'} Priority */
/** @typedef {'pending' | 'completed'} Status */
/** @typedef {'none' | 'daily' | 'weekly' | 'monthly'} Frequency */

/**
 * @typedef {object} Task
 * @property {number} id
 * @property {string} title
 * @property {string} description
 * @property {string | null} due_date RFC 3339, UTC
 * @property {string} time_zone IANA name
 * @property {Frequency | 'custom'} recurrence
 * @property {string | null} recurrence_rule RRULE, where `recurrence` is custom
 * @property {'due' | 'completion'} recurrence_from
 * @property {string | null} recurrence_start
 * @property {number} recurrence_number place in the chain, from 1
 * @property {Priority} priority
 * @property {string[]} tags
 * @property {Status} status
 * @property {string | null} completed_at
 * @property {number | null} parent_task_id
 * @property {string | null} reminder_offset such as "15 minutes"
 * @property {number} version the ETag
 * @property {string} created_at
 * @property {string} updated_at
 */

/**
 * What a PUT can change.
 *
 * @typedef {Partial<Pick<Task, 'title' | 'description' | 'due_date' | 'time_zone' | 'recurrence_rule' | 'recurrence_from' | 'priority' | 'tags' |
 *   'reminder_offset'> & { recurrence: Frequency }>} TaskChange
 */

/**
 * @typedef {object} Filters
 * @property {Status} [status]
 * @property {Priority} [priority]
 * @property {string[]} [tags]
 * @property {'all' | 'any' | 'exact'} [tags_match]
 * @property {string} [due_before]
 * @property {string} [due_after]
 */

/** @typedef {'created_at' | 'updated_at' | 'due_date' | 'priority' | 'title'} SortBy */

/**
 * @typedef {object} Query
 * @property {string} text
 * @property {Filters} filters
 * @property {SortBy} [sort_by]
 * @property {'asc' | 'desc'} [order]
 */

/** @typedef {{ tag: string, count: number }} TagCount */

/**
 * @typedef {object} Notice a notification
 * @property {number} id
 * @property {string} event_type
 * @property {number} task_id
 * @property {string} title
 * @property {string} body
 * @property {string} created_at
 * @property {string | null} read_at
 */

/**
 * @typedef {object} Reminder
 * @property {number} id
 * @property {number} task_id
 * @property {string} scheduled_at
 * @property {string} reminder_offset
 * @property {'pending' | 'sent' | 'failed' | 'cancelled'} status
 */

/**
 * @typedef {object} AuditLogEntry
 * @property {number} id
 * @property {string} event_type
 * @property {number} task_id
 * @property {number | null} parent_task_id
 * @property {string} created_at
 * @property {{ data?: { task_data?: Task, scheduled_at?: string, reminder_offset?: string } }} event_data the whole CloudEvent
 */

/** @typedef {Pick<Task, 'id' | 'title' | 'status' | 'priority' | 'due_date'>} TaskCard what a person knows a task by */

/**
 * @typedef {object} Action one thing that the assistant did, or tried to
 * @property {string} tool
 * @property {'done' | 'failed' | 'asked'} status
 * @property {boolean} changes whether it is of the kind that changes something
 * @property {TaskCard[]} tasks that it was about, some of them if there are many
 * @property {string} detail what happened, for a person
 */

/** @typedef {{ id: string, text: string, tasks: TaskCard[], count: number }} Question what a person is asked before it is done */
/** @typedef {'gemini' | 'offline'} Assistant */

/**
 * @typedef {object} ChatAnswer
 * @property {string} response Markdown
 * @property {string} conversation_id
 * @property {Action[]} actions
 * @property {Assistant} assistant
 * @property {Question | null} question
 */

/**
 * @typedef {object} Exchange a message and what came of it
 * @property {string} at when it came
 * @property {string} message
 * @property {string} response
 * @property {Action[]} actions
 * @property {Assistant} assistant
 * @property {'open' | 'answered' | 'failed'} status how far it is
 * @property {string | null} problem why it was not answered to its end
 */

/** @typedef {{ conversation_id: string, history: Exchange[], question: Question | null }} Conversation */

/**
 * @typedef {object} Draft what a line was read as
 * @property {(TaskChange & { title: string }) | null} task null where it names none
 * @property {{ start: number, end: number, kind: 'date' | 'time' | 'recurrence' | 'tag' | 'priority' | 'reminder' | 'task', meaning: string }[]} parts
 * @property {{ kind: 'assumed' | 'missed', text: string }[]} notes
 */

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

/** @returns {Promise<TagCount[]>} */
export const listTags = async () => (await call('/api/tags', { quiet: true })).data;

/** @param {number} id of the task @returns {Promise<Reminder[]>} */
export const listReminders = async (id) => (await call(`/api/reminders?task_id=${id}`)).data;

/** @param {number | null} after an id @returns {Promise<Notice[]>} */
export const listNotices = async (after) => (await call(after === null ? '/api/notifications' : `/api/notifications?after=${after}`, { quiet: true })).data;

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
