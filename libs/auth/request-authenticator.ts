import type { ExecutionContext } from '@nestjs/common';
import { readAddress } from '@tokenlog/contracts/address.js';
import type { ActiveReply, VerifyReply } from '@tokenlog/contracts/tokens/verify.js';
import type { AuthFigures } from './auth-figures.js';
import type { ResolvedAuthOptions } from './auth-options.js';
import {
  AuthProblem,
  type Challenger,
  credentialMissing,
  credentialRefused,
  crossOrigin,
  passwordChangeRequired,
  roleMissing,
  verificationUnavailable,
} from './auth-problem.js';
import type { Authentication, GuardedRequest, Presented, PresentedCredential } from './authentication.js';
import { takeCredential } from './extract-credential.js';
import { type IncomingRequest, readOther } from './read-other.js';
import type { Requirements } from './requirements.js';
import { isSafeOrSameOrigin, mayOfferBasic } from './same-origin.js';
import { type TokenVerifier, VerifierUnavailableError, type VerifyQuestion } from './token-verifier.js';

/** Decides about requests: finds their credential, has it verified, holds the answer against the route's requirements. */
export class RequestAuthenticator {
  constructor(
    private readonly options: ResolvedAuthOptions,
    /** The documented methods of what is injected for `TokenVerifier` are all that is called. */
    private readonly verifier: Pick<TokenVerifier, 'verify'> & Partial<Pick<TokenVerifier, 'recall'>>,
    private readonly figures: AuthFigures,
  ) {}

  /**
   * Who makes this request: at once where the answer is in memory. One verification a request, which is one use (S34),
   * however many guards stand before its handler. Rejects with AuthProblem when the request is refused.
   */
  authenticateRequest(request: IncomingRequest, guarded: GuardedRequest): Authentication | Promise<Authentication> {
    guarded.decision ??= this.decide(guarded, request, readRequest);
    return guarded.decision;
  }

  /** The same of what comes another way: a message, a GraphQL operation, a WebSocket's event. */
  authenticateOther(context: ExecutionContext, guarded: GuardedRequest): Authentication | Promise<Authentication> {
    guarded.decision ??= this.decide(guarded, context, (from, options) => {
      guarded.presented ??= readOther(from, (request) => readRequest(request, options));
      return guarded.presented;
    });
    return guarded.decision;
  }

  /** Counts a refusal that was made before anything was asked. */
  countRefusal(error: unknown): void {
    if (error instanceof AuthProblem) this.figures.refused(error.code, error.getStatus());
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
      const held = this.verifier.recall?.(question);
      if (held) return accept(guarded, requirements, presented, held);
      return this.ask(guarded, requirements, presented, question, challenger).catch((error) => this.refuse(error));
    } catch (error) {
      return this.refuse(error);
    }
  }

  private async ask(
    guarded: GuardedRequest,
    requirements: Requirements,
    presented: PresentedCredential,
    question: VerifyQuestion,
    challenger: Challenger,
  ): Promise<Authentication> {
    const reply = await this.verify(question);
    if (!reply.active && reply.missing === 'role') throw roleMissing(requirements.roles ?? []);
    if (!reply.active) throw credentialRefused(challenger, reply.reason, requirements.scopes);
    return accept(guarded, requirements, presented, reply);
  }

  private async verify(question: VerifyQuestion): Promise<VerifyReply> {
    try {
      return await this.verifier.verify(question);
    } catch (error) {
      throw error instanceof VerifierUnavailableError ? verificationUnavailable(error.said) : error;
    }
  }

  /** Whoever asked takes it up a little later, as any that had to be asked for. */
  private async refuse(error: unknown): Promise<never> {
    this.countRefusal(error);
    throw error;
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

function readRequest(request: IncomingRequest, { urlParameter }: ResolvedAuthOptions): Presented {
  const presented = takeCredential(request, urlParameter);
  if (presented?.by === 'cookie' && !isSafeOrSameOrigin(request)) throw crossOrigin();
  return { presented, ip: readAddress(request.ip) ?? undefined, offersBasic: mayOfferBasic(request) };
}
