// Tells the service, at the first visit of anybody, by which clock and in which language its user lives: it cannot know them otherwise.
// Loaded until that is done.

import { getPreferences, setPreferences } from './api.js';
import { Key, keep } from './kept.js';
import { here } from './time.js';

async function introduce() {
  const { updated_at } = await getPreferences();
  if (updated_at === null) await setPreferences({ time_zone: here(), locale: navigator.language });
  keep(Key.introduced, 'yes');
}

// Without an answer, the next visit tries again.
introduce().catch(() => {});
