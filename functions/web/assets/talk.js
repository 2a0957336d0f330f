// The conversation with the assistant, as this browser knows it. The service stores it; a copy is kept here for a reload, with messages that could
// not be sent.

import { Problem, forgetConversation, getConversation, isAborted, newKey, sendChat, textOf } from './api.js';
import { readAnswer } from './answer.js';
import { Key, keep, kept } from './kept.js';
import { here } from './time.js';

/** Maximum messages stored. */
const KEPT_MAX = 100;
/** Number and pause of requests for an answer that a reload or a lost connection missed. */
const LOOKS_MAX = 40;
const LOOK_EVERY = 1_500;
const STORE = 'taskflow.chat';
/** Text of a message that has no answer yet, and for which this page does not wait. */
const OPEN = 'Not answered yet.';
/** Maximum difference between the service's clock and this one, in milliseconds. */
const SKEW = 60_000;

/**
 * @typedef {object} Message
 * @property {'person' | 'assistant'} from
 * @property {string} text
 * @property {import('./api.js').Action[]} [actions]
 * @property {import('./api.js').Question | null} [question]
 * @property {import('./api.js').Assistant} [assistant]
 * @property {'coming' | 'refused'} [state] of a message: its answer is on its way, or it failed
 * @property {number} [sentAt] when it was sent, in milliseconds
 * @property {string} [problem] why it failed
 */

/** Returns the messages, without those that were sent again after a failure. @param {import('./api.js').Exchange[]} history @returns {Message[]} */
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

/** Dispatches `change` when the conversation has changed, `acted` when the assistant changed data. */
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
      // Nothing was stored.
    }
  }

  /** True if an answer is on its way. */
  get isWaiting() {
    return this.#flight !== null;
  }

  /** The open question, which the next message answers. */
  get question() {
    return this.isWaiting ? null : (this.messages.at(-1)?.question ?? null);
  }

  /** The assistant that answered last. */
  get assistant() {
    return this.messages.findLast(({ assistant }) => assistant)?.assistant ?? null;
  }

  #changed() {
    this.messages.splice(0, this.messages.length - KEPT_MAX);
    try {
      sessionStorage.setItem(STORE, JSON.stringify({ id: this.#id, messages: this.messages }));
    } catch {
      // If it cannot be stored, the conversation is lost at a reload.
    }
    this.dispatchEvent(new Event('change'));
  }

  /** Loads the service's copy, including an answer requested before a reload. */
  async resume() {
    if (this.#id === null || this.isWaiting) return;
    const last = this.messages.at(-1);
    const flight = new AbortController();
    if (last?.state === 'coming') {
      this.#flight = flight;
      this.#changed();
      await this.#recover(last, flight, 'The page was closed before the answer arrived.');
      return;
    }
    // Without the service, the stored copy is shown.
    await this.#look(flight).catch(() => null);
    this.#changed();
  }

  /**
   * Loads the conversation, and adds what is new.
   *
   * @param {AbortController} flight
   * @returns {Promise<'answered' | 'open' | 'unknown'>} the service's state of the message whose answer is missing
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
    // Messages that failed before the service had them exist only here.
    const refused = this.messages.filter((own) => own.state === 'refused' && !history.some(({ message }) => message === own.text));
    const messages = [...answered, ...refused, ...(coming && state !== 'answered' ? [coming] : [])];
    // Unchanged messages stay the same objects, because a screen reader would read them again.
    const known = new Map(this.messages.map((message) => [JSON.stringify(message), message]));
    this.messages = messages.map((message) => known.get(JSON.stringify(message)) ?? message);
    return state;
  }

  /**
   * Waits for an answer that this page did not receive completely; the service finishes it anyway.
   *
   * @param {Message} message
   * @param {AbortController} flight
   * @param {string} reason shown if there is no answer
   */
  async #recover(message, flight, reason) {
    let state = 'open';
    for (let looks = 0; looks < LOOKS_MAX && state === 'open' && !flight.signal.aborted; looks += 1) {
      if (looks > 0) await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
      // The service may be back at the next attempt; until then it is unknown whether it has the message.
      state = await this.#look(flight).catch(() => (looks === 0 ? 'unknown' : 'open'));
    }
    if (this.#flight !== flight) return;
    this.#flight = null;
    if (state === 'answered') this.dispatchEvent(new Event('acted'));
    else Object.assign(message, { state: 'refused', problem: reason });
    this.#changed();
  }

  /** Starts another conversation, and deletes this one here and in the service. */
  begin() {
    const old = this.#id;
    this.#flight?.abort();
    this.#flight = null;
    this.#id = null;
    this.messages = [];
    keep(Key.conversation, null);
    this.#changed();
    // It expires by itself if it cannot be deleted now.
    if (old !== null) forgetConversation(old).catch(() => {});
  }

  /** @param {string} text @param {string} [confirms] the question that it confirms */
  async say(text, confirms) {
    if (this.isWaiting) return;
    /** @type {Message} */
    const message = { from: 'person', text };
    this.messages.push(message);
    await this.send(message, confirms);
  }

  /** Sends a message, also again. @param {Message} message @param {string} [confirms] */
  async send(message, confirms) {
    if (this.isWaiting) return;
    if (this.#id === null) {
      // Chosen here, so that the answer can be found even if its beginning never arrived.
      this.#id = newKey();
      keep(Key.conversation, this.#id);
    }
    const flight = new AbortController();
    this.#flight = flight;
    // A repeated message moves to the end.
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
      // The service may have it and still be working on it.
      if (error instanceof Problem && error.status === 0) {
        await this.#recover(message, flight, textOf(error));
        return;
      }
      const isMissing = error instanceof Problem && (error.status === 404 || error.status === 405);
      const problem = isMissing ? 'This Taskflow has no assistant. Everything else on this page works without it.' : textOf(error);
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
