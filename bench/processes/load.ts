import { connect, type Msg } from '@nats-io/transport-node';
import { natsOptions } from '@tokenlog/platform/nats.js';
import { givenArguments, serveParent } from '../child.js';
import { askInTurn } from '../clients.js';
import type { LoadMessage, LoadResult, LoadTask } from '../load.js';

/** NATS clients, in a process of their own, over one connection. */
const { natsUrl } = givenArguments<{ natsUrl: string }>();
const TIMEOUT_MS = 10_000;

// Without traces: they would cost the client as much as the request itself.
const nats = await connect({ ...natsOptions(natsUrl, 'identity', 'bench'), noAsyncTraces: true });
const payloads = new Map<string, Uint8Array[]>();

const expected: Record<LoadTask['expect'], (reply: Msg) => boolean> = {
  active: (reply) => reply.json<{ active?: boolean }>().active === true,
  'what was sent': (reply) => reply.json<{ id?: string }>().id !== undefined,
  'what was sent, in an envelope': (reply) => reply.json<{ response?: { id?: string } }>().response?.id !== undefined,
};

serveParent(async (message: LoadMessage) => {
  if ('task' in message) return run(message.task);
  if ('content' in message) {
    const encoder = new TextEncoder();
    payloads.set(
      message.payloads,
      message.content.map((text) => encoder.encode(text)),
    );
  }
  return nats.info?.version;
});

function run({ subject, payloads: name, expect, ...pace }: LoadTask): Promise<LoadResult> {
  const isExpected = expected[expect];
  return askInTurn(name, payloads.get(name) as Uint8Array[], pace, async (payload) => {
    const reply = await nats.request(subject, payload, { timeout: TIMEOUT_MS });
    if (!isExpected(reply)) throw new Error(`${subject} answers ${reply.string()}`);
  });
}
