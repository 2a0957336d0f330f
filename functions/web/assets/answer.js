// Reads the assistant's answer as a stream: server-sent events (HTML standard) whose data is JSON.

import { Problem } from './api.js';

/** Maximum characters of an event. The last event is the whole answer. */
const EVENT_MAX = 4_000_000;

/**
 * @typedef {object} Listener
 * @property {(text: string) => void} text the next piece of the response
 * @property {(action: import('./api.js').Action) => void} action an action that was taken
 */

/**
 * Reads an answer, streamed or whole, and returns the text of its ChatAnswer.
 *
 * @param {Response} response
 * @param {Listener} on
 * @returns {Promise<string>}
 */
export async function readAnswer(response, on) {
  const isStream = response.headers.get('Content-Type')?.startsWith('text/event-stream');
  if (!isStream || !response.body) return response.text();
  let done = null;
  for await (const { name, data } of events(response.body)) {
    // The rest is read to its end, because the browser would count the call as aborted.
    if (name === 'done') done = data;
    if (done !== null) continue;
    const value = JSON.parse(data);
    if (name === 'text') on.text(String(value.text ?? ''));
    else if (name === 'action') on.action(value);
    else if (name === 'problem') throw new Problem(Number(value.status), value);
  }
  if (done !== null) return done;
  throw new Problem(0, { detail: 'The answer was interrupted.' });
}

/** @param {ReadableStream<Uint8Array<ArrayBuffer>>} body @returns {AsyncGenerator<{ name: string, data: string }>} */
async function* events(body) {
  let name = '';
  /** @type {string[]} */
  let data = [];
  for await (const line of lines(body)) {
    if (line === '') {
      if (data.length) yield { name: name || 'message', data: data.join('\n') };
      name = '';
      data = [];
      continue;
    }
    // A line that begins with a colon has no name: it only keeps the connection open.
    const [, field = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (field === 'event') name = value;
    else if (field === 'data') data.push(value);
  }
}

/** @param {ReadableStream<Uint8Array<ArrayBuffer>>} body */
async function* lines(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      rest += value;
      // A carriage return at the end may be half of a line ending.
      const whole = rest.split(/\r\n|\n|\r(?!$)/);
      rest = whole.pop() ?? '';
      if (rest.length > EVENT_MAX) throw new Problem(0, { detail: 'The answer is too long.' });
      yield* whole;
    }
  } catch (error) {
    reader.cancel().catch(() => {});
    throw error;
  }
}
