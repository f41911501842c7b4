import { setTimeout as delay } from 'node:timers/promises';
import { errors, type Msg, type NatsConnection, type Subscription } from '@nats-io/transport-node';
import { Logger } from '@nestjs/common';
import { type CustomTransportStrategy, type MessageHandler, NatsContext, Server } from '@nestjs/microservices';
import { PATIENCE_HEADER, type RequestContract, type RequestError } from '@tokenlog/contracts/message.js';
import { isObservable, lastValueFrom } from 'rxjs';
import type { z } from 'zod';
import { answering } from './bounded-client.js';
import { closeNats, connectNats, type NatsUser } from './nats.js';
import { invalidRequest, type Problem, problemOf } from './problem.js';
import { wrongFields } from './wrong-fields.js';

/** How long a service that shuts down goes on answering, at most: by then whoever asked has given up. */
const GRACE_MS = 3000;

/** A detail names what a request got wrong, and must not carry all of it back. */
const LONGEST_DETAIL = 2000;
const LONGEST_ID = 128;
const RESUBSCRIBE_MS = 1000;
/** Of what whoever asks waits, this is for the way there and back, in ms. */
const WAY_MS = 100;
const LONGEST_PATIENCE_MS = 60_000;

/**
 * Where replies go, and nowhere else: whoever asks names the subject of the reply, and must not have this service publish to
 * one that only it may publish to.
 */
const INBOX = /^_INBOX[._]/;

/** What is not JSON reaches handlers as `undefined`. */
const NOT_JSON = [{ field: 'body', detail: 'not JSON' }];

const internalError: RequestError = {
  error: { code: 'internal-error', detail: 'The service failed to answer; the failure is in its log.' },
};

type Outcome = { readonly response: unknown } | { readonly err: unknown };

/**
 * Nest's message handlers behind plain JSON, for a service whose replicas share the work of one queue group: a bare NATS
 * client sends `{…}` and gets `{…}`; a Nest `ClientProxy` sends and gets its envelope around the same content. What is not
 * JSON reaches the handler as `undefined`, so that it is answered too.
 *
 * Nest's own server for NATS sends each reply from a tick of its own, in a write of its own. Here those of one batch leave
 * together.
 */
export class NatsRequestServer extends Server implements CustomTransportStrategy {
  private nats: NatsConnection | undefined;
  private readonly subscriptions = new Map<string, Subscription>();
  private closing: Promise<void> | undefined;
  private underWay = 0;
  private onIdle: () => void = () => undefined;

  constructor(
    private readonly url: string,
    private readonly user: NatsUser,
  ) {
    super();
  }

  listen(callback: (error?: unknown) => void): void {
    this.subscribe().then(() => callback(), callback);
  }

  /** What was asked before is still answered, in three seconds at most. */
  close(): Promise<void> {
    this.closing ??= this.finish();
    return this.closing;
  }

  private async finish(): Promise<void> {
    if (!this.nats) return;
    await Promise.race([this.answerTheRest(), delay(GRACE_MS, undefined, { ref: false })]);
    await closeNats(this.nats);
  }

  on(): void {
    throw new Error('The connection tells its own log what happens to it.');
  }

  unwrap<Connection = NatsConnection>(): Connection {
    return this.nats as Connection;
  }

  private async subscribe(): Promise<void> {
    this.nats = await connectNats(this.url, this.user, `${this.user}-requests`);
    void this.serveAgain(this.nats);
    for (const [subject, handler] of this.messageHandlers) this.serve(this.nats, subject, handler);
    // The server knows the subscriptions only once it has read them.
    await this.nats.flush();
  }

  private serve(nats: NatsConnection, subject: string, handler: MessageHandler): void {
    const callback = (error: Error | null, message: Msg) => {
      if (error) this.logger.error(`${subject}: ${error.message}`);
      else if (INBOX.test(message.reply ?? '')) void this.respond(handler, message);
    };
    this.subscriptions.set(subject, nats.subscribe(subject, { queue: this.user, callback }));
  }

  /** A subscription that the server refuses, or takes away as its permissions change, is asked for until it is granted. */
  private async serveAgain(nats: NatsConnection): Promise<void> {
    for await (const status of nats.status()) {
      if (status.type !== 'error' || !(status.error instanceof errors.PermissionViolationError)) continue;
      const { operation, subject } = status.error;
      const handler = operation === 'subscription' && this.messageHandlers.get(subject);
      if (!handler) continue;
      setTimeout(() => {
        if (nats.isClosed() || nats.isDraining()) return;
        // Whether the client knows that it has ended depends on how the server's release words its refusal.
        this.subscriptions.get(subject)?.unsubscribe();
        this.serve(nats, subject, handler);
      }, RESUBSCRIBE_MS).unref();
    }
  }

  private async answerTheRest(): Promise<void> {
    // Not `unsubscribe`, which drops what the server has sent already.
    await Promise.allSettled([...this.subscriptions.values()].map((subscription) => subscription.drain()));
    if (this.underWay === 0) return;
    await new Promise<void>((resolve) => {
      this.onIdle = resolve;
    });
  }

  private async respond(handler: MessageHandler, message: Msg): Promise<void> {
    this.underWay++;
    const body = parse(message);
    const envelope = isEnvelope(body) ? body : undefined;
    const patience = patienceOf(message);
    const givenUpAt = patience === undefined ? Number.POSITIVE_INFINITY : performance.now() + patience;
    const handle = async () => {
      const result = await handler(
        envelope ? envelope.data : body,
        new NatsContext([message.subject, message.headers]),
      );
      return isObservable(result) ? lastValueFrom(result) : result;
    };
    let answered: Outcome;
    try {
      answered = { response: await (patience === undefined ? handle() : answering(patience - WAY_MS, handle)) };
    } catch (err) {
      answered = { err };
    }
    const reply = (outcome: Outcome) => message.respond(JSON.stringify(packed(outcome, envelope?.id)));
    try {
      // Nobody hears what comes too late.
      if (performance.now() < givenUpAt) reply(answered);
    } catch (error) {
      this.logger.error(`${message.subject}: ${(error as Error).message}`);
      // Not to be written as JSON, or too large for a message. Without a connection nobody can be told.
      if (this.nats && !this.nats.isClosed() && !this.nats.isDraining()) reply({ err: internalError.error });
    }
    if (--this.underWay === 0) this.onIdle();
  }
}

/** What is sent: Nest's packet where its envelope came, and else what a client outside Nest gets. */
function packed(outcome: Outcome, id: string | undefined): unknown {
  if (id !== undefined) return { ...outcome, isDisposed: true, id };
  if ('response' in outcome) return outcome.response;
  return isTold(outcome.err) ? { error: outcome.err } : internalError;
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
    const wrong = payload === undefined ? NOT_JSON : wrongFields(request.error.issues, 'body');
    return { error: describe(invalidRequest(wrong)) };
  }
  try {
    return await handle(request.data);
  } catch (error) {
    const problem = problemOf(error);
    if (problem) return { error: describe(problem) };
    new Logger('NatsTransport').error(`${contract.subject}: ${error instanceof Error ? error.stack : String(error)}`);
    return internalError;
  }
}

/** A problem as it is told over NATS. */
function describe({ code, message, errors, retryAfterSeconds }: Problem): RequestError['error'] {
  return {
    code,
    detail: message.slice(0, LONGEST_DETAIL),
    ...(errors && { errors: [...errors] }),
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  };
}

function patienceOf({ headers }: Msg): number | undefined {
  const said = Number(headers?.get(PATIENCE_HEADER) || undefined);
  return said > 0 && said < LONGEST_PATIENCE_MS ? said : undefined;
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

/**
 * A reply is found by its id, and Nest's own are short texts: what has another is a plain request, and refused as one. The id
 * goes back with the reply, which must not be larger than a message may be.
 */
function isEnvelope(body: unknown): body is { pattern: unknown; data: unknown; id: string } {
  if (typeof body !== 'object' || body === null) return false;
  return (
    'pattern' in body && 'data' in body && 'id' in body && typeof body.id === 'string' && body.id.length <= LONGEST_ID
  );
}
