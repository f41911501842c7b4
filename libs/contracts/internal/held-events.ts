import { z } from 'zod';
import { defineRequest } from '../message.js';

const digits = z.string().regex(/^\d{1,20}$/);

/** The most events that one request asks about. */
export const EVENTS_PER_REQUEST = 500;

/**
 * The token service asks which of some events identity's log has now: a stream may hold events of a history that is no more,
 * or of another deployment.
 */
export const heldEvents = defineRequest({
  subject: 'internal.identity.held-events',
  request: z.strictObject({
    events: z.array(z.strictObject({ id: z.uuid(), transactionId: digits, position: digits })).max(EVENTS_PER_REQUEST),
  }),
  reply: z.object({ held: z.array(z.uuid()) }),
  example: {
    request: { events: [{ id: '01997c9e-52f0-7b11-9a55-3c1f0a2b4c5d', transactionId: '812', position: '97' }] },
    reply: { held: ['01997c9e-52f0-7b11-9a55-3c1f0a2b4c5d'] },
  },
});
