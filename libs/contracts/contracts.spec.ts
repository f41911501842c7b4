import { acknowledged } from './guard/acknowledged.js';
import { heartbeat } from './guard/heartbeat.js';
import { invalidate } from './guard/invalidate.js';
import { guardUses } from './guard/uses.js';
import { identityEvents } from './identity/identity-events.js';
import { beginEpoch } from './internal/begin-epoch.js';
import { checkPassword } from './internal/check-password.js';
import { confirmUser } from './internal/confirm-user.js';
import { endSession } from './internal/end-session.js';
import { heldEvents } from './internal/held-events.js';
import { identityEventApplied } from './internal/identity-event-applied.js';
import { present } from './internal/present.js';
import { startSession } from './internal/start-session.js';
import { userImpact } from './internal/user-impact.js';
import { usersStanding } from './internal/users-standing.js';
import type { EventContract, RequestContract } from './message.js';
import { tokenEvents } from './tokens/token-events.js';
import { verify } from './tokens/verify.js';

const events: EventContract[] = [
  ...identityEvents,
  ...tokenEvents,
  identityEventApplied,
  invalidate,
  acknowledged,
  guardUses,
];
const requests: RequestContract[] = [
  verify,
  heartbeat,
  startSession,
  endSession,
  checkPassword,
  userImpact,
  confirmUser,
  present,
  usersStanding,
  heldEvents,
  beginEpoch,
];
const SECRET_FIELD = /secret$|hash|password$|credential|proof/i;

describe('every message that crosses a process', () => {
  it.each(events)('$subject accepts its own example', ({ schema, example }) => {
    expect(schema.parse(example)).toEqual(example);
  });

  it.each(requests)('$subject accepts its own examples', ({ request, reply, example }) => {
    expect(request.parse(example.request)).toEqual(example.request);
    expect(reply.parse(example.reply)).toEqual(example.reply);
  });

  it('has a subject of its own', () => {
    const subjects = [...events, ...requests].map(({ subject }) => subject);
    expect(new Set(subjects).size).toBe(subjects.length);
  });

  it.each(events)('S7 $subject has no field for a secret, a hash or a password', ({ example }) => {
    expect(Object.keys(example as object).filter((field) => SECRET_FIELD.test(field))).toEqual([]);
  });
});
