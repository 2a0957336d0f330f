// Modal dialogs: token, settings, confirmations. Loaded when the first one is needed.

import { tasks } from './actions.js';
import { emptyTrash, getPreferences, setPreferences, setToken, textOf, token } from './api.js';
import { fieldError, find, h, newId, setText } from './dom.js';
import { Key, hasShortcuts, keep, kept } from './kept.js';
import { devices } from './devices.js';
import { desktopState, setDesktop } from './notices.js';
import { empty } from './store.js';
import { placeToasts, toast } from './toasts.js';

/** @typedef {import('./api.js').Task} Task */

/** Keyboard shortcuts, for the help. @type {readonly (readonly [string, string])[]} */
const SHORTCUTS = Object.freeze([
  ['/', 'Search'],
  ['n', 'New task'],
  ['Shift+Enter', 'Add the task and open it'],
  ['↓ ↑ or j k', 'Next or previous task'],
  ['Enter or e', 'Open the task'],
  ['x', 'Complete the task'],
  ['t', 'Change the date'],
  ['s or Ctrl+click', 'Select the task'],
  ['Shift+↓ ↑', 'Select tasks'],
  ['Ctrl+A', 'Select the whole list'],
  ['1 2 3', 'Priority high, medium, low'],
  ['Delete or ⌫', 'Delete the task'],
  ['r', 'Restore the task (in the trash)'],
  ['z or Ctrl+Z', 'Undo, up to 20 steps'],
  ['c', 'Open or close the assistant'],
  ['b', 'Notifications'],
  ['g t · g u', 'Go to Today, Upcoming'],
  ['g i · g a · g d', 'Go to Inbox, All tasks, Done'],
  ['Ctrl+P', 'Print the whole list'],
  ['?', 'Keyboard shortcuts and settings'],
  ['Esc', 'Close the pane or dialog'],
]);

/**
 * Opens a dialog and waits until it is closed. Returns the value of the button that closed it; empty for Escape.
 *
 * @param {HTMLDialogElement} dialog
 * @returns {Promise<string>}
 */
function ask(dialog) {
  const before = document.activeElement;
  document.body.append(dialog);
  dialog.showModal();
  placeToasts();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      placeToasts();
      dialog.remove();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
      resolve(dialog.returnValue);
    });
  });
}

/**
 * A dialog with a heading, a body and buttons below.
 *
 * @param {string} title
 * @param {(Node | null)[]} body
 * @param {Node[]} buttons
 */
function dialogOf(title, body, buttons) {
  const heading = h('h2', { id: newId(), textContent: title });
  const form = h('form', { method: 'dialog', noValidate: true, autocomplete: 'off' }, heading, ...body, h('div', { className: 'buttons' }, ...buttons));
  return h('dialog', { className: 'dialog', 'aria-labelledby': heading.id }, form);
}

/** @param {string} textContent @param {string} value @param {Record<string, unknown>} [props] */
const button = (textContent, value, props = {}) => h('button', { type: 'submit', textContent, value, ...props });

/** Empties the trash after a confirmation, because this cannot be undone. */
export async function confirmEmpty() {
  const words = h('p', { textContent: 'All tasks in the trash are deleted permanently.' });
  if ((await ask(dialogOf('Empty the trash?', [words], [button('Keep it', '', { autofocus: true }), button('Delete permanently', 'empty', { className: 'danger' })]))) !== 'empty') return false;
  try {
    await emptyTrash();
    return true;
  } catch (error) {
    toast(textOf(error), { title: 'The trash was not emptied', kind: 'bad' });
    return false;
  }
}

/** @type {Promise<boolean> | null} */
let asking = null;

/**
 * Asks for the access token. Returns true if there is another one to try. Calls that fail together share one dialog.
 *
 * @param {boolean} wasWrong whether the service refused the current token
 */
export function askForToken(wasWrong) {
  asking ??= enterToken(wasWrong ? 'The service refused this browser’s token.' : 'This service requires an access token.').finally(() => {
    asking = null;
  });
  return asking;
}

/** @param {string} words @returns {Promise<boolean>} */
async function enterToken(words) {
  const input = h('input', { id: 'token', type: 'password', autocomplete: 'off', spellcheck: false, autofocus: true });
  const field = h('div', { className: 'field' }, h('label', { for: input.id, textContent: 'Access token' }), input);
  const note = h('p', { className: 'muted', textContent: 'It is stored in this browser and sent to this service only, never in a URL.' });
  const dialog = dialogOf('Access token', [h('p', { textContent: words }), field, note], [button('Cancel', '', { type: 'button', onclick: () => dialog.close('') }), button('Use it', 'use', { className: 'primary' })]);
  find(dialog, 'form', HTMLFormElement).addEventListener('submit', (event) => {
    const value = input.value.trim();
    if (/^[\x21-\x7e]+$/.test(value)) return;
    event.preventDefault();
    fieldError(input, value ? 'Use visible ASCII characters only.' : 'Enter the token.');
    input.focus();
  });
  const isUsed = (await ask(dialog)) === 'use';
  if (isUsed) setToken(input.value.trim());
  return isUsed;
}

/** @param {string} legend @param {...Node} children */
const group = (legend, ...children) => h('fieldset', { className: 'setting' }, h('legend', { textContent: legend }), ...children);

function themeSetting() {
  const now = kept(Key.theme) ?? '';
  const choices = /** @type {const} */ ([
    ['', 'System'],
    ['light', 'Light'],
    ['dark', 'Dark'],
  ]);
  const radio = (/** @type {string} */ value) => h('input', { type: 'radio', name: 'theme', value, checked: now === value, onchange: () => keep(Key.theme, value || null) });
  const radios = choices.map(([value, words]) => h('label', { className: 'choice' }, radio(value), words));
  return group('Appearance', h('div', { className: 'choices' }, ...radios));
}

/** Asks whether unsent changes may be deleted. @param {number} count */
async function confirmLoss(count) {
  const words = h('p', { textContent: `${count === 1 ? '1 change waits' : `${count} changes wait`} for the service on this device. Forgetting the token deletes ${count === 1 ? 'it' : 'them'}, too.` });
  return (await ask(dialogOf('Delete unsent changes?', [words], [button('Keep the token', '', { autofocus: true }), button('Forget', 'forget', { className: 'danger' })]))) === 'forget';
}

function tokenSetting() {
  const words = h('p', {});
  const change = h('button', { onclick: () => void enterToken('Enter the service’s access token.').then(draw) });
  const forget = h('button', {
    textContent: 'Forget it',
    onclick: async () => {
      const waiting = tasks.outbox.waiting.length;
      if (waiting && !(await confirmLoss(waiting))) return;
      setToken('');
      tasks.outbox.clear();
      await empty().catch(() => {});
      draw();
      change.focus();
    },
  });
  function draw() {
    words.textContent = token() ? 'A token is stored in this browser.' : 'No token. You need one only if the service requires it.';
    change.textContent = token() ? 'Replace it…' : 'Enter one…';
    forget.hidden = !token();
  }
  draw();
  return group('Access token', words, h('div', { className: 'choices' }, change, forget));
}

/** The day start, from which reminders of all-day tasks count. */
function daySetting() {
  const input = h('input', { id: newId(), type: 'time', disabled: true });
  const words = h('p', { className: 'muted', role: 'status', textContent: 'Reminders of all-day tasks count from this time.' });
  const fail = (/** @type {unknown} */ error) => fieldError(input, textOf(error));
  input.addEventListener('change', () => {
    if (!input.value) return;
    setPreferences({ day_start: input.value }).then(() => setText(words, 'Saved.'), fail);
  });
  getPreferences().then(({ day_start }) => Object.assign(input, { value: day_start, disabled: false }), fail);
  return group('All-day tasks', h('div', { className: 'field' }, h('label', { for: input.id, textContent: 'The day starts at' }), input), words);
}

/** A choice that this browser stores. @param {string} words @param {string} key @param {readonly (readonly [string, string])[]} options */
function choice(words, key, options) {
  const select = h('select', { id: newId(), onchange: () => keep(key, select.value || null) }, ...options.map(([value, textContent]) => h('option', { value, textContent, selected: (kept(key) ?? '') === value })));
  return h('div', { className: 'field' }, h('label', { for: select.id, textContent: words }), select);
}

function dateSetting() {
  const locales = /** @type {const} */ ([['', 'As in this browser'], ['en-US', 'United States: Jan 31'], ['en-GB', 'United Kingdom: 31 Jan'], ['de-DE', 'Germany: 31 Jan'], ['ja-JP', 'Japan: Jan 31']]);
  const hours = /** @type {const} */ ([['', 'Regional default'], ['24', '15:30'], ['12', '3:30 pm']]);
  const weeks = /** @type {const} */ ([['', 'Regional default'], ['1', 'Monday'], ['7', 'Sunday'], ['6', 'Saturday']]);
  return group('Dates and times', choice('Order of dates', Key.locale, locales), choice('Hours', Key.hours, hours), choice('The week starts on', Key.weekStart, weeks));
}

function desktopSetting() {
  const words = { on: 'On, while a window of this page is open.', off: 'Off.', denied: 'Blocked for this page. Allow them in the browser’s site settings.', none: 'Not supported by this browser.' };
  const line = h('p', {});
  const press = h('button', { onclick: () => void setDesktop(desktopState() !== 'on').then(draw) });
  function draw() {
    const state = desktopState();
    line.textContent = words[state];
    press.textContent = state === 'on' ? 'Turn off' : 'Turn on…';
    press.hidden = state === 'denied' || state === 'none';
  }
  draw();
  return group('Reminders on the desktop', line, h('div', { className: 'choices' }, press));
}

function keysSetting() {
  const box = h('input', { type: 'checkbox', checked: hasShortcuts(), onchange: () => keep(Key.shortcuts, box.checked ? null : 'off') });
  const rows = SHORTCUTS.map(([keys, does]) => h('div', {}, h('dt', {}, h('kbd', { textContent: keys })), h('dd', { textContent: does })));
  return group('Keyboard', h('label', { className: 'choice' }, box, 'Keyboard shortcuts'), h('dl', { className: 'keys' }, ...rows));
}

/**
 * A section whose module needs the service, so the worker does not keep it.
 *
 * @param {string} title
 * @param {() => Promise<Node[]>} load
 */
function onlineSetting(title, load) {
  const words = h('p', { className: 'muted', textContent: 'This needs a connection to the service.' });
  const own = group(title, words);
  if (navigator.onLine) load().then((nodes) => words.replaceWith(...nodes), () => {});
  return own;
}

/** @typedef {Event & { prompt: () => Promise<unknown> }} InstallPrompt */

/** @param {InstallPrompt | null} offer the browser's, while there is one */
function installSetting(offer) {
  if (!offer) return null;
  return group('Application', h('div', { className: 'choices' }, h('button', { textContent: 'Install Taskflow…', onclick: () => void offer.prompt() })));
}

/**
 * Opens the settings.
 *
 * @param {InstallPrompt | null} offer the browser's install prompt, while there is one
 * @param {boolean} [keysFirst] whether to begin with the shortcuts
 */
export async function openSettings(offer, keysFirst = false) {
  const keys = keysSetting();
  const rest = [
    themeSetting(),
    dateSetting(),
    daySetting(),
    desktopSetting(),
    group('Reminders on your devices', ...devices()),
    onlineSetting('Calendars', async () => (await import('./calendars.js')).calendars()),
    onlineSetting('Import and export', async () => (await import('./transfer.js')).transfer()),
    tokenSetting(),
    installSetting(offer),
  ];
  // First, because sections that load late would move it out of sight.
  const body = keysFirst ? [keys, ...rest] : [...rest, keys];
  await ask(dialogOf('Settings', body, [button('Done', '', { className: 'primary', autofocus: !keysFirst })]));
}
