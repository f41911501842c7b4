import { randomUUID } from 'node:crypto';
import type { DynamicModule } from '@nestjs/common';
import { formatCredential, generateSecret, parseCredential } from '@tokenlog/contracts/credential.js';
import type { ActiveReply } from '@tokenlog/contracts/tokens/verify.js';
import { moduleOf } from '../auth.module.js';
import { resolveAuthOptions } from '../auth-options.js';
// Its public face: the types of this entry are packed beside those of the other.
import {
  type AuthOptions,
  type RefusalReason,
  TokenVerifier,
  VerifierUnavailableError,
  type VerifyQuestion,
  type VerifyReply,
} from '../index.js';

/** Whose token it is and what it may do. */
export interface TestAs {
  /** Default none. */
  readonly scopes?: readonly string[];
  /** Default none. */
  readonly roles?: readonly string[];
  /** The user's id. Default: one for each name. */
  readonly id?: string;
  /** RFC 3339. Default: never. */
  readonly expiresAt?: string;
  /** A session of a user who must first set a new password; with every scope. Default false. */
  readonly mustChangePassword?: boolean;
  /** The token service refuses it so: `expired`, `revoked`, … Default: it is good. */
  readonly refused?: RefusalReason;
  /** The token service cannot be asked about it: 503. Default false. */
  readonly unavailable?: boolean;
}

interface Issued {
  readonly secret: string;
  readonly reply: ActiveReply;
  readonly as: TestAs;
}

/**
 * In the place of the token service, for tests: it makes up tokens, and the guard decides about them as about real ones, without
 * NATS. Use its `module` instead of `AuthModule.forRoot`, or put it in the place of an application's verifier:
 * `Test.createTestingModule({ imports: [AppModule] }).overrideProvider(TokenVerifier).useValue(auth)`.
 */
export class TestAuth implements Pick<TokenVerifier, 'verify' | 'connected'> {
  /** Each question that the guard asked. */
  readonly questions: VerifyQuestion[] = [];
  readonly connected = true;
  private readonly issued = new Map<string, Issued>();
  private readonly ids = new Map<string, string>();

  constructor(private readonly options: Partial<Omit<AuthOptions, 'nats' | 'cache' | 'verify'>> = {}) {}

  /** To be imported where the application imports `AuthModule.forRoot(…)`. */
  get module(): DynamicModule {
    const options = { service: 'test', ...this.options, nats: 'nats://nowhere.invalid' };
    return moduleOf({ useFactory: () => resolveAuthOptions(options) }, { provide: TokenVerifier, useValue: this });
  }

  /** The header of a request as this user: `.set(auth.as('ada', { scopes: ['rest'] }))`. A message's field as well. */
  as(username: string, as: TestAs = {}): { authorization: string } {
    return { authorization: `Bearer ${this.token(username, as)}` };
  }

  /** The text of a token, or session, of this user. */
  token(username: string, as: TestAs = {}): string {
    const id = randomUUID();
    const secret = generateSecret();
    const userId = as.id ?? this.ids.get(username) ?? randomUUID();
    this.ids.set(username, userId);
    this.issued.set(id, {
      secret,
      as,
      reply: replyFor(id, { id: userId, username, roles: [...(as.roles ?? [])] }, as),
    });
    return formatCredential({ prefix: as.mustChangePassword ? 'tks' : 'tkl', id, secret });
  }

  /** From now on this credential is refused: a text of `token`, or the header of `as`. */
  refuse(credential: string, reason: RefusalReason): void {
    const { id = '' } = parseCredential(credential.replace(/^Bearer /, '')) ?? {};
    const issued = this.issued.get(id);
    if (!issued) throw new Error('TestAuth: this is no credential of mine.');
    this.issued.set(id, { ...issued, as: { ...issued.as, refused: reason } });
  }

  /** As `TokenVerifier` has it. */
  async verify(question: VerifyQuestion): Promise<VerifyReply> {
    this.questions.push(question);
    if (!('credential' in question)) throw new Error('TestAuth verifies credentials, not proofs.');
    const credential = parseCredential(question.credential);
    if (!credential) return { active: false, reason: 'malformed' };
    const found = this.issued.get(credential.id);
    if (found?.secret !== credential.secret) return { active: false, reason: 'unknown' };
    const { as, reply } = found;
    if (as.unavailable) throw new VerifierUnavailableError('TestAuth: unavailable');
    if (as.refused) return { active: false, reason: as.refused };
    const { username, scopes, roles } = question;
    if (username !== undefined && username !== reply.user.username) return { active: false, reason: 'unknown' };
    if (scopes && !reply.scopes.includes('*') && !haveCommon(scopes, reply.scopes))
      return { active: false, reason: 'scope' };
    if (roles && !haveCommon(roles, reply.user.roles)) return { active: false, reason: 'scope', missing: 'role' };
    return reply;
  }
}

function replyFor(id: string, user: ActiveReply['user'], as: TestAs): ActiveReply {
  const expiresAt = as.expiresAt ?? null;
  const common = { active: true as const, user, checkedAt: new Date().toISOString(), validUntil: expiresAt };
  if (as.mustChangePassword) {
    const session = {
      id,
      expiresAt: expiresAt ?? '2099-01-01T00:00:00.000Z',
      startedWith: 'password' as const,
      mustChangePassword: true,
    };
    return { ...common, kind: 'session', token: null, scopes: ['*'], session };
  }
  const scopes = [...(as.scopes ?? [])];
  const token = { id, description: 'of a test', scopes, expiresAt, secretGeneration: 1 };
  return { ...common, kind: 'token', token, scopes };
}

function haveCommon(some: readonly string[], others: readonly string[]): boolean {
  return some.some((each) => others.includes(each));
}
