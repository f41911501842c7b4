import { Client } from 'undici';
import { serveParent } from '../child.js';
import { askInTurn } from '../clients.js';
import type { HttpLoadMessage, HttpLoadTask, HttpRequest } from '../http-load.js';

/** HTTP clients, in a process of their own, each with a connection of its own. */
const prepared = new Map<string, readonly HttpRequest[]>();

serveParent(async (message: HttpLoadMessage) => {
  if ('task' in message) return run(message.task);
  prepared.set(message.requests, message.content);
  return undefined;
});

async function run({ url, requests, clients, milliseconds, expect }: HttpLoadTask) {
  const content = prepared.get(requests) as readonly HttpRequest[];
  const connections = Array.from({ length: clients }, () => new Client(url, { pipelining: 1 }));
  try {
    return await askInTurn(requests, content, { clients, milliseconds }, async (request, client) => {
      const { method = 'GET', path, headers = {}, body = null } = request;
      const connection = connections[client] as Client;
      const response = await connection.request({ method, path, headers, body });
      const text = await response.body.text();
      if (response.statusCode !== expect.status || !text.includes(expect.body ?? '')) {
        throw new Error(`${method} ${new URL(path, url).pathname} answers ${response.statusCode} ${text}`);
      }
    });
  } finally {
    await Promise.all(connections.map((connection) => connection.destroy()));
  }
}
