import { z } from 'zod';
import { defineEvent } from '../message.js';

/**
 * The token service has committed what an identity event asks of it. Told to every identity instance, so that the
 * one whose caller waits can answer. Not durable: whoever misses it answers 202 instead of 204.
 */
export const identityEventApplied = defineEvent({
  subject: 'internal.identity.event-applied',
  schema: z.object({ eventId: z.uuid() }),
  example: { eventId: '01997c9e-52f0-7b11-9a55-3c1f0a2b4c5d' },
});
