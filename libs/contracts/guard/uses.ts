import { z } from 'zod';
import { address, defineEvent, instant, text } from '../message.js';

/** The JetStream stream that takes reports of uses until the token service has counted them. */
export const GUARD_USES_STREAM = 'GUARD_USES';

/** The most tokens that one report names; a guard with more sends several. */
export const USES_PER_REPORT = 500;

/** The most addresses that a report tells apart for one token; the uses of all others are counted without one. */
export const ADDRESSES_PER_TOKEN = 20;

/** The most uses that a part of a breakdown counts: what a guard can answer in half a second. More are several parts. */
export const USES_PER_PART = 1_000_000;

/** A report's number times the tokens that it may name is a version in the log, which is a 32-bit integer. */
const MOST_REPORTS = 4_000_000;

/**
 * Uses that a guard answered from memory; said under its name, where it has one. `report` counts the guard's reports from 1: a
 * report that comes twice is counted once.
 */
export const guardUses = defineEvent({
  subject: 'tokens.guard.uses',
  schema: z.object({
    guard: z.uuid(),
    report: z.int().positive().max(MOST_REPORTS),
    service: text.min(1).max(128),
    uses: z
      .array(
        z.object({
          tokenId: z.uuid(),
          firstAt: instant,
          lastAt: instant,
          /** `ip` is an address; what is none is counted without one. */
          breakdown: z
            .array(z.object({ ip: address.nullable(), count: z.int().positive().max(USES_PER_PART) }))
            .min(1)
            .max(ADDRESSES_PER_TOKEN + 1),
        }),
      )
      .min(1)
      .max(USES_PER_REPORT),
  }),
  example: {
    guard: '01997c9e-5555-7555-8555-555555555555',
    report: 17,
    service: 'example-api',
    uses: [
      {
        tokenId: '01997c9e-2222-7222-8222-222222222222',
        firstAt: '2026-03-14T09:26:53.101Z',
        lastAt: '2026-03-14T09:26:53.988Z',
        breakdown: [{ ip: '192.0.2.7', count: 31 }],
      },
    ],
  },
});
export type GuardUses = z.infer<typeof guardUses.schema>;
