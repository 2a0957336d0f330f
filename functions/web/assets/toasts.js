// Short messages: what was done, with an undo button; errors; reminders. Parts of the page are loaded here, because a toast reports a
// failure.

import { byId, h, icon, setText } from './dom.js';

/** Maximum toasts; the oldest goes first. */
const TOASTS_MAX = 3;
/** Seconds that a toast without a button stays. */
const SECONDS = 6;
/** Seconds for a toast with a button: enough to reach it by keyboard. */
const SECONDS_WITH_ACTION = 10;
/** Milliseconds before loading a part is first retried, and maximum pause. */
const RETRY_MIN = 500;
const RETRY_MAX = 10_000;

/** @typedef {{ label: string, run: () => void, about?: string }} Action `about` replaces the label for screen readers and contains it */
/**
 * @typedef {object} ToastOptions
 * @property {string} [title]
 * @property {'plain' | 'bad' | 'reminder'} [kind] `bad` and `reminder` interrupt a screen reader
 * @property {boolean} [sticky] stays until it is dismissed
 * @property {Action[]} [actions] the last one is the most important
 */

/** @typedef {{ remove: () => void, say: (text: string) => void, isShown: () => boolean }} Toast */

/**
 * @param {string} text
 * @param {ToastOptions} [options]
 * @returns {Toast}
 */
export function toast(text, { title, kind = 'plain', sticky = false, actions = [] } = {}) {
  const region = byId(kind === 'plain' ? 'toasts-polite' : 'toasts-urgent', HTMLElement);
  const words = h('p', { className: 'toast-text', dir: 'auto', textContent: text });
  const buttons = actions.map(({ label, run, about = null }) => {
    const press = () => {
      remove();
      run();
    };
    return h('button', { className: 'quiet', textContent: label, 'aria-label': about, onclick: press });
  });
  const dismiss = h('button', { className: 'icon-button small', 'aria-label': 'Dismiss', onclick: remove }, icon('close'));
  const element = h('div', { className: `toast ${kind}` }, h('div', { className: 'grow' }, title ? h('p', { className: 'toast-title', dir: 'auto', textContent: title }) : null, words), ...buttons, dismiss);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  function remove() {
    clearTimeout(timer);
    element.remove();
  }
  function start() {
    clearTimeout(timer);
    if (!sticky) timer = setTimeout(remove, (actions.length ? SECONDS_WITH_ACTION : SECONDS) * 1000);
  }
  for (const name of ['pointerenter', 'focusin']) element.addEventListener(name, () => clearTimeout(timer));
  for (const name of ['pointerleave', 'focusout']) element.addEventListener(name, start);
  region.append(element);
  while (region.children.length > TOASTS_MAX) region.firstElementChild?.remove();
  start();
  const say = (/** @type {string} */ more) => {
    setText(words, more);
    for (const extra of buttons.slice(0, -1)) extra.remove();
    start();
  };
  return { remove, say, isShown: () => element.isConnected };
}

/** Elements outside an open modal dialog are inert, so the toasts move into the topmost one. */
export function placeToasts() {
  const home = [...document.querySelectorAll('dialog[open]')].at(-1) ?? document.body;
  const toasts = byId('toasts', HTMLElement);
  if (toasts.parentElement !== home) home.append(toasts);
}

/**
 * Loads a part, and retries with growing pauses, so that it opens as soon as the service is reachable.
 *
 * @template T
 * @param {() => Promise<T>} load an `import()`
 * @returns {Promise<T>}
 */
export async function part(load) {
  for (let wait = RETRY_MIN; ; wait = Math.min(wait * 2, RETRY_MAX)) {
    try {
      return await load();
    } catch (error) {
      // The error of a module that could not be loaded.
      if (!(error instanceof TypeError)) throw error;
      if (wait === RETRY_MIN) toast('A part of the page could not be loaded. Retrying.', { kind: 'bad' });
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}
