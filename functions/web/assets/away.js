// <away-banner>: one line while the service is unreachable: which list is shown, how old it is, and how many changes wait.

import { tasks } from './actions.js';
import { Problem, textOf } from './api.js';
import { h, setText } from './dom.js';
import { inWords } from './time.js';

/** Milliseconds after which an unsent change counts as waiting. */
const PATIENCE = 1_500;

export class AwayBanner extends HTMLElement {
  #words = h('p', { className: 'grow', role: 'status' });
  #again = h('button', { className: 'quiet', textContent: 'Try now', onclick: () => this.#try() });
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** True if changes have waited for a while. */
  #isLong = false;

  connectedCallback() {
    this.append(this.#words, this.#again);
    tasks.addEventListener('change', () => this.#draw());
    tasks.outbox.addEventListener('change', () => this.#draw());
    this.#draw();
  }

  #try() {
    tasks.outbox.flush();
    void tasks.refresh();
  }

  #draw() {
    const { failure, outbox, total, answeredAt } = tasks;
    const waiting = outbox.waiting.length;
    if (!waiting) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#isLong = false;
    } else {
      this.#timer ??= setTimeout(() => {
        this.#isLong = true;
        this.#draw();
      }, PATIENCE);
    }
    const waits = waiting && (outbox.isAway || this.#isLong) ? `${waiting === 1 ? '1 change waits' : `${waiting} changes wait`} on this device.` : '';
    const isCut = failure instanceof Problem && failure.status === 0 && !navigator.onLine;
    const why = failure === null || total === null ? '' : isCut ? 'You are offline.' : textOf(failure);
    const seen = why && answeredAt ? `You see the tasks of ${inWords(answeredAt.toISOString())}.` : '';
    const text = [why, seen, waits].filter(Boolean).join(' ');
    this.hidden = !text;
    setText(this.#words, text);
  }
}

customElements.define('away-banner', AwayBanner);
