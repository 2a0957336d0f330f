// The conversation with the assistant, as this browser knows it. The service keeps it; here it is kept for a reload, with what could
// not be sent, so that no message is lost.

import { Problem, forgetConversation, getConversation, isAborted, newKey, sendChat, textOf } from './api.js';
import { readAnswer } from './answer.js';
import { Key, keep, kept } from './kept.js';
import { here } from './time.js';

/** Messages that are kept. */
const KEPT_MAX = 100;
/** How often, and after how many milliseconds each time, the service is asked for an answer that a reload or a lost connection missed. */
const LOOKS_MAX = 40;
const LOOK_EVERY = 1_500;
const STORE = 'taskflow.chat';
/** What is said of a message that has no answer yet, and is none that this page waits for. */
const OPEN = 'Not answered yet.';
/** Milliseconds by which the clock of the service may differ from this one. */
const SKEW = 60_000;

/**
 * @typedef {object} Message
 * @property {'person' | 'assistant'} from
 * @property {string} text
 * @property {import('./api.js').Action[]} [actions]
 * @property {import('./api.js').Question | null} [question]
 * @property {import('./api.js').Assistant} [assistant]
 * @property {'coming' | 'refused'} [state] of a message: its answer is on its way, or there is none
 * @property {number} [sentAt] when it was sent, in milliseconds
 * @property {string} [problem] why it was not answered
 */

/** What was said, without what was sent again after it failed. @param {import('./api.js').Exchange[]} history @returns {Message[]} */
function messagesOf(history) {
  const isAgain = (/** @type {import('./api.js').Exchange} */ { message, response, actions }, /** @type {number} */ at) =>
    !response && actions.length === 0 && history[at + 1]?.message === message;
  return history
    .filter((exchange, at) => !isAgain(exchange, at))
    .flatMap(({ message, response, actions, assistant, status, problem }) => {
      const why = status === 'open' ? OPEN : problem;
      /** @type {Message} */
      const said = { from: 'person', text: message, ...(why ? { problem: why } : {}) };
      return response || actions.length ? [said, { from: 'assistant', text: response, actions, assistant }] : [said];
    });
}

/** Dispatches `change` when there is something else to show, `acted` when the assistant changed something. */
export class Talk extends EventTarget {
  /** @type {Message[]} */
  messages = [];
  #id = kept(Key.conversation);
  /** @type {AbortController | null} */
  #flight = null;

  constructor() {
    super();
    try {
      const found = JSON.parse(sessionStorage.getItem(STORE) ?? '');
      if (found.id === this.#id && Array.isArray(found.messages)) this.messages = found.messages;
    } catch {
      // Nothing was kept.
    }
  }

  /** Whether an answer is on its way. */
  get isWaiting() {
    return this.#flight !== null;
  }

  /** What a person is asked; the next message answers it. */
  get question() {
    return this.isWaiting ? null : (this.messages.at(-1)?.question ?? null);
  }

  /** Who answered last. */
  get assistant() {
    return this.messages.findLast(({ assistant }) => assistant)?.assistant ?? null;
  }

  #changed() {
    this.messages.splice(0, this.messages.length - KEPT_MAX);
    try {
      sessionStorage.setItem(STORE, JSON.stringify({ id: this.#id, messages: this.messages }));
    } catch {
      // For this page only, then.
    }
    this.dispatchEvent(new Event('change'));
  }

  /** Takes up what the service has of it, with the answer to what was asked before a reload. */
  async resume() {
    if (this.#id === null || this.isWaiting) return;
    const last = this.messages.at(-1);
    const flight = new AbortController();
    if (last?.state === 'coming') {
      this.#flight = flight;
      this.#changed();
      await this.#recover(last, flight, 'The page was left before there was an answer.');
      return;
    }
    // Without the service, what was kept here is what there is.
    await this.#look(flight).catch(() => null);
    this.#changed();
  }

  /**
   * Asks for the conversation, and takes what is new in it.
   *
   * @param {AbortController} flight
   * @returns {Promise<'answered' | 'open' | 'unknown'>} what the service has of the message whose answer is missed
   */
  async #look(flight) {
    const id = this.#id;
    if (id === null) return 'unknown';
    const { history, question } = await getConversation(id);
    if (id !== this.#id || flight.signal.aborted || (this.#flight !== null && this.#flight !== flight)) return 'unknown';
    const coming = this.messages.find(({ state }) => state === 'coming');
    const last = history.at(-1);
    const isIt = coming && last?.message === coming.text && Date.parse(last.at) >= (coming.sentAt ?? 0) - SKEW;
    const state = !isIt ? 'unknown' : last.status === 'open' ? 'open' : 'answered';
    const answered = messagesOf(state === 'open' ? history.slice(0, -1) : history);
    const end = answered.at(-1);
    if (end && question) end.question = question;
    // What failed before the service had it is nowhere but here.
    const refused = this.messages.filter((own) => own.state === 'refused' && !history.some(({ message }) => message === own.text));
    const messages = [...answered, ...refused, ...(coming && state !== 'answered' ? [coming] : [])];
    // What is the same stays the same, or it would be shown, and read out, once more.
    const known = new Map(this.messages.map((message) => [JSON.stringify(message), message]));
    this.messages = messages.map((message) => known.get(JSON.stringify(message)) ?? message);
    return state;
  }

  /**
   * Waits for an answer that this page did not get to its end: the service finishes it all the same.
   *
   * @param {Message} message
   * @param {AbortController} flight
   * @param {string} reason what is said if there is none
   */
  async #recover(message, flight, reason) {
    let state = 'open';
    for (let looks = 0; looks < LOOKS_MAX && state === 'open' && !flight.signal.aborted; looks += 1) {
      if (looks > 0) await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
      // A service that is away now may be back at the next look, but that it has the message is not known before.
      state = await this.#look(flight).catch(() => (looks === 0 ? 'unknown' : 'open'));
    }
    if (this.#flight !== flight) return;
    this.#flight = null;
    if (state === 'answered') this.dispatchEvent(new Event('acted'));
    else Object.assign(message, { state: 'refused', problem: reason });
    this.#changed();
  }

  /** Another conversation; this one is forgotten, here and by the service. */
  begin() {
    const old = this.#id;
    this.#flight?.abort();
    this.#flight = null;
    this.#id = null;
    this.messages = [];
    keep(Key.conversation, null);
    this.#changed();
    // It ends by itself after a while, if it cannot be forgotten now.
    if (old !== null) forgetConversation(old).catch(() => {});
  }

  /** @param {string} text @param {string} [confirms] the question that it says yes to */
  async say(text, confirms) {
    if (this.isWaiting) return;
    /** @type {Message} */
    const message = { from: 'person', text };
    this.messages.push(message);
    await this.send(message, confirms);
  }

  /** Sends a message, or sends it again. @param {Message} message @param {string} [confirms] */
  async send(message, confirms) {
    if (this.isWaiting) return;
    if (this.#id === null) {
      // Chosen here, so that an answer can be found whose beginning never came.
      this.#id = newKey();
      keep(Key.conversation, this.#id);
    }
    const flight = new AbortController();
    this.#flight = flight;
    // What is sent again is said now.
    this.messages = [...this.messages.filter((other) => other !== message), message];
    delete message.problem;
    Object.assign(message, { state: 'coming', sentAt: Date.now() });
    /** @type {Message} */
    const answer = { from: 'assistant', text: '', actions: [] };
    this.#changed();
    try {
      await this.#receive(message, answer, flight, confirms);
    } catch (error) {
      if (isAborted(error) || this.#flight !== flight) return;
      this.messages = this.messages.filter((other) => other !== answer);
      // The service may have it, and may be at it still.
      if (error instanceof Problem && error.status === 0) {
        await this.#recover(message, flight, textOf(error));
        return;
      }
      const isMissing = error instanceof Problem && (error.status === 404 || error.status === 405);
      const problem = isMissing ? 'This Taskflow has no assistant. Your tasks, and all else on this page, work without it.' : textOf(error);
      Object.assign(message, { state: 'refused', problem });
      this.#flight = null;
      this.#changed();
    }
  }

  /** @param {Message} message @param {Message} answer @param {AbortController} flight @param {string} [confirms] */
  async #receive(message, answer, flight, confirms) {
    const show = () => {
      if (this.#flight !== flight) return;
      if (!this.messages.includes(answer)) this.messages.push(answer);
      this.dispatchEvent(new Event('change'));
    };
    const on = {
      text: (/** @type {string} */ text) => {
        answer.text += text;
        show();
      },
      action: (/** @type {import('./api.js').Action} */ action) => {
        answer.actions?.push(action);
        if (action.changes) this.dispatchEvent(new Event('acted'));
        show();
      },
    };
    const sent = { message: message.text, time_zone: here(), conversation_id: this.#id ?? '', ...(confirms ? { confirms } : {}) };
    const { response, actions, assistant, question } = await sendChat(sent, flight.signal, (came) => readAnswer(came, on));
    if (this.#flight !== flight) return;
    Object.assign(answer, { text: response, actions, assistant, ...(question ? { question } : {}) });
    delete message.state;
    delete message.sentAt;
    this.#flight = null;
    if (!this.messages.includes(answer)) this.messages.push(answer);
    if (actions.some(({ changes }) => changes)) this.dispatchEvent(new Event('acted'));
    this.#changed();
  }
}
