// Tells the service the user's time zone and language at the first visit, because it cannot know them otherwise. Loaded until that is done.

import { getPreferences, setPreferences } from './api.js';
import { Key, keep } from './kept.js';
import { here } from './time.js';

async function introduce() {
  const { updated_at } = await getPreferences();
  if (updated_at === null) await setPreferences({ time_zone: here(), locale: navigator.language });
  keep(Key.introduced, 'yes');
}

// After a failure, the next visit tries again.
introduce().catch(() => {});
