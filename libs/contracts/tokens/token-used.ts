import { z } from 'zod';
import { defineEvent, eventBase, instant } from '../message.js';
import { exampleToken } from './example-token.js';

/**
 * The token was accepted `count` times; a batch of verifications is one event per token. The counts of `breakdown` add up to
 * `count`; a service and address that asked different questions, for other scopes say, stand there once for each.
 */
export const tokenUsed = defineEvent({
  subject: 'tokens.token-used',
  schema: eventBase.extend({
    type: z.literal('token-used'),
    tokenId: z.uuid(),
    count: z.int().positive(),
    firstAt: instant,
    lastAt: instant,
    breakdown: z.array(
      z.object({ service: z.string().nullable(), ip: z.string().nullable(), count: z.int().positive() }),
    ),
  }),
  example: {
    ...exampleToken,
    type: 'token-used',
    count: 2,
    firstAt: '2026-03-14T09:26:53.101Z',
    lastAt: '2026-03-14T09:26:53.104Z',
    breakdown: [{ service: 'example-api', ip: '192.0.2.7', count: 2 }],
  },
});
export type TokenUsed = z.infer<typeof tokenUsed.schema>;
