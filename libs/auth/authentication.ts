import type { ExecutionContext } from '@nestjs/common';
import type { ActiveReply } from '@tokenlog/contracts/tokens/verify.js';
import type { AuthProblem } from './auth-problem.js';
import { type Requirements, requirementsOf } from './requirements.js';

/** Where a request carried its credential. `body` and `url` are `auth_token` (S3); the last two are NATS messages. */
export type CarriedBy =
  | 'authorization'
  | 'auth-token'
  | 'basic'
  | 'body'
  | 'url'
  | 'cookie'
  | 'message-header'
  | 'message-field';

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

  constructor(
    /** Of the route that it goes to. */
    public requirements: Requirements,
    readonly response: object | undefined,
  ) {}
}

/** Decides about the requests of one application, and answers those that nobody else can. */
export interface RequestDecider {
  authenticate(request: object, guarded: GuardedRequest): Promise<Authentication>;
  refuse(guarded: GuardedRequest, problem: AuthProblem): void;
}

/** Where a request or a message's context keeps it. A `WeakMap` is slower, and collected later. */
const KEPT = Symbol('tokenlog');

interface Keeper {
  [KEPT]?: GuardedRequest;
}

/** The one of this context's request, which goes to this context's route from now on. */
export function guardedRequest(context: ExecutionContext): GuardedRequest {
  const keeper = keeperOf(context);
  const requirements = requirementsOf(context);
  const known = guardedRequestOf(keeper);
  if (known) {
    known.requirements = requirements;
    return known;
  }
  const response = context.getType() === 'http' ? context.getArgByIndex(1) : undefined;
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
  return guardedRequestOf(keeperOf(context))?.authentication;
}

/**
 * The object that stands for one request in every guard, interceptor and parameter decorator that sees it.
 * @throws Error for a transport that has neither requests nor messages
 */
function keeperOf(context: ExecutionContext): Keeper {
  const type = context.getType();
  // `switchToHttp` would make three functions each time.
  if (type === 'http') return context.getArgByIndex(0);
  if (type === 'rpc') return context.switchToRpc().getContext() ?? context.switchToRpc().getData();
  throw new Error(`@tokenlog/auth guards HTTP routes and message handlers, not "${type}".`);
}
