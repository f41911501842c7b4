import { randomUUID } from 'node:crypto';
import type { Msg } from '@nats-io/transport-node';
import { Logger } from '@nestjs/common';
import { type Deserializer, type MicroserviceOptions, type Serializer, Transport } from '@nestjs/microservices';
import type { RequestContract, RequestError } from '@tokenlog/contracts/message.js';
import type { z } from 'zod';
import { type NatsUser, natsOptions } from './nats.js';
import { Problem } from './problem.js';

/** How long a service that shuts down goes on answering. */
const GRACE_MS = 250;

/**
 * Where replies go, and nowhere else: whoever asks names the subject of the reply, and must not have this service publish to
 * one that only it may publish to.
 */
const INBOX = /^_INBOX[._]/;

/** A request that came bare, not in Nest's envelope, has an id with this prefix: its reply goes out bare too. */
const BARE = 'bare:';

/**
 * Plain JSON in and out: a bare NATS client sends `{…}` and gets `{…}`; a Nest `ClientProxy` sends and gets its envelope
 * around the same content. What is not JSON reaches the handler as `undefined`, so that it is answered too.
 */
class PlainJsonDeserializer implements Deserializer {
  deserialize(message: Msg, options?: Record<string, unknown>) {
    const isAnswerable = INBOX.test(message.reply ?? '');
    const body = parse(message);
    if (isEnvelope(body)) return isAnswerable ? body : { ...body, data: undefined, id: undefined };
    return {
      pattern: options?.channel,
      data: isAnswerable ? body : undefined,
      id: isAnswerable ? BARE + randomUUID() : undefined,
    };
  }
}

class PlainJsonSerializer implements Serializer {
  serialize(packet: { id?: string; response?: unknown; err?: unknown; isDisposed?: boolean }) {
    if (!packet.id?.startsWith(BARE)) return { data: JSON.stringify(packet) };
    if (packet.err) return { data: JSON.stringify(isTold(packet.err) ? { error: packet.err } : internalError) };
    return { data: JSON.stringify(packet.response) };
  }
}

const internalError: RequestError = {
  error: { code: 'internal-error', detail: 'The service failed to answer; the failure is in its log.' },
};

/** Nest's NATS transport for a service whose replicas share the work of one queue group. */
export function natsTransport(url: string, user: NatsUser, name: string): MicroserviceOptions {
  return {
    transport: Transport.NATS,
    options: {
      ...natsOptions(url, user, name),
      queue: user,
      // What was asked before a shutdown is still answered.
      gracefulShutdown: true,
      gracePeriod: GRACE_MS,
      serializer: new PlainJsonSerializer(),
      deserializer: new PlainJsonDeserializer(),
    } as never,
  };
}

/**
 * Answers one request of a contract: parses it, runs the handler, and turns every failure into `{error:{code,detail}}`.
 * No request is left without a reply.
 */
export async function answer<Request extends z.ZodType, Reply extends z.ZodType>(
  contract: RequestContract<Request, Reply>,
  payload: unknown,
  handle: (request: z.output<Request>) => Promise<z.output<Reply>>,
): Promise<z.output<Reply> | RequestError> {
  const request = contract.request.safeParse(payload);
  if (!request.success) {
    const detail = request.error.issues
      .map((issue) => (issue.path.length ? `${issue.path.join('.')}: ${issue.message}` : issue.message))
      .join('; ');
    return { error: { code: 'invalid-request', detail } };
  }
  try {
    return await handle(request.data);
  } catch (error) {
    if (error instanceof Problem) return { error: { code: error.code, detail: error.message } };
    new Logger('NatsTransport').error(`${contract.subject}: ${error instanceof Error ? error.stack : String(error)}`);
    return internalError;
  }
}

function parse(message: Msg): unknown {
  try {
    return message.json();
  } catch {
    // Not JSON: the handler's schema refuses it, and the caller is told so.
    return undefined;
  }
}

/** What a guard refused with is meant for the caller. */
function isTold(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && 'detail' in error;
}

/** A reply is found by its id, and Nest's own are texts: what has another is a plain request, and refused as one. */
function isEnvelope(body: unknown): body is { pattern: unknown; data: unknown; id: string } {
  if (typeof body !== 'object' || body === null) return false;
  return 'pattern' in body && 'data' in body && 'id' in body && typeof body.id === 'string';
}
