// A real Firefox, driven by WebDriver BiDi, as far as its only story needs.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { WebSocket } from 'ws';
import { Missing } from './parts.js';

/** The path in Debian and others. FIREFOX overrides it. */
const FIREFOXES = ['/usr/bin/firefox-esr', '/usr/bin/firefox'];
/** Maximum milliseconds of a start, and of one command. */
const START_MAX = 60_000;
const COMMAND_MAX = 30_000;

/** Without it, Firefox uses its recommended preferences for tests, which turn push off. */
const OWN = { 'remote.prefs.recommended': false };

/** @param {number} after in milliseconds @param {string} what */
const late = (after, what) => new Promise((_, reject) => setTimeout(() => reject(new Error(`${what} took longer than ${after / 1000} s`)), after).unref());

export class Firefox {
  #folder = '';
  /** @type {import('node:child_process').ChildProcess | null} */
  #process = null;
  /** @type {WebSocket | null} */
  #socket = null;
  /** The commands in progress, by id. @type {Map<number, (answer: any) => void>} */
  #sent = new Map();
  #last = 0;
  #context = '';

  /** @param {Record<string, string | number | boolean>} preferences @param {Record<string, string>} env */
  async start(preferences, env) {
    const named = process.env.FIREFOX;
    const program = (named ? [named] : FIREFOXES).find((path) => existsSync(path));
    if (!program) throw new Missing('Firefox is missing. Run: apt-get install firefox-esr, or name another one by FIREFOX.');
    this.#folder = await mkdtemp(join(tmpdir(), 'taskflow-firefox-'));
    const lines = Object.entries({ ...OWN, ...preferences }).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`);
    await writeFile(join(this.#folder, 'user.js'), lines.join(''));
    const child = spawn(program, ['--headless', '--no-remote', '--profile', this.#folder, '--remote-debugging-port', '0', 'about:blank'], { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'] });
    this.#process = child;
    const listens = new Promise((resolve) => {
      createInterface({ input: child.stderr }).on('line', (line) => {
        const address = /WebDriver BiDi listening on (ws:\S+)/.exec(line)?.[1];
        if (address) resolve(address);
      });
    });
    const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`Firefox ended with ${code}`)));
    ended.catch(() => {});
    const address = await Promise.race([listens, ended, late(START_MAX, 'the start of Firefox')]);
    const socket = new WebSocket(`${address}/session`);
    this.#socket = socket;
    socket.on('message', (data) => {
      const answer = JSON.parse(String(data));
      this.#sent.get(answer.id)?.(answer);
      this.#sent.delete(answer.id);
    });
    await once(socket, 'open');
    await this.#send('session.new', { capabilities: {} });
    const { contexts } = await this.#send('browsingContext.getTree', {});
    this.#context = contexts[0].context;
  }

  /** @param {string} method @param {object} params @returns {Promise<any>} */
  async #send(method, params) {
    const id = (this.#last += 1);
    const answered = new Promise((resolve) => this.#sent.set(id, resolve));
    this.#socket?.send(JSON.stringify({ id, method, params }));
    const { type, result, error, message } = await Promise.race([answered, late(COMMAND_MAX, method)]);
    if (type !== 'success') throw new Error(`${method}: ${error}: ${message}`);
    return result;
  }

  /** @param {string} url */
  async visit(url) {
    await this.#send('browsingContext.navigate', { context: this.#context, url, wait: 'complete' });
  }

  /** Returns the string value of a script in the page, run with user activation. @param {string} script an expression, which may be a promise */
  async run(script) {
    const { type, result, exceptionDetails } = await this.#send('script.evaluate', { expression: script, target: { context: this.#context }, awaitPromise: true, userActivation: true });
    if (type !== 'success') throw new Error(`${script}: ${exceptionDetails.text}`);
    return String(result.value ?? '');
  }

  async stop() {
    const child = this.#process;
    if (child && child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit');
      child.kill();
      await Promise.race([ended, late(START_MAX, 'the end of Firefox')]);
    }
    this.#socket?.terminate();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
