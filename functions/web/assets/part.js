// Parts of the page that are loaded when they are needed.

import { toast } from './toasts.js';

/** Milliseconds to the first try again, and between the later ones. */
const RETRY_MIN = 500;
const RETRY_MAX = 10_000;

/**
 * Loads a part. While it cannot be had it is tried again, ever more seldom: what a person has opened is there as soon as the service is.
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
      // What a module that did not come is rejected with.
      if (!(error instanceof TypeError)) throw error;
      if (wait === RETRY_MIN) toast('A part of the page could not be loaded. It is tried again.', { kind: 'bad' });
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}
