// The parts for the page's tests: a real Chromium, and a Taskflow with its own database. If one is missing, the error names it and says how to get
// it.

import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** The path in Debian and others. CHROMIUM overrides it. */
const CHROMIUMS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
/** Milliseconds that a start may take. The first one on a machine downloads and unpacks a PostgreSQL. */
const START_MAX = 180_000;
/** Milliseconds that a graceful stop may take. */
const STOP_MAX = 30_000;
/** Maximum attempts of a call that a busy machine refuses. */
const TRIES_MAX = 20;
/** Lines of the server's log that are kept, to show them after a failure. */
const LOG_MAX = 200;

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** A part that is missing on this machine. */
export class Missing extends Error {}

/** Returns the path of a Chromium. */
export function chromium() {
  const named = process.env.CHROMIUM;
  const found = (named ? [named] : CHROMIUMS).find((path) => existsSync(path));
  if (!found) throw new Missing(`Chromium is missing${named ? `: CHROMIUM names ${named}` : ''}. Run: apt-get install chromium, or name another one by CHROMIUM.`);
  return found;
}

/** Returns the path of the program under test. */
function program() {
  const path = process.env.TASKFLOW ?? join(ROOT, 'target/release/taskflow');
  if (!existsSync(path)) throw new Missing(`The program is missing: ${path}. Run: cargo build --release --package taskflow`);
  return path;
}

/** Returns an unused port, for a server that will restart on the same port. @returns {Promise<number>} */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

/** A Taskflow with its own port and folder, until it is removed. */
export class Taskflow {
  /** @type {import('node:child_process').ChildProcess | null} */
  #process = null;
  /** @type {string[]} */
  #log = [];
  #folder = '';
  #port = 0;
  /** @type {Record<string, string>} */
  #settings = {};

  /** Its URL. */
  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** @param {Record<string, string>} [settings] environment variables, see docs/settings.md */
  static async start(settings = {}) {
    const taskflow = new Taskflow();
    taskflow.#settings = settings;
    taskflow.#folder = await mkdtemp(join(tmpdir(), 'taskflow-browser-'));
    taskflow.#port = await freePort();
    try {
      await taskflow.up();
    } catch (error) {
      await taskflow.remove();
      throw error;
    }
    return taskflow;
  }

  /** Starts it again, on the same port. */
  async up() {
    const own = { PORT: String(this.#port), TASKFLOW_DATA_DIR: join(this.#folder, 'data'), RUST_LOG: 'warn,embedded=info', TASKFLOW_TIME_ZONE: 'UTC' };
    const child = spawn(program(), { env: { ...process.env, ...own, ...this.#settings }, stdio: ['ignore', 'ignore', 'pipe'] });
    this.#process = child;
    await new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`It did not start within ${START_MAX / 1000} s.\n${this.log}`)), START_MAX);
      const settle = (/** @type {() => void} */ then) => {
        clearTimeout(late);
        then();
      };
      child.once('exit', (code) => settle(() => reject(new Error(`It ended at its start with ${code}.\n${this.log}`))));
      createInterface({ input: /** @type {import('node:stream').Readable} */ (child.stderr) }).on('line', (line) => {
        this.#log.push(line);
        this.#log.splice(0, this.#log.length - LOG_MAX);
        if (line.includes('Taskflow is at http://')) settle(() => resolve(undefined));
      });
    });
  }

  /** Stops it gracefully. Its data stays. */
  async down() {
    const child = this.#process;
    this.#process = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_MAX);
    await ended;
    clearTimeout(late);
  }

  /** Removes it and its data. */
  async remove() {
    await this.down();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Returns the end of its log. */
  get log() {
    return this.#log.join('\n');
  }

  /**
   * Calls its API. A busy machine may refuse a call with 503. Retries have the same key, so the call is executed once.
   *
   * @param {string} method
   * @param {string} path
   * @param {unknown} [body]
   * @returns {Promise<any>}
   */
  async call(method, path, body) {
    const token = this.#settings.TASKFLOW_API_TOKEN;
    const headers = { 'content-type': 'application/json', 'idempotency-key': randomUUID(), ...(token ? { authorization: `Bearer ${token}` } : {}) };
    const call = () => fetch(this.url + path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    let response = await call();
    for (let tries = 1; response.status === 503 && tries < TRIES_MAX; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 1_000 * Number(response.headers.get('retry-after') ?? 1)));
      response = await call();
    }
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : text;
  }
}
