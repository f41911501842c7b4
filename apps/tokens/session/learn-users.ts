import type { Metadata } from '@tokenlog/event-store/event.js';
import type { Work } from '@tokenlog/event-store/event-store.js';
import { isLater, type ToldChange, takeOverFacts, type UserChange } from '../user/users.js';
import { endSessionsOfUsers } from './end-session.js';

/** `learnUsers` for one. @returns whether it was news */
export async function learnUser(work: Work, change: UserChange, metadata: Metadata): Promise<boolean> {
  return (await learnUsers(work, [{ ...change, metadata }])).length > 0;
}

/**
 * Takes over what is said of users, unless that or something later is known already: events come at least once, and their
 * facts may have come before them with a login. What follows from it beside: sessions of a user who is disabled end, if only
 * for a while. However many they are, in the same few statements.
 * @returns those that were news
 */
export async function learnUsers<Change extends ToldChange>(work: Work, changes: readonly Change[]): Promise<Change[]> {
  const latest = new Map<string, Change>();
  for (const change of changes) {
    const other = latest.get(change.userId);
    if (!other || isLater(change, other)) latest.set(change.userId, change);
  }
  if (latest.size === 0) return [];
  const before = await takeOverFacts(work.sql, [...latest.values()]);
  const news = changes.filter((change) => {
    const known = before.get(change.userId);
    return known !== undefined && isLater(change, known);
  });
  const disabled = news.filter((change) => 'facts' in change && change.facts.disabled);
  await endSessionsOfUsers(
    work,
    disabled.map(({ userId, metadata }) => ({ userId, reason: 'user-disabled', metadata })),
  );
  return news;
}
