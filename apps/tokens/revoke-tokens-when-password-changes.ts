import type { PasswordChanged } from '@tokenlog/contracts/identity/password-changed.js';
import type { Work } from '@tokenlog/event-store/event-store.js';
import { causedBy } from './caller.js';
import { endSessionsOfUser } from './end-session.js';
import type { Policy } from './policy.js';
import { revokeToken } from './revoke-token.js';
import { Token } from './token.js';
import { learnUser, takeUpEvent } from './users.js';

/**
 * Applies the policy on a password change (S43): revoke the user's tokens and end the sessions, or less, or nothing. Sessions
 * that were started with the new password already go on.
 */
export async function revokeTokensWhenPasswordChanges(
  work: Work,
  event: PasswordChanged,
  epoch: number,
  policy: Policy,
): Promise<void> {
  const { userId, version, user, id: eventId } = event;
  const metadata = causedBy(event);
  await learnUser(work, { userId, epoch, version, facts: user }, metadata);
  if (!(await takeUpEvent(work.sql, { userId, epoch, version, eventId }))) return;
  const effect = event.tokens ?? policy.onPasswordChange;
  if (effect === 'keep') return;
  if (effect === 'revoke') {
    const { rows } = await work.sql.query<{ id: string }>(
      `SELECT id FROM tokens WHERE user_id = $1 AND status = 'active'`,
      [userId],
    );
    const tokens = await work.loadAll(
      Token,
      rows.map(({ id }) => id),
    );
    for (const [id, token] of tokens) work.append(Token, id, revokeToken(token, 'password changed'), metadata);
  }
  const before = { epoch, version };
  await endSessionsOfUser(work, userId, {
    reason: 'password-changed',
    metadata,
    except: event.exceptSessionId,
    before,
  });
}
