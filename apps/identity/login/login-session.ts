import type { NatsConnection } from '@nats-io/transport-node';
import { startSession } from '@tokenlog/contracts/internal/start-session.js';
import type { EventStore } from '@tokenlog/event-store/event-store.js';
import { currentEpoch } from '@tokenlog/event-store/history.js';
import { request } from '@tokenlog/platform/nats-request.js';
import { Problem } from '@tokenlog/platform/problem.js';
import { factsOf } from '../user/record-user-event.js';
import type { User } from '../user/user.entity.js';

/** A session and whose it is. The credential is shown this once. */
export interface Login {
  readonly session: { readonly credential: string; readonly expiresAt: string };
  readonly user: User;
}

/**
 * Asks the token service for a session of a user whose login has just been recorded.
 * @throws Problem 403 `user-disabled`, and 503 while the token service is away
 */
export async function startLoginSession(
  nats: NatsConnection,
  store: EventStore,
  user: User,
  ip: string | null,
): Promise<Login> {
  // To the token service `password` means that no token was used: an external login counts as one with a password (S27).
  const question = {
    with: 'password' as const,
    userId: user.id,
    userVersion: user.version,
    userEpoch: await currentEpoch(store.pool),
    user: factsOf(user),
    ip,
  };
  const reply = await request(nats, startSession, question);
  if (reply.started) return { session: { credential: reply.credential, expiresAt: reply.expiresAt }, user };
  if (reply.reason === 'user-disabled') throw userDisabled();
  throw new Problem('service-unavailable', `The token service started no session: ${reply.reason}; try again.`);
}

/** 403, for whoever has shown who they are. */
export function userDisabled(): Problem {
  return new Problem('user-disabled', 'This account is disabled; an admin can enable it.', { status: 403 });
}
