// The service worker: caches the files of one release, so that the page opens at once and without a network. The build writes the list of files with
// their digests. Another release is another worker, which waits until the page activates it.

/** Paths with the beginnings of their SHA-256, in base64. @type {Record<string, string>} */
const FILES = {};
/** Characters of a digest in FILES. */
const DIGEST = 16;
const CACHE = `taskflow ${Object.values(FILES).join(' ')}`;

const worker = /** @type {any} */ (globalThis);

worker.importScripts('/assets/sw-push.js');

/** True if a response is the file of this release, and not one of a proxy or of another release. @param {Response} response @param {string} digest */
async function isOf(response, digest) {
  const bytes = new Uint8Array(await crypto.subtle.digest('SHA-256', await response.clone().arrayBuffer()));
  return response.ok && btoa(String.fromCharCode(...bytes)).startsWith(digest);
}

/** Loads from the browser's cache what the page has just loaded; a file of another release is requested again. @param {string} path @param {string} digest */
async function load(path, digest) {
  for (const cache of /** @type {const} */ (['force-cache', 'reload'])) {
    const response = await fetch(path, { cache });
    if (await isOf(response, digest)) return response;
  }
  throw new Error(`${path} belongs to another release; the next visit retries.`);
}

async function install() {
  const cache = await caches.open(CACHE);
  await Promise.all(Object.entries(FILES).map(async ([path, digest]) => cache.put(path, await load(path, digest))));
}

async function activate() {
  for (const name of await caches.keys()) if (name.startsWith('taskflow ') && name !== CACHE) await caches.delete(name);
  await worker.clients.claim();
}

worker.addEventListener('install', (/** @type {any} */ event) => {
  // If the browser can, it reads the files itself, without this worker.
  event.addRoutes?.([
    { condition: { urlPattern: { pathname: '/api/*' } }, source: 'network' },
    { condition: { urlPattern: { pathname: '/', search: '' }, requestMode: 'navigate', requestMethod: 'GET' }, source: { cacheName: CACHE } },
    { condition: { urlPattern: { pathname: '/assets/*' }, requestMethod: 'GET' }, source: { cacheName: CACHE } },
  ]).catch(() => {});
  event.waitUntil(install());
});
worker.addEventListener('activate', (/** @type {any} */ event) => event.waitUntil(activate()));
worker.addEventListener('message', (/** @type {MessageEvent} */ { data }) => {
  // The page then reloads, so that no window has files of two releases.
  if (data === 'enter') worker.skipWaiting();
});
worker.addEventListener('fetch', (/** @type {any} */ event) => {
  const { method, url } = event.request;
  const { origin, pathname } = new URL(url);
  if (method !== 'GET' || origin !== location.origin || !(pathname in FILES)) return;
  event.respondWith(caches.match(pathname, { cacheName: CACHE }).then((kept) => kept ?? fetch(event.request)));
});
