import type { ExecutionContext } from '@nestjs/common';
import type { ActiveReply } from '@tokenlog/contracts/tokens/verify.js';
import type { AuthProblem } from './auth-problem.js';
import { type Requirements, requirementsOf } from './requirements.js';

/**
 * Where a request carried its credential. `body` and `url` are `auth_token` (S3); `message-…` are messages over NATS or a
 * WebSocket, `handshake` what a WebSocket's client gave as it connected.
 */
export type CarriedBy =
  | 'authorization'
  | 'auth-token'
  | 'basic'
  | 'body'
  | 'url'
  | 'cookie'
  | 'message-header'
  | 'message-field'
  | 'handshake';

/** A credential as it was found, not yet checked. `text` must never be logged. */
export interface PresentedCredential {
  readonly text: string;
  readonly by: CarriedBy;
  /** The user name that came with it in HTTP Basic (S4). */
  readonly username?: string;
}

/** The user behind an accepted credential, with the roles that the user has now. */
export type AuthenticatedUser = ActiveReply['user'];

/** An accepted verification: all of its reply, and where its credential was found. */
export type Authentication = ActiveReply & { readonly carriedBy: CarriedBy };

/**
 * What guards know of one request (HTTP) or message (NATS). Of the execution context it keeps only what is read later: the
 * less leads from one object of a request to the others, the sooner they are collected.
 */
export class GuardedRequest {
  /** The decision, once it is asked for: what is in memory is there at once, and a refusal is always a promise's. */
  decision: Authentication | Promise<Authentication> | undefined;
  /** Set when the request is accepted. */
  authentication: Authentication | undefined;
  /** Of HTTP requests: has the application decide, for the passport strategy, which is one for all of them. */
  decider: RequestDecider | undefined;
  /** Of messages, whose credential is taken out of them. */
  presented: Presented | undefined;

  constructor(
    /** Of the route that it goes to. */
    public requirements: Requirements,
    readonly response: object | undefined,
  ) {}

  /** What was decided for one route says nothing of another that the same request or message comes to. */
  goTo(requirements: Requirements): this {
    if (this.requirements !== requirements) this.decision = undefined;
    this.requirements = requirements;
    return this;
  }
}

/** What a request or message presents, and what its refusal may offer. */
export interface Presented {
  readonly presented: PresentedCredential | undefined;
  readonly ip: string | undefined;
  readonly offersBasic: boolean;
}

/** Decides about the requests of one application, and answers those that nobody else can. */
export interface RequestDecider {
  authenticate(request: object, guarded: GuardedRequest): Promise<Authentication>;
  refuse(guarded: GuardedRequest, problem: AuthProblem): void;
  /** Of a refusal that somebody else may yet overrule: if nobody does, the 401 has its challenges. */
  refuseUnlessOverruled(guarded: GuardedRequest, problem: AuthProblem): void;
}

/** Where a request or a message's context keeps it. A `WeakMap` is slower, and collected later. */
const KEPT = Symbol('tokenlog');

interface Keeper {
  [KEPT]?: GuardedRequest;
}

/** The one of this context's request, which goes to this context's route from now on. */
export function guardedRequest(context: ExecutionContext): GuardedRequest {
  const requirements = requirementsOf(context);
  const type = context.getType<string>();
  if (type === 'graphql') return guardedField(context, requirements);
  if (type === 'ws') return guardedSocketMessage(context, requirements);
  const keeper = keeperOf(context, type);
  const known = guardedRequestOf(keeper);
  if (known) return known.goTo(requirements);
  const response = type === 'http' ? context.getArgByIndex(1) : undefined;
  const guarded = new GuardedRequest(requirements, response);
  // Not enumerable: a copy of a request, with another credential perhaps, must not carry the decision along.
  Object.defineProperty(keeper, KEPT, { value: guarded });
  return guarded;
}

/** The one of an HTTP request or a message's context, if a guard has seen it. */
export function guardedRequestOf(keeper: Keeper): GuardedRequest | undefined {
  // Not that of a request which is the prototype of this one.
  return Object.hasOwn(keeper, KEPT) ? keeper[KEPT] : undefined;
}

/** What a guard found out about this request; `undefined` on a public route. */
export function authenticationOf(context: ExecutionContext): Authentication | undefined {
  const type = context.getType<string>();
  if (type === 'graphql')
    return operations.get(operationOf(context))?.get(keyOf(requirementsOf(context)))?.authentication;
  if (type === 'ws') return messages.get(messageOf(context))?.authentication;
  return guardedRequestOf(keeperOf(context, type))?.authentication;
}

/**
 * The object that stands for one request in every guard, interceptor and parameter decorator that sees it.
 * @throws Error for a transport that the guard does not know
 */
function keeperOf(context: ExecutionContext, type: string): Keeper {
  // `switchToHttp` would make three functions each time.
  if (type === 'http') return context.getArgByIndex(0);
  if (type === 'rpc') return context.switchToRpc().getContext() ?? context.switchToRpc().getData();
  throw new Error(
    `@tokenlog/auth guards HTTP routes, message handlers, GraphQL resolvers and WebSocket gateways, not "${type}".`,
  );
}

/** Of GraphQL: by the operation's context, and for each of its resolvers that requires something else. */
const operations = new WeakMap<object, Map<string, GuardedRequest>>();

/** One for all fields of an operation that require the same: they are resolved at once, and are one use. */
function guardedField(context: ExecutionContext, requirements: Requirements): GuardedRequest {
  const operation = operationOf(context);
  const fields = operations.get(operation) ?? new Map<string, GuardedRequest>();
  operations.set(operation, fields);
  const key = keyOf(requirements);
  const guarded = fields.get(key) ?? new GuardedRequest(requirements, operation.res ?? operation.reply);
  fields.set(key, guarded);
  return guarded;
}

/** The context value of a GraphQL operation; see `GraphQLModule.forRoot({ context })`. */
export function operationOf(context: ExecutionContext): { res?: object; reply?: object } {
  return context.getArgByIndex(2);
}

function keyOf({ scopes, roles, whilePasswordChangeRequired }: Requirements): string {
  return JSON.stringify([scopes ?? null, roles ?? null, whilePasswordChangeRequired]);
}

/** Of WebSockets: by the message's payload, or by its socket where that is no object. */
const messages = new WeakMap<object, GuardedRequest>();

function guardedSocketMessage(context: ExecutionContext, requirements: Requirements): GuardedRequest {
  const message = messageOf(context);
  // A socket stays, and each of its messages is decided on anew.
  const known = message === context.getArgByIndex(0) ? undefined : messages.get(message);
  const guarded = known?.goTo(requirements) ?? new GuardedRequest(requirements, undefined);
  messages.set(message, guarded);
  return guarded;
}

function messageOf(context: ExecutionContext): object {
  const payload = context.getArgByIndex(1);
  return typeof payload === 'object' && payload !== null ? payload : context.getArgByIndex(0);
}
