// A small autopush, the push service of Firefox: gives a connected browser its endpoints, and forwards pushes unchanged.

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

export class Autopush {
  /** The connection of each endpoint's browser, by channel. @type {Map<string, import('ws').WebSocket>} */
  #channels = new Map();
  /** The browser's acknowledgement of each push. @type {any[]} */
  acknowledged = [];
  #server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray());
    const channelID = (request.url ?? '').slice(1);
    const browser = this.#channels.get(channelID);
    response.writeHead(browser ? 201 : 404).end();
    const { 'content-encoding': encoding } = request.headers;
    browser?.send(JSON.stringify({ messageType: 'notification', channelID, version: randomUUID(), data: body.toString('base64url'), headers: { encoding } }));
  });

  static async start() {
    const service = new Autopush();
    new WebSocketServer({ server: service.#server }).on('connection', (socket) => socket.on('message', (data) => service.#said(socket, JSON.parse(String(data)))));
    service.#server.listen(0, '127.0.0.1');
    await once(service.#server, 'listening');
    return service;
  }

  get #authority() {
    const { port } = /** @type {import('node:net').AddressInfo} */ (this.#server.address());
    return `127.0.0.1:${port}`;
  }

  /** The preferences with which Firefox uses it. */
  get preferences() {
    return { 'dom.push.serverURL': `ws://${this.#authority}/`, 'dom.push.testing.allowInsecureServerURL': true };
  }

  /** @param {import('ws').WebSocket} socket @param {any} message */
  #said(socket, { messageType, channelID, updates }) {
    const answer = (/** @type {object} */ more) => socket.send(JSON.stringify({ messageType, status: 200, ...more }));
    if (messageType === 'hello') answer({ uaid: randomUUID().replaceAll('-', ''), use_webpush: true, broadcasts: {} });
    else if (messageType === 'register') {
      this.#channels.set(channelID, socket);
      answer({ channelID, pushEndpoint: `http://${this.#authority}/${channelID}` });
    } else if (messageType === 'unregister') {
      this.#channels.delete(channelID);
      answer({ channelID });
    } else if (messageType === 'ack') this.acknowledged.push(...updates);
  }

  async stop() {
    this.#server.closeAllConnections();
    for (const socket of this.#channels.values()) socket.terminate();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
