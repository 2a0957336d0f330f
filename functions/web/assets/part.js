// Loads parts of the page on demand.

import { toast } from './toasts.js';

/** Milliseconds before the first retry, and maximum pause. */
const RETRY_MIN = 500;
const RETRY_MAX = 10_000;

/**
 * Loads a part, and retries with growing pauses, so that it opens as soon as the service is reachable.
 *
 * @template T
 * @param {() => Promise<T>} load an `import()`
 * @returns {Promise<T>}
 */
export async function part(load) {
  for (let wait = RETRY_MIN; ; wait = Math.min(wait * 2, RETRY_MAX)) {
    try {
      return await load();
    } catch (error) {
      // The error of a module that could not be loaded.
      if (!(error instanceof TypeError)) throw error;
      if (wait === RETRY_MIN) toast('A part of the page could not be loaded. Retrying.', { kind: 'bad' });
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}
