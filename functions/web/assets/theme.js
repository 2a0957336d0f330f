// Sets the chosen theme before the first paint: a classic script in the head, so that a dark page never flashes white.
// settings.js writes what is chosen; without a choice the system's setting counts.
(() => {
  try {
    const theme = localStorage.getItem('taskflow.theme');
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  } catch {
    // A browser that keeps nothing: the system's setting counts.
  }
})();
