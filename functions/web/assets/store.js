// What this browser keeps in IndexedDB: the last lists, the changes that wait for the service, and drafts. A browser that keeps nothing
// answers as if it were empty.

/** `lists` by the address of the view, `changes` in the order they were made, `drafts` by what they belong to. @typedef {'lists' | 'changes' | 'drafts'} StoreName */

/** The same as in first.js. */
const NAME = 'taskflow';
const VERSION = 1;
/** @type {readonly StoreName[]} */
const STORES = ['lists', 'changes', 'drafts'];

/** @type {Promise<IDBDatabase> | undefined} */
let opened;

function open() {
  opened ??= new Promise((resolve, reject) => {
    const opening = indexedDB.open(NAME, VERSION);
    opening.onupgradeneeded = () => {
      for (const name of STORES) opening.result.createObjectStore(name, { keyPath: 'key', autoIncrement: name === 'changes' });
    };
    opening.onsuccess = () => {
      // Another window deletes or upgrades it; here it is opened again when it is needed.
      opening.result.onversionchange = () => {
        opening.result.close();
        opened = undefined;
      };
      resolve(opening.result);
    };
    opening.onerror = () => reject(opening.error);
  });
  return opened;
}

/**
 * Runs one transaction, and answers the result of the last request once all of it is on disk.
 *
 * @template T
 * @param {StoreName} name
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest<T> | void} act
 * @returns {Promise<T | undefined>} undefined if this browser keeps nothing
 */
export async function inStore(name, mode, act) {
  let database;
  try {
    database = await open();
  } catch {
    return undefined;
  }
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(name, mode, { durability: mode === 'readwrite' && name !== 'lists' ? 'strict' : 'default' });
    const request = act(transaction.objectStore(name));
    transaction.oncomplete = () => resolve(request?.result);
    transaction.onabort = () => reject(transaction.error);
  });
}

/** @param {StoreName} name @param {IDBValidKey} key @returns {Promise<any>} */
export const read = (name, key) => inStore(name, 'readonly', (store) => store.get(key));

/** In the order of their keys. @param {StoreName} name @returns {Promise<any[]>} */
export const readAll = async (name) => (await inStore(name, 'readonly', (store) => store.getAll())) ?? [];

/** @param {StoreName} name @param {unknown} value with its `key` */
export const write = (name, value) => inStore(name, 'readwrite', (store) => store.put(value));

/** @param {StoreName} name @param {IDBValidKey} key */
export const erase = (name, key) => inStore(name, 'readwrite', (store) => store.delete(key));

/** Forgets everything. */
export async function empty() {
  for (const name of STORES) await inStore(name, 'readwrite', (store) => store.clear());
}

/** @typedef {{ key: string, text: string, at: number, base?: any }} Draft what was typed and is not saved: its text, when, and what it was typed over */

/** @param {string} key @returns {Promise<Draft | undefined>} */
export const draftOf = (key) => read('drafts', key).catch(() => undefined);

/** Keeps what was typed; an empty text forgets it. @param {string} key @param {string} text @param {unknown} [base] */
export function keepDraft(key, text, base) {
  const kept = text ? write('drafts', { key, text, at: Date.now(), base }) : erase('drafts', key);
  kept.catch(() => {
    // For this page only, then.
  });
}
