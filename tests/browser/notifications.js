// A desktop's notifications: a private D-Bus with org.freedesktop.Notifications, and a user who presses their buttons. Browsers that
// are started with `env` show their notifications there.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Message, sessionBus } from '@jellybrick/dbus-next';
import { Missing } from './parts.js';

const DAEMON = '/usr/bin/dbus-daemon';
const NAME = 'org.freedesktop.Notifications';
const PATH = '/org/freedesktop/Notifications';
/** The service's capabilities. Chromium shows notifications by itself if the first two are missing. */
const CAPABILITIES = ['actions', 'body', 'persistence'];
/** The action of a click on the notification itself. */
const CLICK = 'default';
/** The reason in NotificationClosed: closed by the application. */
const BY_APPLICATION = 3;

/** Returns the configuration of an open bus, which starts none of the machine's services. @param {string} path of its socket */
const configOf = (path) => `<busconfig>
  <type>session</type>
  <listen>unix:path=${path}</listen>
  <policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy>
</busconfig>`;

/** @typedef {{ id: number, title: string, body: string, actions: Map<string, string> }} Shown `actions` are keys by label */

export class Desktop {
  #folder = '';
  /** @type {import('node:child_process').ChildProcess | null} */
  #daemon = null;
  /** @type {ReturnType<typeof sessionBus> | null} */
  #bus = null;
  /** By id. @type {Map<number, Shown>} */
  #shown = new Map();
  #last = 0;
  /** The environment of a browser. @type {Record<string, string>} */
  env = {};

  async start() {
    if (!existsSync(DAEMON)) throw new Missing(`${DAEMON} is missing. Run: apt-get install dbus-daemon`);
    this.#folder = await mkdtemp(join(tmpdir(), 'taskflow-desktop-'));
    const config = join(this.#folder, 'bus.conf');
    await writeFile(config, configOf(join(this.#folder, 'bus')));
    const daemon = spawn(DAEMON, ['--nofork', '--print-address', `--config-file=${config}`], { stdio: ['ignore', 'pipe', 'ignore'] });
    this.#daemon = daemon;
    const ended = once(daemon, 'exit').then(([code]) => Promise.reject(new Error(`${DAEMON} ended with ${code}`)));
    const [address] = await Promise.race([once(createInterface({ input: daemon.stdout }), 'line'), ended]);
    ended.catch(() => {});
    this.env = { DBUS_SESSION_BUS_ADDRESS: address };
    this.#bus = sessionBus({ busAddress: address });
    this.#bus.addMethodHandler((message) => this.#called(message));
    await this.#bus.requestName(NAME, 0);
  }

  async stop() {
    this.#bus?.disconnect();
    this.#daemon?.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Answers a call (Desktop Notifications Specification 1.2). @param {Message} call */
  #called(call) {
    if (call.interface !== NAME) return false;
    const answer = (/** @type {string} */ signature, /** @type {unknown[]} */ ...body) => this.#bus?.send(Message.newMethodReturn(call, signature, body));
    if (call.member === 'GetCapabilities') answer('as', CAPABILITIES);
    else if (call.member === 'GetServerInformation') answer('ssss', 'Desktop', 'Taskflow', '1', '1.2');
    else if (call.member === 'Notify') answer('u', this.#notify(call.body));
    else if (call.member === 'CloseNotification') {
      const id = Number(call.body[0]);
      answer('');
      if (this.#shown.delete(id)) this.#tell('NotificationClosed', 'uu', id, BY_APPLICATION);
    } else return false;
    return true;
  }

  /** Stores a notification, and returns its id. @param {any[]} body application, id of the replaced one, icon, title, body, keys and labels in turn, … */
  #notify([, replaced, , title, body, pairs]) {
    const id = replaced || (this.#last += 1);
    const actions = new Map();
    for (let at = 0; at + 1 < pairs.length; at += 2) actions.set(pairs[at + 1], pairs[at]);
    this.#shown.set(id, { id, title, body, actions });
    return id;
  }

  /** @param {string} signal @param {string} signature @param {unknown[]} body */
  #tell(signal, signature, ...body) {
    this.#bus?.send(Message.newSignal(PATH, NAME, signal, signature, body));
  }

  /** The visible notifications, oldest first. */
  get shown() {
    return [...this.#shown.values()];
  }

  /** Presses the button with this label, or without one the notification itself. @param {Shown} notification @param {string} [label] */
  press({ id, actions }, label) {
    const key = label === undefined ? CLICK : actions.get(label);
    if (key === undefined) throw new Error(`There is no button ${label}, only ${[...actions.keys()].join(', ')}`);
    this.#tell('ActionInvoked', 'us', id, key);
  }
}
