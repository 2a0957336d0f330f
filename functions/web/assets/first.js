// Work that cannot wait for the modules: applies the theme, so that a dark page never flashes white, shows the last picture of the list, and requests
// the tasks, both the stored copy and the service's, while the page is still being parsed. api.js uses the answer if the page requests the same first.
// This file becomes part of the page, before the style, which it would otherwise wait for.
(() => {
  const kept = (/** @type {string} */ key) => {
    try {
      return localStorage.getItem(key);
    } catch {
      // If the browser stores nothing, the system's theme applies, and there is no token.
      return null;
    }
  };
  const theme = kept('taskflow.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  // The assistant's space beside the list is reserved from the first frame, so that nothing moves; app.js opens it.
  const chat = kept('taskflow.chat-open');
  if (chat === 'open' || (chat === null && matchMedia('(min-width: 80rem)').matches)) document.documentElement.dataset.beside = 'yes';
  // The stored list and the waiting changes, painted before the service answers. store.js creates the database.
  const asked = new URLSearchParams(location.hash.slice(1));
  asked.delete('task');
  const key = asked.toString();
  // Loading the modules takes longer than the first frame, and would delay it. The picture is inert until task-list.js, which keeps it, replaces it.
  const lookOf = (/** @type {string} */ list) => `${list} ${innerWidth} ${new Date().toDateString()}`;
  let picture = /** @type {any} */ (null);
  try {
    picture = JSON.parse(kept('taskflow.picture') ?? 'null');
  } catch {
    // Not what task-list.js has kept; it is replaced.
  }
  const draw = (/** @type {any} */ node) => {
    if (typeof node === 'string') return node;
    const [name, attributes, ...children] = node;
    const like = name === 'svg' || name === 'use' ? document.querySelector('.symbols') : document.body;
    const element = /** @type {HTMLElement} */ (document.createElementNS(like?.namespaceURI ?? null, name));
    for (const [attribute, value] of attributes) {
      if (attribute === 'style') element.style.cssText = value;
      else element.setAttribute(attribute, value);
    }
    element.append(...children.map(draw));
    return element;
  };
  // A page in the background has no frame, so the wait for it has a limit, in milliseconds.
  const frameMax = 200;
  const painted = picture?.key !== lookOf(key) ? null : new Promise((resolve) => {
    setTimeout(resolve, frameMax);
    // Before the first frame, so that styles and layout are computed once.
    document.addEventListener('readystatechange', () => {
      requestAnimationFrame(() => setTimeout(resolve));
      const rows = /** @type {HTMLElement} */ (document.querySelector('[data-first] .rows'));
      rows.inert = true;
      rows.append(...picture.rows.map(draw));
      rows.closest('[data-first]')?.removeAttribute('data-first');
    }, { once: true });
  });
  const begin = async () => {
    await painted;
    const { content } = /** @type {HTMLTemplateElement} */ (document.querySelector('template'));
    const app = /** @type {Element} */ (content.querySelector('script'));
    app.remove();
    document.head.append(content);
    // A browser's first formatter takes tens of milliseconds, for which the list would wait. Nothing else needs the time yet.
    setTimeout(() => Intl.DateTimeFormat().format());
    if (document.readyState === 'loading') await new Promise((resolve) => document.addEventListener('DOMContentLoaded', resolve));
    // Without the style, the list would measure wrong heights.
    const style = /** @type {HTMLLinkElement} */ (document.querySelector('[rel=stylesheet]'));
    if (!style.sheet) await new Promise((resolve) => Object.assign(style, { onload: resolve, onerror: resolve }));
    // Unlike import(), it delays the load event, after which a browser draws the icon, until the list has begun.
    document.head.append(app);
  };
  void begin();
  const keeps = new Promise((resolve) => {
    const opening = indexedDB.open('taskflow', 1);
    opening.onupgradeneeded = () => opening.transaction?.abort();
    opening.onerror = (event) => {
      event.preventDefault();
      resolve(null);
    };
    opening.onsuccess = () => {
      const transaction = opening.result.transaction(['lists', 'changes']);
      const list = transaction.objectStore('lists').get(key);
      const changes = transaction.objectStore('changes').getAll();
      transaction.oncomplete = () => {
        opening.result.close();
        resolve({ list: list.result, changes: changes.result });
      };
    };
  }).catch(() => null);
  const path = '/api/tasks?limit=50&offset=0&status=pending&sort_by=due_date';
  const token = kept('taskflow.token') ?? '';
  /** @type {Record<string, string>} */
  const headers = { Accept: 'application/json', ...(token ? { Authorization: `Bearer ${token}` } : {}) };
  // An address with a # names another view, which needs another request.
  const response = key ? null : fetch(path, { headers });
  // The reader of the answer handles a failure; without a reader it is ignored.
  response?.catch(() => {});
  Object.assign(window, { first: { path, token, response, key, kept: keeps, lookOf } });
})();
