import { z } from 'zod';
import { address, defineRequest, instant, role, scope, text } from '../message.js';

/**
 * Why a credential is refused: a closed list (S33). Without proof of possession of a secret that the token has
 * or had, the answer is `unknown`.
 */
export const refusalReason = z.enum([
  'malformed',
  'unknown',
  'superseded',
  'expired',
  'revoked',
  'deleted',
  'invalid',
  'user-disabled',
  'role-lost',
  'scope',
  'session-ended',
]);
export type RefusalReason = z.infer<typeof refusalReason>;

/**
 * The code of the error for a secret that may be good, and is kept under a key which this process of the token service does not have.
 * It is no refusal: another process, or this one later, may know.
 */
export const PEPPER_UNKNOWN = 'pepper-unknown';

/** An account name that was presented; what is no such text is nobody's. */
export const presentedName = text.max(128);

const question = {
  /** Any one of these is enough (S25). Left out: no scope is asked for. Empty: nothing matches. */
  scopes: z.array(scope).max(64).optional(),
  /**
   * The user must have any one of these (S26): whoever lacks them all is refused, and nothing is counted (S34). Left out: no role
   * is asked for. Empty: nothing matches. Services from before this field refuse a question that has it as `invalid-request`.
   */
  roles: z.array(role).max(64).optional(),
  /** The account name that was presented with it (S4): another's than the owner's makes the credential `unknown`. */
  username: presentedName.optional(),
  /** The name of the service that asks, for the token's history. */
  service: text.min(1).max(128).optional(),
  /** The address of the caller of that service, for the token's history. */
  ip: address.nullable().optional(),
};

/** base64url(SHA-256(secret)) */
export const proof = z.string().regex(/^[0-9A-Za-z_-]{43}$/, 'a proof is base64url of 32 bytes');

export const verifyRequest = z.union([
  z.strictObject({ credential: z.string().max(4096), ...question }),
  z.strictObject({
    /** The id of a token or of a session. */
    id: z.uuid(),
    proof,
    ...question,
  }),
  /** Of a credential that has no id in it: a static key that was imported (S37). The secret is the whole of it. */
  z.strictObject({ proof, ...question }),
]);
export type VerifyRequest = z.infer<typeof verifyRequest>;

export const activeReply = z.object({
  active: z.literal(true),
  kind: z.enum(['token', 'session']),
  /** Null in a session that was started with a password: it has every scope that its user could give, shown as `*`. */
  token: z
    .object({
      id: z.uuid(),
      description: z.string(),
      scopes: z.array(z.string()),
      expiresAt: instant.nullable(),
      /** Which of the token's secrets was proved: 1 for the first, one more with each refresh. */
      secretGeneration: z.int().positive(),
    })
    .nullable(),
  user: z.object({ id: z.uuid(), username: z.string(), roles: z.array(role) }),
  scopes: z.array(z.string()),
  /** When this was decided, by the token service's time. */
  checkedAt: instant,
  /** Up to when it holds if nothing happens: the end of the token, of the session, or of a replaced secret's grace. */
  validUntil: instant.nullable(),
  session: z
    .object({
      id: z.uuid(),
      expiresAt: instant,
      startedWith: z.enum(['password', 'token']),
      mustChangePassword: z.boolean(),
    })
    .optional(),
});
export type ActiveReply = z.infer<typeof activeReply>;

/**
 * `missing: 'role'` beside the reason `scope`: the credential is good, its user has none of the roles that were asked for. The
 * reasons are a closed list, and who does not know the field takes it for what it comes to: not allowed here.
 */
export const refusedReply = z.object({
  active: z.literal(false),
  reason: refusalReason,
  missing: z.literal('role').optional(),
});

export const verifyReply = z.discriminatedUnion('active', [activeReply, refusedReply]);
export type VerifyReply = z.infer<typeof verifyReply>;

/** Is this credential good, whose is it, and what may it do? Each `active: true` is one use, in the log before the reply. */
export const verify = defineRequest({
  subject: 'tokens.verify',
  request: verifyRequest,
  reply: verifyReply,
  example: {
    request: {
      id: '01997c9e-2222-7222-8222-222222222222',
      proof: 'n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg',
      scopes: ['rest'],
      service: 'example-api',
      ip: '192.0.2.7',
    },
    reply: {
      active: true,
      kind: 'token',
      token: {
        id: '01997c9e-2222-7222-8222-222222222222',
        description: 'nightly export',
        scopes: ['rest'],
        expiresAt: '2026-06-12T09:26:53.589Z',
        secretGeneration: 1,
      },
      user: { id: '01997c9e-1111-7111-8111-111111111111', username: 'ada', roles: ['operator'] },
      scopes: ['rest'],
      checkedAt: '2026-03-14T09:26:53.589Z',
      validUntil: '2026-06-12T09:26:53.589Z',
    },
  },
});
