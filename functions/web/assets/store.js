// This browser's IndexedDB: recent lists, waiting changes, and drafts. A browser that stores nothing behaves as if it were empty.

import { Key, keep } from './kept.js';

/** `lists` by the address of the view, `changes` in order, `drafts` by their field, and the rail's tags and saved lists. @typedef {'lists' | 'changes' | 'drafts'} StoreName */

/** Equal to the name in first.js. */
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
      // Another window deletes or upgrades the database; it is opened again when needed.
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
 * Runs one transaction, and returns the result of the last request once everything is on disk.
 *
 * @template T
 * @param {StoreName} name
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest<T> | void} act
 * @returns {Promise<T | undefined>} undefined if this browser stores nothing
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

/**
 * Loads a value and stores it. If that fails, returns the stored value.
 *
 * @template T
 * @param {string} key
 * @param {() => Promise<T>} load
 * @returns {Promise<T>}
 */
export async function latest(key, load) {
  try {
    const value = await load();
    write('drafts', { key, value }).catch(() => {});
    return value;
  } catch (error) {
    const kept = await read('drafts', key).catch(() => null);
    if (!kept) throw error;
    return kept.value;
  }
}

/** Deletes everything. */
export async function empty() {
  try {
    for (const name of STORES) await inStore(name, 'readwrite', (store) => store.clear());
  } finally {
    keep(Key.picture, null);
  }
}

/** @typedef {{ key: string, text: string, at: number, base?: any }} Draft unsaved text: the text, its time, and the value that it replaces */

/** @param {string} key @returns {Promise<Draft | undefined>} */
export const draftOf = (key) => read('drafts', key).catch(() => undefined);

/** Stores typed text; an empty text deletes it. @param {string} key @param {string} text @param {unknown} [base] */
export function keepDraft(key, text, base) {
  const kept = text ? write('drafts', { key, text, at: Date.now(), base }) : erase('drafts', key);
  kept.catch(() => {
    // If it cannot be stored, the text is lost when the page closes.
  });
}
