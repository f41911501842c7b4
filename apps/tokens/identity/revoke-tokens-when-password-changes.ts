import type { PasswordChanged } from '@tokenlog/contracts/identity/password-changed.js';
import type { Work } from '@tokenlog/event-store/event-store.js';
import type { Policy } from '../config/policy.js';
import { endSessionsOfUsers } from '../session/end-session.js';
import { Token, type TokenEvent, type TokenState } from '../token/token.js';
import { tokensOf } from '../token/tokens-of-users.js';
import { causedBy } from '../user/caller.js';
import { takeUpEvents } from '../user/users.js';
import { revokeToken } from '../verbs/revoke-token.js';

/** Decides a revocation with the password: only what still counts as good is revoked. */
export function revokeWithPassword(state: TokenState): TokenEvent[] {
  return state.status === 'active' ? revokeToken(state, 'password changed') : [];
}

/**
 * Applies the policy on password changes (S43): revoke the users' tokens and end the sessions, or less, or nothing. Sessions
 * that were started with the new password already go on. One change a user; the users' facts are known already.
 */
export async function revokeTokensWhenPasswordChanges(
  work: Work,
  changes: readonly { readonly event: PasswordChanged; readonly epoch: number }[],
  policy: Policy,
): Promise<void> {
  const told = changes.map(({ event, epoch }) => {
    const { userId, version, id: eventId, exceptSessionId: except } = event;
    const effect = event.tokens ?? policy.onPasswordChange;
    return { userId, epoch, version, eventId, except, effect, metadata: causedBy(event) };
  });
  const due = (await takeUpEvents(work.sql, told)).filter(({ effect }) => effect !== 'keep');
  const revoking = due.filter(({ effect }) => effect === 'revoke');
  for (const [id, token, { metadata }] of await tokensOf(work, revoking)) {
    work.append(Token, id, revokeWithPassword(token), metadata);
  }
  await endSessionsOfUsers(
    work,
    due.map(({ userId, epoch, version, except, metadata }) => {
      return { userId, reason: 'password-changed', metadata, except, before: { epoch, version } };
    }),
  );
}
