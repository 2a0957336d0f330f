// A push service, and a browser that is subscribed there: it receives pushes and decrypts them with an independent package.

import { createECDH, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
// @ts-expect-error The package has no types.
import ece from 'http_ece';

/** Maximum milliseconds until a push arrives. */
const PATIENCE = 20_000;

export class PushService {
  /** Handlers of pushes, by path. @type {Map<string, (body: Buffer) => void>} */
  #paths = new Map();
  #server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray());
    const take = this.#paths.get(request.url ?? '');
    response.writeHead(take ? 201 : 404).end();
    take?.(body);
  });

  static async start() {
    const service = new PushService();
    service.#server.listen(0, '127.0.0.1');
    await once(service.#server, 'listening');
    return service;
  }

  /** A browser: its registration, and its next decrypted payload. */
  browser() {
    const keys = createECDH('prime256v1');
    const auth = randomBytes(16);
    const path = `/push/${randomBytes(8).toString('hex')}`;
    /** @type {string[]} */
    const payloads = [];
    let tell = () => {};
    this.#paths.set(path, (body) => {
      payloads.push(ece.decrypt(body, { version: 'aes128gcm', privateKey: keys, authSecret: auth.toString('base64url') }).toString());
      tell();
    });
    const { port } = /** @type {import('node:net').AddressInfo} */ (this.#server.address());
    const subscription = { name: 'laptop', endpoint: `http://127.0.0.1:${port}${path}`, keys: { p256dh: keys.generateKeys('base64url'), auth: auth.toString('base64url') } };
    const pushed = async () => {
      const end = Date.now() + PATIENCE;
      while (payloads.length === 0) {
        if (Date.now() > end) throw new Error('nothing was pushed');
        await Promise.race([new Promise((resolve) => (tell = () => resolve(undefined))), new Promise((resolve) => setTimeout(resolve, end - Date.now()))]);
      }
      return payloads.shift() ?? '';
    };
    return { subscription, pushed };
  }

  async stop() {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
