import type { ExecutionContext } from '@nestjs/common';
import { readAddress } from '@tokenlog/contracts/address.js';
import type { ActiveReply } from '@tokenlog/contracts/tokens/verify.js';
import type { ResolvedAuthOptions } from './auth-options.js';
import {
  type Challenger,
  credentialMissing,
  credentialRefused,
  crossOrigin,
  passwordChangeRequired,
  roleMissing,
  verificationUnavailable,
} from './auth-problem.js';
import type { Authentication, GuardedRequest, PresentedCredential } from './authentication.js';
import { type RequestWithCredential, takeCredential } from './extract-credential.js';
import { takeMessageCredential } from './extract-message-credential.js';
import type { Requirements } from './requirements.js';
import { isSafeOrSameOrigin, mayOfferBasic, type OriginOfRequest } from './same-origin.js';
import { type TokenVerifier, VerifierUnavailableError, type VerifyQuestion } from './token-verifier.js';

/** What is read of an HTTP request, on Express and Fastify alike. */
export type IncomingRequest = RequestWithCredential & OriginOfRequest & { readonly ip?: string };

type RpcArguments = ReturnType<ExecutionContext['switchToRpc']>;

interface Presented {
  readonly presented: PresentedCredential | undefined;
  readonly ip: string | undefined;
  /** Of what its refusals may offer. */
  readonly offersBasic: boolean;
}

/** Decides about requests: finds their credential, has it verified, holds the answer against the route's requirements. */
export class RequestAuthenticator {
  constructor(
    private readonly options: ResolvedAuthOptions,
    private readonly verifier: TokenVerifier,
  ) {}

  /**
   * Who makes this request: at once where the answer is in memory. One verification a request, which is one use (S34),
   * however many guards stand before its handler. Rejects with AuthProblem when the request is refused.
   */
  authenticateRequest(request: IncomingRequest, guarded: GuardedRequest): Authentication | Promise<Authentication> {
    guarded.decision ??= this.decide(guarded, request, readRequest);
    return guarded.decision;
  }

  /** The same of a message. */
  authenticateMessage(message: RpcArguments, guarded: GuardedRequest): Authentication | Promise<Authentication> {
    guarded.decision ??= this.decide(guarded, message, readMessage);
    return guarded.decision;
  }

  /** What the answer to an accepted request says of its end (S41), where that is asked for and there is one. */
  toldExpiry({ session, token }: Authentication): string | undefined {
    if (!this.options.expiresHeader) return undefined;
    const ends = [session?.expiresAt, token?.expiresAt].filter((end) => typeof end === 'string').map(Date.parse);
    // A session does not outlive its token, whose expiry may have been moved since.
    return ends.length > 0 ? new Date(Math.min(...ends)).toISOString() : undefined;
  }

  private decide<From>(
    guarded: GuardedRequest,
    from: From,
    read: (from: From, options: ResolvedAuthOptions) => Presented,
  ): Authentication | Promise<Authentication> {
    try {
      const { presented, ip, offersBasic } = read(from, this.options);
      const challenger = { realm: this.options.service, offersBasic };
      if (!presented) throw credentialMissing(challenger);
      const { text: credential, username } = presented;
      const { requirements } = guarded;
      const question = { credential, scopes: requirements.scopes, roles: requirements.roles, username, ip };
      const held = this.verifier.recall(question);
      if (held) return accept(guarded, requirements, presented, held);
      return this.ask(guarded, requirements, presented, question, challenger);
    } catch (error) {
      return refusal(error);
    }
  }

  private async ask(
    guarded: GuardedRequest,
    requirements: Requirements,
    presented: PresentedCredential,
    question: VerifyQuestion,
    challenger: Challenger,
  ): Promise<Authentication> {
    const reply = await this.verifier.ask(question).catch((error: unknown) => {
      throw error instanceof VerifierUnavailableError ? verificationUnavailable(error.said) : error;
    });
    if (!reply.active && reply.missing === 'role') throw roleMissing(requirements.roles ?? []);
    if (!reply.active) throw credentialRefused(challenger, reply.reason, requirements.scopes);
    return accept(guarded, requirements, presented, reply);
  }
}

/** Holds an accepted credential against the rest of what its route requires. */
function accept(
  guarded: GuardedRequest,
  { roles, whilePasswordChangeRequired }: Requirements,
  { by }: PresentedCredential,
  reply: ActiveReply,
): Authentication {
  if (reply.session?.mustChangePassword && !whilePasswordChangeRequired) throw passwordChangeRequired();
  if (roles && !roles.some((role) => reply.user.roles.includes(role))) throw roleMissing(roles);
  const authentication = { ...reply, carriedBy: by };
  guarded.authentication = authentication;
  return authentication;
}

/** Whoever asked takes it up a little later, as any that had to be asked for. */
async function refusal(error: unknown): Promise<never> {
  throw error;
}

function readRequest(request: IncomingRequest, { urlParameter }: ResolvedAuthOptions): Presented {
  const presented = takeCredential(request, urlParameter);
  if (presented?.by === 'cookie' && !isSafeOrSameOrigin(request)) throw crossOrigin();
  return { presented, ip: readAddress(request.ip) ?? undefined, offersBasic: mayOfferBasic(request) };
}

function readMessage(message: RpcArguments): Presented {
  return {
    presented: takeMessageCredential(message.getData(), message.getContext()),
    ip: undefined,
    offersBasic: false,
  };
}
