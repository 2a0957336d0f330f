// <chat-pane>: the assistant beside the tasks. Answers appear as they are written. Actions are listed below them with links to the tasks, and
// questions have buttons. A failed message shows the reason and can be sent again.

import { tasks } from './actions.js';
import { h, icon, newId, setText } from './dom.js';
import { markdown } from './markdown.js';
import { Talk } from './talk.js';
import { dueInFull, dueInWords, groupOf, isOverdue } from './time.js';
import { draftOf, keepDraft } from './store.js';
import { show } from './view.js';

/** Maximum characters of a message, as in the API. */
const MESSAGE_MAX = 4_000;
/** Maximum lines of the message box. */
const LINES_MAX = 6;
/** Tasks of an action that are shown at first. */
const CARDS_MAX = 5;
/** Pixels from the end of the conversation within which it scrolls along. */
const NEAR = 60;

/** Key of the unsent message's draft. */
const DRAFT = 'chat';

const EXAMPLES = ['What is due today?', 'Move everything overdue to tomorrow', 'Add pay rent monthly on the 1st at 9 #home !high', 'Remind me 1 hour before the piano lesson'];

/** @typedef {import('./talk.js').Message} Message */
/** @typedef {import('./api.js').Action} Action */
/** @typedef {import('./api.js').TaskCard} TaskCard */

/** A task in the conversation. A click opens it, unless it is gone. @param {TaskCard} card @param {boolean} isGone */
function cardOf(card, isGone) {
  const known = tasks.get(card.id) ?? card;
  const { title, status, priority, due_date, due_day } = known;
  const due = due_date && h('time', { className: isOverdue(known) ? 'late' : 'muted', dateTime: due_day ?? due_date, title: dueInFull(known), textContent: dueInWords(known) });
  const rest = [priority === 'high' && h('span', { className: 'priority', textContent: 'High' }), due];
  if (isGone) return h('li', {}, h('span', { className: 'card gone' }, h('span', { className: 'grow', dir: 'auto', textContent: title }), ...rest));
  const isDone = status === 'completed';
  const words = h('span', { className: 'grow' }, h('span', { className: 'sr', textContent: 'Open ' }), h('span', { dir: 'auto', textContent: title }), isDone && h('span', { className: 'sr', textContent: ', completed' }));
  return h('li', {}, h('button', { className: isDone ? 'card done' : 'card', onclick: () => show({ task: card.id }) }, words, ...rest));
}

/** @param {TaskCard[]} cards @param {boolean} isGone */
function cardsOf(cards, isGone) {
  if (cards.length === 0) return null;
  const all = h('ul', { className: 'cards plain' }, ...cards.slice(0, CARDS_MAX).map((card) => cardOf(card, isGone)));
  const rest = cards.slice(CARDS_MAX);
  if (rest.length === 0) return all;
  const more = h('button', {
    className: 'quiet',
    textContent: `${rest.length} more`,
    onclick: () => {
      const items = rest.map((card) => cardOf(card, isGone));
      all.append(...items);
      more.remove();
      items[0]?.querySelector('button')?.focus();
    },
  });
  return h('div', {}, all, more);
}

/** An action that was taken, for the user to verify. @param {Action} action */
function actionOf({ tool, status, changes, tasks: cards, detail }) {
  const isDone = status === 'done';
  // The answer reports reads; their tasks can be opened.
  const says = status === 'failed' || (isDone && changes);
  const sign = isDone ? icon(tool === 'delete_task' ? 'trash' : 'check') : icon('close');
  return h('div', { className: `action ${status}` }, says && h('p', { className: 'action-words' }, sign, h('span', { textContent: detail })), status !== 'asked' && cardsOf(cards, isDone && tool === 'delete_task'));
}

/** Due tasks that this page knows. */
function greeting() {
  const hour = new Date().getHours();
  const hello = hour < 5 ? 'Good evening' : hour < 12 ? 'Good morning' : hour < 18 ? 'Good afternoon' : 'Good evening';
  const open = [...tasks.loaded()].map(([, task]) => task).filter(({ status, due_date }) => status === 'pending' && due_date !== null);
  const late = open.filter((task) => isOverdue(task)).length;
  const today = open.filter((task) => groupOf(task, new Date()).name === 'Today').length;
  const count = (/** @type {number} */ number) => (number === 1 ? '1 task is' : `${number} tasks are`);
  const parts = [late && `${count(late)} overdue`, today && `${count(today)} due today`].filter(Boolean);
  return `${hello}. ${parts.length ? `${parts.join(', and ')}.` : 'Nothing is due today.'}`;
}

/** Hides list items of an answer whose tasks are shown as cards below, so that nothing appears twice. @param {HTMLElement[]} answer @param {Action[]} actions */
function withoutCards(answer, actions) {
  const cards = actions.flatMap(({ tasks: some }) => some);
  for (const list of answer.filter((element) => element.matches('ul, ol'))) {
    for (const item of /** @type {HTMLCollectionOf<HTMLElement>} */ (list.children)) {
      const text = item.textContent ?? '';
      item.hidden = cards.some(({ id, title }) => text.includes(`“${title}”`) && text.includes(`#${id}`));
    }
    list.hidden = [.../** @type {HTMLCollectionOf<HTMLElement>} */ (list.children)].every(({ hidden }) => hidden);
  }
  return answer;
}

export class ChatPane extends HTMLElement {
  #talk = new Talk();
  /** The element of each message, and the content it shows. @type {WeakMap<Message, { element: HTMLElement, key: string }>} */
  #drawn = new WeakMap();
  #thinking = h('p', { className: 'muted thinking', textContent: 'Thinking…' });
  #hello = this.#welcome();
  #log = h('div', { className: 'chat-log', role: 'log', 'aria-label': 'Conversation', tabIndex: 0 });
  #input = h('textarea', { id: newId(), rows: 1, dir: 'auto', maxLength: MESSAGE_MAX, placeholder: 'Ask or tell: “what is overdue?”', enterKeyHint: 'send' });
  #send = h('button', { type: 'submit', className: 'primary', textContent: 'Send' });
  #anew = h('button', { className: 'quiet', textContent: 'New conversation', onclick: () => this.#begin() });
  #who = h('span', { className: 'who muted', hidden: true, textContent: 'offline', title: 'No language model is configured. Taskflow’s offline assistant understands everyday sentences.' });
  #frame = 0;

  connectedCallback() {
    if (this.#log.isConnected) return;
    const form = h('form', { className: 'chat-form', noValidate: true }, h('label', { className: 'sr', for: this.#input.id, textContent: 'Message to the assistant' }), this.#input, this.#send);
    const close = h('button', { className: 'icon-button', 'aria-label': 'Close the assistant', onclick: () => this.dispatchEvent(new Event('close')) }, icon('close'));
    this.replaceChildren(h('div', { className: 'pane-bar' }, close, h('h2', { textContent: 'Assistant' }), h('span', { className: 'grow' }, this.#who), this.#anew), this.#log, form);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#input.addEventListener('input', () => {
      keepDraft(DRAFT, this.#input.value);
      this.#fit();
    });
    this.#input.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#submit();
    });
    this.#talk.addEventListener('change', () => this.#drawSoon());
    this.#talk.addEventListener('acted', () => tasks.refreshSoon());
    this.#draw();
    this.#log.scrollTop = this.#log.scrollHeight;
    void this.#talk.resume();
    void draftOf(DRAFT).then((draft) => {
      if (!draft || this.#input.value) return;
      this.#input.value = draft.text;
      this.#fit();
    });
  }

  /** Focuses the message box. */
  enter() {
    this.#input.focus();
  }

  /** Adapts the height to the text, within limits. */
  #fit() {
    this.#input.style.height = 'auto';
    const line = Number.parseFloat(getComputedStyle(this.#input).lineHeight) || 24;
    this.#input.style.height = `${Math.min(this.#input.scrollHeight + 2, line * LINES_MAX)}px`;
  }

  #begin() {
    this.#talk.begin();
    this.enter();
  }

  #submit() {
    const text = this.#input.value.trim();
    if (!text || this.#talk.isWaiting) return;
    this.#input.value = '';
    keepDraft(DRAFT, '');
    this.#fit();
    this.#say(text);
  }

  /** @param {string} text @param {string} [confirms] */
  #say(text, confirms) {
    void this.#talk.say(text, confirms);
    this.#draw();
    this.#log.scrollTop = this.#log.scrollHeight;
  }

  /** Draws pieces of an answer that arrive together at once. */
  #drawSoon() {
    if (this.#frame) return;
    this.#frame = requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const { messages, isWaiting, assistant } = this.#talk;
    const isAtEnd = this.#log.scrollHeight - this.#log.scrollTop - this.#log.clientHeight < NEAR;
    const items = messages.map((message) => this.#item(message));
    if (isWaiting && messages.at(-1)?.from === 'person') items.push(this.#thinking);
    if (!items.length) items.push(this.#hello);
    // Existing elements stay, because a screen reader would read them again.
    for (const child of [...this.#log.children]) if (!items.includes(/** @type {HTMLElement} */ (child))) child.remove();
    for (const [at, item] of items.entries()) if (this.#log.children[at] !== item) this.#log.insertBefore(item, this.#log.children[at] ?? null);
    if (isAtEnd) this.#log.scrollTop = this.#log.scrollHeight;
    this.#anew.hidden = messages.length === 0;
    this.#who.hidden = assistant !== 'offline';
    if (isWaiting) this.#send.setAttribute('aria-disabled', 'true');
    else this.#send.removeAttribute('aria-disabled');
  }

  #welcome() {
    const use = (/** @type {string} */ text) => {
      this.#input.value = text;
      this.#fit();
      this.enter();
    };
    const due = h('p', { className: 'greeting' });
    const greet = () => setText(due, greeting());
    tasks.addEventListener('change', greet);
    greet();
    return h('div', { className: 'welcome' }, due, h('p', { textContent: 'I find, add, change and complete tasks for you. Use your own words, for example:' }), ...EXAMPLES.map((text) => h('button', { className: 'pill', textContent: text, onclick: () => use(text) })));
  }

  /** @param {Message} message @returns {HTMLElement} */
  #item(message) {
    const isComing = message.from === 'assistant' && this.#talk.isWaiting && message === this.#talk.messages.at(-1);
    const isAsking = message.question && message.question === this.#talk.question;
    const key = JSON.stringify([message.text, message.actions, message.problem, isComing, isAsking]);
    const drawn = this.#drawn.get(message);
    if (drawn?.key === key) return drawn.element;
    const element = drawn?.element ?? h('div', { className: `message ${message.from}` });
    // A screen reader waits until the answer is complete.
    element.setAttribute('aria-busy', String(isComing));
    element.replaceChildren(...this.#parts(message, Boolean(isAsking)));
    this.#drawn.set(message, { element, key });
    return element;
  }

  /** @param {Message} message @param {boolean} isAsking @returns {HTMLElement[]} */
  #parts(message, isAsking) {
    const { from, text, actions = [], problem, question } = message;
    if (from === 'assistant') {
      const parts = [h('span', { className: 'sr', textContent: 'Assistant: ' }), h('div', { className: 'markdown', dir: 'auto' }, ...withoutCards(markdown(text), actions)), ...actions.map(actionOf).filter((element) => element.hasChildNodes())];
      if (question && isAsking) parts.push(this.#question(question));
      return parts;
    }
    const parts = [h('span', { className: 'sr', textContent: 'You: ' }), h('p', { dir: 'auto', textContent: text })];
    if (problem) parts.push(h('div', { className: 'chat-problem', role: 'alert' }, h('p', { textContent: problem }), h('button', { textContent: 'Send again', onclick: () => void this.#talk.send(message) })));
    return parts;
  }

  /** @param {import('./api.js').Question} question */
  #question({ id, text, tasks: cards, count }) {
    const title = h('p', { id: newId() });
    setText(title, text);
    const answer = (/** @type {string} */ words, /** @type {string} */ label, /** @type {string} */ className, /** @type {string} */ confirms = '') =>
      h('button', {
        className,
        textContent: label,
        onclick: () => {
          this.#say(words, confirms || undefined);
          this.enter();
        },
      });
    const rest = count - cards.length;
    return h(
      'div',
      { className: 'question', role: 'group', 'aria-labelledby': title.id },
      title,
      cardsOf(cards, false),
      rest > 0 && h('p', { className: 'muted', textContent: `and ${rest} more` }),
      h('div', { className: 'line' }, answer('Yes', 'Yes, do it', 'danger', id), answer('No', 'No', '')),
    );
  }
}

customElements.define('chat-pane', ChatPane);
