import type { ExecutionContext } from '@nestjs/common';
import { plainAddress } from '@tokenlog/contracts/address.js';
import type { ResolvedAuthOptions } from './auth-options.js';
import {
  credentialMissing,
  credentialRefused,
  crossOrigin,
  passwordChangeRequired,
  roleMissing,
  verificationUnavailable,
} from './auth-problem.js';
import { type Authentication, keepAuthentication, keyOf, type PresentedCredential } from './authentication.js';
import { type RequestWithCredential, takeCredential } from './extract-credential.js';
import { takeMessageCredential } from './extract-message-credential.js';
import { type Requirements, requirementsOf } from './requirements.js';
import { isSafeOrSameOrigin, type OriginOfRequest } from './same-origin.js';
import { type TokenVerifier, VerifierUnavailableError } from './token-verifier.js';

/** Decides about requests: finds their credential, has it verified, holds the answer against the route's requirements. */
export class RequestAuthenticator {
  /** One verification a request, which is one use (S34), however many guards stand before its handler. */
  private readonly decisions = new WeakMap<object, Promise<Authentication>>();

  constructor(
    private readonly options: ResolvedAuthOptions,
    private readonly verifier: TokenVerifier,
  ) {}

  /**
   * Who makes this request.
   * @throws AuthProblem when the request is refused
   */
  authenticate(context: ExecutionContext): Promise<Authentication> {
    const request = keyOf(context);
    const decision = this.decisions.get(request) ?? this.decide(context);
    this.decisions.set(request, decision);
    return decision;
  }

  /** What the answer to an accepted request must carry: `Token-Expires-At` (S41) where it is asked for and there is an end. */
  headersOf({ session, token }: Authentication): Record<string, string> {
    const ends = [session?.expiresAt, token?.expiresAt].filter((end) => typeof end === 'string').map(Date.parse);
    if (!this.options.expiresHeader || ends.length === 0) return {};
    // A session does not outlive its token, whose expiry may have been moved since.
    return { 'Token-Expires-At': new Date(Math.min(...ends)).toISOString() };
  }

  private async decide(context: ExecutionContext): Promise<Authentication> {
    const requirements = requirementsOf(context);
    const { presented, ip } = context.getType() === 'http' ? this.readRequest(context) : readMessage(context);
    if (!presented) throw credentialMissing(this.options.service);
    const authentication = await this.verify(presented, requirements, ip);
    if (authentication.session?.mustChangePassword && !requirements.whilePasswordChangeRequired) {
      throw passwordChangeRequired();
    }
    const { roles } = requirements;
    if (roles && !roles.some((role) => authentication.user.roles.includes(role))) throw roleMissing(roles);
    keepAuthentication(context, authentication);
    return authentication;
  }

  private readRequest(context: ExecutionContext) {
    const request = context.switchToHttp().getRequest<RequestWithCredential & OriginOfRequest & { ip?: string }>();
    const presented = takeCredential(request, this.options.urlParameter);
    if (presented?.by === 'cookie' && !isSafeOrSameOrigin(request)) throw crossOrigin();
    return { presented, ...(request.ip && { ip: plainAddress(request.ip) }) };
  }

  private async verify(
    presented: PresentedCredential,
    { scopes }: Requirements,
    ip: string | undefined,
  ): Promise<Authentication> {
    const reply = await this.verifier
      .verify({ credential: presented.text, scopes, ip, ...named(presented) })
      .catch((error: unknown) => {
        throw error instanceof VerifierUnavailableError ? verificationUnavailable() : error;
      });
    if (!reply.active) throw credentialRefused(this.options.service, reply.reason, scopes);
    return { ...reply, carriedBy: presented.by };
  }
}

/** S4: the user name of HTTP Basic. */
function named({ username }: PresentedCredential): { username?: string } {
  return username === undefined ? {} : { username };
}

function readMessage(context: ExecutionContext): { presented: PresentedCredential | undefined; ip?: string } {
  const message = context.switchToRpc();
  return { presented: takeMessageCredential(message.getData(), message.getContext()) };
}
