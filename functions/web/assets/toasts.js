// Says things in passing: what was done, with a way to undo it; what failed; what a reminder reminds of.

import { byId, h, icon, setText } from './dom.js';

/** Toasts at once; the oldest goes first. */
const TOASTS_MAX = 4;
/** Seconds that one stays if it only tells. */
const SECONDS = 6;
/** The same with something to press: long enough to reach it by keyboard. */
const SECONDS_WITH_ACTION = 12;

/**
 * @typedef {object} ToastOptions
 * @property {string} [title]
 * @property {'plain' | 'bad' | 'reminder'} [kind] `bad` and `reminder` interrupt a screen reader
 * @property {boolean} [sticky] stays until it is dismissed
 * @property {{ label: string, run: () => void }} [action]
 */

/** @typedef {{ remove: () => void, say: (text: string) => void }} Toast */

/**
 * @param {string} text
 * @param {ToastOptions} [options]
 * @returns {Toast}
 */
export function toast(text, { title, kind = 'plain', sticky = false, action } = {}) {
  const region = byId(kind === 'plain' ? 'toasts-polite' : 'toasts-urgent', HTMLElement);
  const words = h('p', { className: 'toast-text', textContent: text });
  const buttons = [h('button', { type: 'button', className: 'icon-button small', 'aria-label': 'Dismiss', onclick: remove }, icon('close'))];
  if (action) {
    const press = () => {
      remove();
      action.run();
    };
    buttons.unshift(h('button', { type: 'button', className: 'quiet', textContent: action.label, onclick: press }));
  }
  const element = h('div', { className: `toast ${kind}` }, h('div', { className: 'grow' }, title ? h('p', { className: 'toast-title', textContent: title }) : null, words), ...buttons);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  function remove() {
    clearTimeout(timer);
    element.remove();
  }
  function start() {
    clearTimeout(timer);
    if (!sticky) timer = setTimeout(remove, (action ? SECONDS_WITH_ACTION : SECONDS) * 1000);
  }
  for (const name of ['pointerenter', 'focusin']) element.addEventListener(name, () => clearTimeout(timer));
  for (const name of ['pointerleave', 'focusout']) element.addEventListener(name, start);
  region.append(element);
  while (region.children.length > TOASTS_MAX) region.firstElementChild?.remove();
  start();
  return { remove, say: (more) => setText(words, more) };
}

/** What lies outside an open modal dialog is inert, so the toasts are in the topmost one. */
export function placeToasts() {
  const home = [...document.querySelectorAll('dialog[open]')].at(-1) ?? document.body;
  const toasts = byId('toasts', HTMLElement);
  if (toasts.parentElement !== home) home.append(toasts);
}
