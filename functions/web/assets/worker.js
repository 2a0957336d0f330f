// Registers the service worker, which caches the page for visits without a network, and activates new releases.

import { Key, kept } from './kept.js';
import { part, toast } from './toasts.js';
import { show } from './view.js';

/** Milliseconds between two checks for a new release. */
const LOOK_EVERY = 3_600_000;

/** The only script that this page creates from text; the page's policy permits it under this name. */
const POLICY = 'taskflow-worker';
const URL_OF_WORKER = '/sw.js';

/** @typedef {{ trustedTypes?: { createPolicy: (name: string, rules: object) => { createScriptURL: (url: string) => string } } }} TrustedTypes */

const { trustedTypes } = /** @type {TrustedTypes} */ (/** @type {unknown} */ (window));
const policy = trustedTypes?.createPolicy(POLICY, { createScriptURL: () => URL_OF_WORKER });

/** Offers a waiting release; all windows switch to it together. @param {ServiceWorker} waiting */
function offer(waiting) {
  toast('A new version of Taskflow is ready.', { sticky: true, actions: [{ label: 'Reload', run: () => waiting.postMessage('enter') }] });
}

/** @param {ServiceWorkerRegistration} registration */
function watch(registration) {
  if (registration.waiting && navigator.serviceWorker.controller) offer(registration.waiting);
  registration.addEventListener('updatefound', () => {
    const { installing } = registration;
    installing?.addEventListener('statechange', () => {
      if (installing.state === 'installed' && navigator.serviceWorker.controller) offer(installing);
    });
  });
  let looked = Date.now();
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState !== 'visible' || Date.now() - looked < LOOK_EVERY) return;
    looked = Date.now();
    registration.update().catch(() => {});
  });
}

async function register() {
  if (!('serviceWorker' in navigator)) return;
  const { serviceWorker } = navigator;
  let wasControlled = serviceWorker.controller !== null;
  serviceWorker.addEventListener('controllerchange', () => {
    // Unsaved text is on disk. The first worker has the files of this page; another one has those of another release.
    if (wasControlled) location.reload();
    wasControlled = true;
  });
  // A message of sw-push.js: a notification was clicked, or the push service changed the address.
  serviceWorker.addEventListener('message', ({ data }) => {
    if (data === 'taskflow-push-changed') void refresh();
    else if (data && 'open' in data) show({ task: data.open });
  });
  const url = policy ? policy.createScriptURL('') : URL_OF_WORKER;
  watch(await serviceWorker.register(url, { updateViaCache: 'none' }));
  if (kept(Key.device)) await refresh();
}

async function refresh() {
  const { refreshPush } = await part(() => import('./devices.js'));
  await refreshPush();
}

// Without it, the page works while there is a network.
register().catch(() => {});
