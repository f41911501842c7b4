import { z } from 'zod';
import { defineRequest, text } from '../message.js';

/** How long a lease lasts, measured by the guard from when it sent the heartbeat. */
export const LEASE_MS = 2000;

/**
 * A caching guard asks for its lease, or for more of it; under its name, where it has one: see `subjectOfGuard`.
 * `granted: false`: it was fenced off for not acknowledging an invalidation, or may hold no lease for another reason, which
 * `refused` tells in a word; it forgets what it holds and begins again under another id.
 */
export const heartbeat = defineRequest({
  subject: 'tokens.guard.heartbeat',
  request: z.strictObject({
    guard: z.uuid(),
    service: text.min(1).max(128),
    version: text.max(64),
    entries: z.int32().nonnegative(),
    hits: z.int().nonnegative(),
    misses: z.int().nonnegative(),
    /** The guard ends: its lease may end at once. */
    leaving: z.boolean().default(false),
  }),
  reply: z.object({
    granted: z.boolean(),
    /**
     * `fenced`; `another-name`: the lease is another guard's; `too-many`: others of this name hold all that it may;
     * `unproven`: one of this name did not acknowledge, and this one did not when it was tried; `barred`: that happened again
     * and again, and new ones must wait. More words may come.
     */
    refused: z.string().optional(),
  }),
  example: {
    request: {
      guard: '01997c9e-5555-7555-8555-555555555555',
      service: 'example-api',
      version: '0.1.0',
      entries: 812,
      hits: 90_211,
      misses: 1_014,
      leaving: false,
    },
    reply: { granted: true },
  },
});
export type Heartbeat = z.infer<typeof heartbeat.request>;
