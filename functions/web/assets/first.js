// What cannot wait for the modules: the chosen theme, so that a dark page never flashes white, and the tasks, those that are kept here and
// those of the service, which travel while the page is still being read; api.js takes them if they are what the page asks for first. It
// becomes part of the page, before the style, for which it would wait.
(() => {
  const kept = (/** @type {string} */ key) => {
    try {
      return localStorage.getItem(key);
    } catch {
      // A browser that keeps nothing: the system's theme counts, and there is no token.
      return null;
    }
  };
  const theme = kept('taskflow.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  // The place of the assistant beside the list is kept free from the first frame on, so that nothing slides; app.js opens it.
  const chat = kept('taskflow.chat-open');
  if (chat === 'open' || (chat === null && matchMedia('(min-width: 80rem)').matches)) document.documentElement.dataset.beside = 'yes';
  // The first one that a browser makes takes tens of milliseconds, which the list would wait for; there is nothing else to do yet.
  setTimeout(() => Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' }).format());
  // What was kept of the list, and of changes that wait: painted before the service answers, whatever of it is asleep. Whoever makes the
  // database is store.js.
  const asked = new URLSearchParams(location.hash.slice(1));
  asked.delete('task');
  const key = asked.toString();
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
  // Behind the # is another view, which asks for something else.
  const response = key ? null : fetch(path, { headers });
  // Whoever takes it hears of a failure; if nobody does, it is none.
  response?.catch(() => {});
  Object.assign(window, { first: { path, token, response, key, kept: keeps } });
})();
