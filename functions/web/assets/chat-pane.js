// <chat-pane>: the assistant beside the tasks. What was said stays for this visit; a message that was not answered says why and can
// be sent again, so that none is lost.

import { tasks } from './actions.js';
import { Problem, isAborted, sendChat, textOf } from './api.js';
import { h, icon, newId } from './dom.js';
import { here } from './time.js';
import { show } from './view.js';

/** Messages that are kept. */
const KEPT_MAX = 100;
/** Characters of a message. */
const MESSAGE_MAX = 4_000;
const STORE = 'taskflow.chat';

/** @typedef {{ from: 'person' | 'assistant', text: string, actions?: unknown[], problem?: string }} Message */
/** @typedef {{ id: string | null, messages: Message[] }} Conversation */

/** @returns {Conversation} */
function restore() {
  try {
    const found = JSON.parse(sessionStorage.getItem(STORE) ?? '');
    if (Array.isArray(found.messages)) return found;
  } catch {
    // Nothing was kept.
  }
  return { id: null, messages: [] };
}

/** The task that an action was about, if it names one. @param {unknown} action */
function taskOf(action) {
  const id = typeof action === 'object' && action !== null && 'task_id' in action ? action.task_id : null;
  return typeof id === 'number' ? id : null;
}

export class ChatPane extends HTMLElement {
  #talk = restore();
  /** What shows each message, as it was drawn. @type {WeakMap<Message, { element: HTMLElement, problem: string | undefined }>} */
  #drawn = new WeakMap();
  #thinking = h('p', { className: 'muted', textContent: 'Thinking…' });
  #hello = this.#welcome();
  /** @type {AbortController | null} */
  #flight = null;
  #log = h('div', { className: 'chat-log', role: 'log', 'aria-label': 'Conversation', tabIndex: 0 });
  #input = h('textarea', { id: newId(), rows: 2, maxLength: MESSAGE_MAX, placeholder: 'Ask or tell: “what is overdue?”', enterKeyHint: 'send' });
  #send = h('button', { className: 'primary', textContent: 'Send' });
  #anew = h('button', { type: 'button', className: 'quiet', textContent: 'New conversation', onclick: () => this.#begin() });

  connectedCallback() {
    if (this.#log.isConnected) return;
    const form = h('form', { className: 'chat-form', noValidate: true }, h('label', { className: 'sr', for: this.#input.id, textContent: 'Message to the assistant' }), this.#input, this.#send);
    const close = h('button', { type: 'button', className: 'icon-button', 'aria-label': 'Close the assistant', onclick: () => this.dispatchEvent(new Event('close')) }, icon('close'));
    this.replaceChildren(h('div', { className: 'pane-bar' }, close, h('h2', { className: 'grow', textContent: 'Assistant' }), this.#anew), this.#log, form);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#input.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#submit();
    });
    this.#draw();
  }

  /** Puts the focus where a person writes. */
  enter() {
    this.#input.focus();
  }

  #begin() {
    this.#flight?.abort();
    this.#flight = null;
    this.#talk = { id: null, messages: [] };
    this.#changed();
    this.enter();
  }

  #submit() {
    const text = this.#input.value.trim();
    if (!text || this.#flight) return;
    this.#input.value = '';
    /** @type {Message} */
    const message = { from: 'person', text };
    this.#talk.messages.push(message);
    void this.#ask(message);
  }

  /** @param {Message} message */
  async #ask(message) {
    delete message.problem;
    const talk = this.#talk;
    const flight = new AbortController();
    this.#flight = flight;
    this.#changed();
    try {
      const answer = await sendChat({ message: message.text, time_zone: here(), ...(talk.id ? { conversation_id: talk.id } : {}) }, flight.signal);
      if (talk !== this.#talk) return;
      talk.id = answer.conversation_id;
      talk.messages.push({ from: 'assistant', text: answer.response, actions: answer.actions ?? [] });
      if (answer.actions?.length) tasks.refreshSoon();
    } catch (error) {
      if (isAborted(error) || talk !== this.#talk) return;
      const isMissing = error instanceof Problem && error.status === 404;
      message.problem = isMissing ? 'This Taskflow has no assistant. Your tasks, and all else on this page, work without it.' : textOf(error);
    } finally {
      if (this.#flight === flight) this.#flight = null;
      this.#changed();
    }
  }

  #changed() {
    this.#talk.messages.splice(0, this.#talk.messages.length - KEPT_MAX);
    try {
      sessionStorage.setItem(STORE, JSON.stringify(this.#talk));
    } catch {
      // For this page only, then.
    }
    this.#draw();
  }

  #draw() {
    const { messages } = this.#talk;
    const items = messages.map((message) => this.#item(message));
    if (this.#flight) items.push(this.#thinking);
    if (!items.length) items.push(this.#hello);
    // What is there already stays where it is, or a screen reader would read all of it again.
    for (const child of [...this.#log.children]) if (!items.includes(/** @type {HTMLElement} */ (child))) child.remove();
    for (const [at, item] of items.entries()) if (this.#log.children[at] !== item) this.#log.insertBefore(item, this.#log.children[at] ?? null);
    this.#log.scrollTop = this.#log.scrollHeight;
    this.#anew.hidden = messages.length === 0;
    if (this.#flight) this.#send.setAttribute('aria-disabled', 'true');
    else this.#send.removeAttribute('aria-disabled');
  }

  #welcome() {
    const examples = ['What is overdue?', 'Add pay rent monthly on the 1st at 9 #home !high'];
    const use = (/** @type {string} */ text) => {
      this.#input.value = text;
      this.enter();
    };
    return h('div', { className: 'welcome' }, h('p', { textContent: 'Tell the assistant what to do, in your words. For example:' }), ...examples.map((text) => h('button', { type: 'button', className: 'pill', textContent: text, onclick: () => use(text) })));
  }

  /** @param {Message} message @returns {HTMLElement} */
  #item(message) {
    const drawn = this.#drawn.get(message);
    if (drawn && drawn.problem === message.problem) return drawn.element;
    const element = this.#make(message);
    this.#drawn.set(message, { element, problem: message.problem });
    return element;
  }

  /** @param {Message} message */
  #make(message) {
    const { from, text, actions = [], problem } = message;
    const links = actions.map(taskOf).filter((id) => id !== null);
    return h(
      'div',
      { className: `message ${from}` },
      h('span', { className: 'sr', textContent: from === 'person' ? 'You: ' : 'Assistant: ' }),
      h('p', { textContent: text }),
      links.length > 0 && h('div', { className: 'line' }, ...[...new Set(links)].map((id) => h('button', { type: 'button', className: 'pill', textContent: tasks.get(id)?.title ?? `Task ${id}`, onclick: () => show({ task: id }) }))),
      problem && h('div', { className: 'chat-problem', role: 'alert' }, h('p', { textContent: problem }), h('button', { type: 'button', textContent: 'Send again', onclick: () => void (this.#flight ? undefined : this.#ask(message)) })),
    );
  }
}

customElements.define('chat-pane', ChatPane);
