import { z } from 'zod';
import { exampleFacts, userFacts } from '../identity/user-facts.js';
import { address, defineRequest, instant, text } from '../message.js';
import { proof } from '../tokens/verify.js';

const origin = { ip: address.nullable() };

/**
 * Identity asks for a session after a login. With a password: of a user whose latest identity event is `userVersion` of the
 * history `userEpoch`; `user` is what that event says, so that nobody has to wait for it. With a token in the password's place (S4): of that token, whose owner's
 * account name must be `username`. With what may be a static key in its place (S37), which `proof` is that of: the same.
 */
export const startSession = defineRequest({
  subject: 'internal.tokens.start-session',
  request: z.discriminatedUnion('with', [
    z.strictObject({
      with: z.literal('password'),
      userId: z.uuid(),
      userVersion: z.int32().positive(),
      /** These two are missing in requests of versions that waited for the event. */
      userEpoch: z.int().nonnegative().optional(),
      user: userFacts.optional(),
      ...origin,
    }),
    z.strictObject({ with: z.literal('token'), credential: z.string().max(4096), username: text.max(256), ...origin }),
    z.strictObject({ with: z.literal('access-key'), proof, username: text.max(256), ...origin }),
  ]),
  reply: z.discriminatedUnion('started', [
    z.object({
      started: z.literal(true),
      sessionId: z.uuid(),
      userId: z.uuid(),
      credential: z.string(),
      expiresAt: instant,
    }),
    z.object({ started: z.literal(false), reason: z.string() }),
  ]),
  example: {
    request: {
      with: 'password',
      userId: '01997c9e-1111-7111-8111-111111111111',
      userVersion: 3,
      userEpoch: 1_763_000_000_000,
      user: exampleFacts,
      ip: '192.0.2.7',
    },
    reply: {
      started: true,
      sessionId: '01997c9e-4444-7444-8444-444444444444',
      userId: '01997c9e-1111-7111-8111-111111111111',
      credential: 'tks_01997c9e444474448444444444444444_(secret and check)',
      expiresAt: '2026-03-14T21:26:53.589Z',
    },
  },
});
export type StartSessionReply = z.infer<typeof startSession.reply>;
