import { createHash } from 'node:crypto';
import { withHeaders } from '@tokenlog/platform/answer-headers.js';
import { entityTag } from '@tokenlog/platform/if-match.js';
import type { User } from './user.entity.js';
import { type OwnView, ownViewOf, type UserView, viewOf } from './user-view.js';

const TAG_LENGTH = 22;

/**
 * The entity tag of a user: a digest of all that can be changed. The stream's version would not do: contact data moves it not,
 * and a login does.
 */
export function userTag(user: User): string {
  const { lastLoginAt: _, ...shown } = viewOf(user);
  const { externalIssuer, externalSubject, passwordHash } = user;
  const text = JSON.stringify([shown, externalIssuer, externalSubject, passwordHash]);
  return entityTag(createHash('sha256').update(text).digest('base64url').slice(0, TAG_LENGTH));
}

/** A user as it is answered, with its `ETag`. */
export function answerOf(user: User): UserView {
  return withHeaders(viewOf(user), { ETag: userTag(user) });
}

/** The same, as the user sees it. */
export function ownAnswerOf(user: User): OwnView {
  return withHeaders(ownViewOf(user), { ETag: userTag(user) });
}
