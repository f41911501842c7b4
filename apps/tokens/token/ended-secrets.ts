import type { TokenEvent } from './token.js';

/** Which secrets of a token end: the one that it has had up to now, and those that were replaced before. */
export interface EndedSecrets {
  readonly current: boolean;
  readonly earlier: boolean;
}

const NONE: EndedSecrets = { current: false, earlier: false };
const ALL: EndedSecrets = { current: true, earlier: true };

/** Which secrets end with what was decided of a token, and with each the sessions that it started (S19, S29). */
export function secretsEndedBy(events: readonly TokenEvent[]): EndedSecrets {
  return events
    .map(endedBy)
    .reduce((all, one) => ({ current: all.current || one.current, earlier: all.earlier || one.earlier }), NONE);
}

function endedBy(event: TokenEvent): EndedSecrets {
  switch (event.type) {
    case 'token-revoked':
    case 'token-reassigned':
    case 'token-invalidated':
    case 'token-deleted':
      return ALL;
    case 'token-refreshed':
      return { current: event.data.gracePeriodEndsAt === null, earlier: event.data.gracePeriodsKept !== true };
    case 'token-created':
    case 'token-edited':
    case 'token-expiring':
      return NONE;
    default:
      return event satisfies never;
  }
}
