import { connect, type Msg } from '@nats-io/transport-node';
import { natsOptions } from '@tokenlog/platform/nats.js';
import { givenArguments, serveParent } from './child.js';
import type { LoadMessage, LoadResult, LoadTask } from './load.js';
import { percentile } from './statistics.js';

/** The clients, in a process of their own: each sends its next request when it has its reply. */
const { natsUrl } = givenArguments<{ natsUrl: string }>();
const TIMEOUT_MS = 10_000;
/** Prime, and so larger than any common step of the payloads: consecutive requests lie far apart. */
const STRIDE = 7_919;

// Without traces: they would cost the client as much as the request itself.
const nats = await connect({ ...natsOptions(natsUrl, 'guard', 'bench'), noAsyncTraces: true });
const payloads = new Map<string, Uint8Array[]>();
const places = new Map<string, number>();

const expected: Record<LoadTask['expect'], (reply: Msg) => boolean> = {
  'active token': (reply) => reply.json<{ active?: boolean }>().active === true,
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

async function run(task: LoadTask): Promise<LoadResult> {
  const { subject, clients, milliseconds } = task;
  const sent = payloads.get(task.payloads) as Uint8Array[];
  const isExpected = expected[task.expect];
  let place = places.get(task.payloads) ?? 0;
  const latencies: number[] = [];
  const begun = performance.now();
  const end = begun + milliseconds;

  const client = async () => {
    for (let now = performance.now(); now < end; ) {
      place = (place + STRIDE) % sent.length;
      const reply = await nats.request(subject, sent[place], { timeout: TIMEOUT_MS });
      if (!isExpected(reply)) throw new Error(`${subject} answers ${reply.string()}`);
      const answered = performance.now();
      latencies.push(answered - now);
      now = answered;
    }
  };
  await Promise.all(Array.from({ length: clients }, client));

  const seconds = (performance.now() - begun) / 1_000;
  places.set(task.payloads, place);
  const sorted = Float64Array.from(latencies).sort();
  return {
    count: sorted.length,
    rate: sorted.length / seconds,
    p50: percentile(sorted, 0.5),
    p99: percentile(sorted, 0.99),
  };
}
