// What cannot wait for the modules: the chosen theme, so that a dark page never flashes white, and the tasks, which travel while the page
// is still being read; api.js takes them if they are what the page asks for first. It becomes part of the page, before the style, for
// which it would wait.
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
  // The first one that a browser makes takes tens of milliseconds, which the list would wait for; there is nothing else to do yet.
  setTimeout(() => Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' }).format());
  // Behind the # is another view, which asks for something else.
  if (location.hash) return;
  const path = '/api/tasks?limit=50&offset=0&status=pending&sort_by=due_date';
  const token = kept('taskflow.token') ?? '';
  /** @type {Record<string, string>} */
  const headers = { Accept: 'application/json', ...(token ? { Authorization: `Bearer ${token}` } : {}) };
  const response = fetch(path, { headers });
  // Whoever takes it hears of a failure; if nobody does, it is none.
  response.catch(() => {});
  Object.assign(window, { first: { path, token, response } });
})();
