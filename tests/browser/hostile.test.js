// Pages of other origins, in a real Chromium: a page on another port of this machine, a page of another site, and a name that was pointed at this
// machine after its page was loaded (DNS rebinding). None of them can change or read anything; a page of an origin in the settings can.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { chromium as driver } from 'playwright-core';
import { Taskflow, chromium, freePort } from './parts.js';

/** A name that an attacker owns. */
const EVIL = 'evil.example';
/** Milliseconds of a whole story. */
const STORY_MAX = 120_000;

/** A server of another origin with an empty page. @param {number} port @returns {Promise<import('node:http').Server>} */
function elsewhere(port) {
  const server = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<!doctype html><title>elsewhere</title>'));
  return new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(server)));
}

/**
 * Everything that a hostile page can try on a Taskflow. Runs in the browser.
 *
 * @param {{ url: string, id: number }} target
 * @returns {Promise<Record<string, string>>} what the page saw of each
 */
async function attack({ url, id }) {
  /** @type {Record<string, string>} */
  const seen = {};
  const event = JSON.stringify({ specversion: '1.0', id: 'x', source: '/evil', type: 'task.delete', data: { task_id: id } });
  /** @param {string} name @param {string} path @param {RequestInit} [init] */
  const call = async (name, path, init) => {
    try {
      const response = await fetch(url + path, init);
      seen[name] = response.type === 'opaque' ? 'opaque' : `${response.status} ${await response.text()}`;
    } catch {
      seen[name] = 'refused';
    }
  };
  await call('simple event', '/', { method: 'POST', mode: 'no-cors', headers: { 'content-type': 'text/plain' }, body: event });
  await call('event', '/', { method: 'POST', headers: { 'content-type': 'application/cloudevents+json' }, body: event });
  await call('simple completion', `/api/tasks/${id}/complete`, { method: 'POST', mode: 'no-cors' });
  await call('completion', `/api/tasks/${id}/complete`, { method: 'POST' });
  await call('creation', '/api/tasks', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"title":"evil"}' });
  await call('deletion', `/api/tasks/${id}`, { method: 'DELETE' });
  await call('reading', '/api/tasks');
  await call('simple reading', '/api/tasks', { mode: 'no-cors' });
  navigator.sendBeacon(`${url}/api/tasks/${id}/complete`);
  seen['socket'] = await new Promise((resolve) => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/ws/notifications?after=0`);
    socket.onopen = () => resolve('open');
    socket.onerror = () => resolve('refused');
  });
  // A form needs no permission to be sent anywhere. Its answer is loaded into a frame.
  await new Promise((resolve) => {
    const frame = document.createElement('iframe');
    frame.name = 'answer';
    document.body.append(frame);
    const form = Object.assign(document.createElement('form'), { action: `${url}/`, method: 'POST', enctype: 'text/plain', target: 'answer' });
    form.append(Object.assign(document.createElement('input'), { name: event.slice(0, -2) + ',"a":"', value: '"}}' }));
    document.body.append(form);
    frame.onload = () => resolve(undefined);
    form.submit();
    setTimeout(resolve, 5000);
  });
  return seen;
}

describe('pages of other origins', () => {
  /** @type {Taskflow} */
  let taskflow;
  /** @type {import('playwright-core').Browser} */
  let browser;
  /** @type {import('node:http').Server[]} */
  const servers = [];
  let stranger = 0;
  let friend = 0;

  before(async () => {
    [stranger, friend] = [await freePort(), await freePort()];
    servers.push(await elsewhere(stranger), await elsewhere(friend));
    taskflow = await Taskflow.start({ TASKFLOW_ORIGINS: `http://127.0.0.1:${friend}` });
    browser = await driver.launch({ executablePath: chromium(), args: [`--host-resolver-rules=MAP ${EVIL} 127.0.0.1`] });
  });
  after(async () => {
    await browser?.close();
    await taskflow?.remove();
    for (const server of servers) server.close();
  });

  /** Returns the only task from the service. */
  const tasks = async () => (await taskflow.call('GET', '/api/tasks')).map((/** @type {any} */ task) => [task.title, task.status]);

  for (const [what, page] of /** @type {[string, () => string][]} */ ([
    ['on another port of this machine', () => `http://127.0.0.1:${stranger}/`],
    ['of another site', () => `http://${EVIL}:${stranger}/`],
  ])) {
    it(`a page ${what} changes and reads nothing`, { timeout: STORY_MAX }, async () => {
      for (const { id } of await taskflow.call('GET', '/api/tasks')) await taskflow.call('DELETE', `/api/tasks/${id}`);
      const { id } = await taskflow.call('POST', '/api/tasks', { title: 'Pay rent' });
      const window = await browser.newPage();
      await window.goto(page());
      const seen = await window.evaluate(attack, { url: taskflow.url, id });
      for (const [name, answer] of Object.entries(seen)) assert.match(answer, /^(refused|opaque)$/, name);
      assert.deepEqual(await tasks(), [['Pay rent', 'pending']]);
      await window.close();
    });
  }

  it('a name that was pointed at this machine changes and reads nothing', { timeout: STORY_MAX }, async () => {
    for (const { id } of await taskflow.call('GET', '/api/tasks')) await taskflow.call('DELETE', `/api/tasks/${id}`);
    const { id } = await taskflow.call('POST', '/api/tasks', { title: 'Pay rent' });
    const window = await browser.newPage();
    const rebound = `http://${EVIL}:${new URL(taskflow.url).port}`;
    // The probes answer to any name, so this page has the attacker's origin and Taskflow's server, as after rebinding.
    await window.goto(`${rebound}/health/live`);
    const seen = await window.evaluate(attack, { url: rebound, id });
    assert.equal(seen['socket'], 'refused');
    delete seen['socket'];
    for (const [name, answer] of Object.entries(seen)) assert.match(answer, /^421 (?!.*Pay rent)/, name);
    assert.equal((await window.goto(`${rebound}/`))?.status(), 421);
    assert.deepEqual(await tasks(), [['Pay rent', 'pending']]);
    await window.close();
  });

  it('a page that the settings name calls and reads', { timeout: STORY_MAX }, async () => {
    for (const { id } of await taskflow.call('GET', '/api/tasks')) await taskflow.call('DELETE', `/api/tasks/${id}`);
    const window = await browser.newPage();
    await window.goto(`http://127.0.0.1:${friend}/`);
    const read = await window.evaluate(async (url) => {
      const json = { 'content-type': 'application/json', 'idempotency-key': 'once' };
      const made = await fetch(`${url}/api/tasks`, { method: 'POST', headers: json, body: '{"title":"Ours"}' });
      const task = await made.json();
      const changed = await fetch(`${url}/api/tasks/${task.id}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json', 'if-match': String((await fetch(`${url}/api/tasks/${task.id}`)).headers.get('etag')) },
        body: '{"priority":"high"}',
      });
      const listed = await fetch(`${url}/api/tasks`);
      return [made.status, made.headers.get('location'), changed.status, listed.headers.get('x-total-count'), (await listed.json())[0].priority];
    }, taskflow.url);
    assert.deepEqual(read, [201, read[1], 200, '1', 'high']);
    assert.match(String(read[1]), /^\/api\/tasks\/\d+$/);
    await window.close();
  });
});
