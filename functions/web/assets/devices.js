// Push notifications while no window is open: whether this browser receives them, and the settings section that lists every browser that does.

import { Problem, createSubscription, deleteSubscription, getPushKey, listSubscriptions, testSubscription, textOf } from './api.js';
import { h, setText } from './dom.js';
import { Key, keep, kept } from './kept.js';
import { toast } from './toasts.js';

/** @typedef {import('./api.js').Device} Device */
/** @typedef {'on' | 'off' | 'denied' | 'insecure' | 'install' | 'none'} State */

/** Texts of the states. @type {Record<State, string>} */
const WORDS = {
  on: 'This browser receives reminders, also while no window of Taskflow is open.',
  off: 'This browser shows reminders only while a window of Taskflow is open.',
  denied: 'Notifications of this page are blocked. Allow them in the browser’s site settings.',
  insecure: 'Browsers allow push over HTTPS and on localhost only.',
  install: 'On an iPhone or iPad, add Taskflow to the Home Screen first, and open it from there.',
  none: 'This browser does not support push.',
};

/** @returns {Promise<{ state: State, subscription: PushSubscription | null }>} */
async function look() {
  const none = (/** @type {State} */ state) => ({ state, subscription: null });
  if (!isSecureContext) return none('insecure');
  if (!('PushManager' in window) || !('serviceWorker' in navigator)) return none(isApple() ? 'install' : 'none');
  if (Notification.permission === 'denied') return none('denied');
  const registration = await navigator.serviceWorker.getRegistration();
  const subscription = (await registration?.pushManager.getSubscription()) ?? null;
  return { state: subscription && kept(Key.device) ? 'on' : 'off', subscription };
}

/** iOS supports push in an installed application only. */
const isApple = () => /iPhone|iPad/.test(navigator.userAgent) || (navigator.userAgent.includes('Mac') && navigator.maxTouchPoints > 1);

/** Name of this browser for users. */
function nameOf() {
  const agent = navigator.userAgent;
  const browser = ['Edg', 'OPR', 'Firefox', 'Chrome', 'Safari'].find((name) => agent.includes(`${name}/`)) ?? 'Browser';
  const system = ['iPhone', 'iPad', 'Android', 'Windows', 'Mac', 'CrOS', 'Linux'].find((name) => agent.includes(name)) ?? 'this device';
  return `${{ Edg: 'Edge', OPR: 'Opera' }[browser] ?? browser} on ${system}`;
}

/** @param {string} text base64url */
const bytesOf = (text) => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (letter) => letter.charCodeAt(0));

/** Subscribes this browser, and asks for permission if necessary. */
async function turnOn() {
  if ((await Notification.requestPermission()) !== 'granted') return;
  const registration = await navigator.serviceWorker.ready;
  const applicationServerKey = bytesOf(await getPushKey());
  const old = await registration.pushManager.getSubscription();
  const isOther = old && String(new Uint8Array(old.options.applicationServerKey ?? new ArrayBuffer(0))) !== String(applicationServerKey);
  if (isOther) await old.unsubscribe();
  const subscription = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey });
  const { endpoint, keys } = subscription.toJSON();
  const device = await createSubscription({ endpoint: endpoint ?? '', keys: { p256dh: keys?.p256dh ?? '', auth: keys?.auth ?? '' }, name: nameOf() });
  keep(Key.device, String(device.id));
}

/** @param {number} id */
async function turnOff(id) {
  await deleteSubscription(id);
  if (kept(Key.device) !== String(id)) return;
  keep(Key.device, null);
  await (await look()).subscription?.unsubscribe();
}

/** Asks for permission when the user sets the first reminder. The settings can change it later. */
export async function offerPush() {
  if (kept(Key.askedPush)) return;
  keep(Key.askedPush, 'yes');
  const { state } = await look();
  if (state === 'off') await turnOn().catch(() => {});
}

/** Renews this browser's subscription, because its push service may have changed its address. */
export async function refreshPush() {
  if (kept(Key.device) && Notification.permission === 'granted') await turnOn().catch(() => {});
}

/** The section of the settings. @returns {Node[]} */
export function devices() {
  const words = h('p', { role: 'status' });
  const press = h('button', { textContent: 'Turn on…', hidden: true });
  const list = h('ul', { className: 'devices' });

  /** @param {() => Promise<unknown>} work */
  const attempt = async (work) => {
    try {
      await work();
    } catch (error) {
      toast(error instanceof Problem ? textOf(error) : 'The push service of this browser cannot be reached.', { title: 'The action failed', kind: 'bad' });
    }
    await draw();
  };

  /** @param {Device} device */
  function item(device) {
    const isOwn = kept(Key.device) === String(device.id);
    const test = h('button', { textContent: 'Send a test', 'aria-label': `Send a test to ${device.name}`, onclick: () => void attempt(() => testSubscription(device.id)) });
    const remove = h('button', { textContent: 'Remove', 'aria-label': `Remove ${device.name}`, onclick: () => void attempt(() => turnOff(device.id)) });
    return h('li', {}, h('span', { textContent: isOwn ? `${device.name} (this browser)` : device.name }), h('div', { className: 'choices' }, test, remove));
  }

  async function draw() {
    const { state } = await look();
    try {
      const all = await listSubscriptions();
      if (kept(Key.device) && !all.some(({ id }) => String(id) === kept(Key.device))) keep(Key.device, null);
      list.replaceChildren(...all.map(item));
    } catch (error) {
      setText(words, textOf(error));
      return;
    }
    const isOn = state === 'on' && kept(Key.device) !== null;
    setText(words, isOn || state !== 'on' ? WORDS[state] : WORDS.off);
    press.hidden = isOn || (state !== 'off' && state !== 'on');
  }

  press.addEventListener('click', () => void attempt(turnOn));
  void draw();
  return [words, h('div', { className: 'choices' }, press), list];
}
