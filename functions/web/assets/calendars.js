// The section of the settings for calendar clients: app passwords and the feed. Loaded when the settings open.

import { call, textOf } from './api.js';
import { fieldError, h, newId, setText } from './dom.js';
import { inWords } from './time.js';

/** @typedef {import('../api.d.ts').AppPassword} AppPassword */

const PATH = '/api/app-passwords';

/** @returns {Node[]} */
export function calendars() {
  const words = h('p', { role: 'status', className: 'muted', textContent: `Calendar apps sign in at ${location.origin}/dav/ with any name and an app password.` });
  const name = h('input', { id: newId(), dir: 'auto', maxLength: 100, placeholder: 'Phone', autocomplete: 'off' });
  const shown = h('input', { readOnly: true, hidden: true, 'aria-label': 'The new secret, shown once', onfocus: () => shown.select() });
  const list = h('ul', { className: 'devices' });

  async function draw() {
    try {
      const { data } = await call(PATH, { quiet: true });
      list.replaceChildren(.../** @type {AppPassword[]} */ (data).map(item));
    } catch (error) {
      setText(words, textOf(error));
    }
  }

  /** @param {AppPassword} own */
  function item(own) {
    const used = own.used_at ? `used ${inWords(own.used_at)}` : 'not used yet';
    const revoke = h('button', { textContent: 'Revoke', 'aria-label': `Revoke ${own.name}`, onclick: () => void call(`${PATH}/${own.id}`, { method: 'DELETE' }).then(draw, fail) });
    return h('li', {}, h('span', { dir: 'auto', textContent: `${own.name} (${own.kind === 'feed' ? 'feed' : 'app password'}, ${used})` }), h('div', { className: 'choices' }, revoke));
  }

  /** @param {unknown} error */
  const fail = (error) => fieldError(name, textOf(error));

  /** @param {AppPassword['kind']} kind */
  async function make(kind) {
    fieldError(name, '');
    try {
      const { data } = await call(PATH, { method: 'POST', body: { name: name.value.trim() || 'Calendar', kind } });
      Object.assign(shown, { value: kind === 'feed' ? `${location.origin}/calendar.ics?key=${data.password}` : data.password, hidden: false });
      setText(words, kind === 'feed' ? 'Copy this address into a calendar. It is shown once.' : 'Copy this password into the app. It is shown once.');
      shown.focus();
      await draw();
    } catch (error) {
      fail(error);
    }
  }

  /** @param {string} textContent @param {AppPassword['kind']} kind */
  const press = (textContent, kind) => h('button', { textContent, onclick: () => void make(kind) });
  void draw();
  return [
    words,
    h('div', { className: 'field' }, h('label', { for: name.id, textContent: 'What it is for' }), name),
    h('div', { className: 'choices' }, press('Make an app password', 'calendar'), press('Make a feed to subscribe to', 'feed')),
    shown,
    list,
  ];
}
