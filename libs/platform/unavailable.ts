import { errors } from '@nats-io/transport-node';
import { Logger } from '@nestjs/common';
import { RepeatedLines } from './repeated-lines.js';

/** What an answer waits for in vain: a stable code, and a sentence for people. Nothing in it is of inside. */
export interface Cause {
  readonly code: 'database-unavailable' | 'nats-unavailable' | 'service-unavailable' | 'overloaded';
  readonly detail: string;
}

/** How long a caller is told to wait before it asks again, in seconds. */
export const RETRY_AFTER_SECONDS = 1;

/** PostgreSQL's codes (SQLSTATE) for: not now, or not by this connection. The first that fits. */
const DATABASE_SAYS: readonly (readonly [RegExp, string])[] = [
  [/^53100$/, 'has no space left on its disk'],
  [/^53300$/, 'has no connection to give'],
  [/^53/, 'lacks resources'],
  [/^25006$/, 'takes no writes at the moment'],
  [/^58/, 'cannot use its disk'],
  [/^57P0[123]$/, 'stops or starts'],
  [/^(57014|55P03|40001|40P01)$/, 'is too busy'],
  [/^(08...|25P0[34]|57P0[45])$/, 'ended the connection'],
  [/^(28...|3D000)$/, 'does not let this service in'],
];
/** The system's codes for a server that cannot be reached, or does not answer. */
const UNREACHABLE =
  /^(ECONN(REFUSED|RESET|ABORTED)|EPIPE|ETIMEDOUT|E(HOST|NET)(UNREACH|DOWN)|ENOTFOUND|EAI_AGAIN|EADDRNOTAVAIL)$/;
/** What `pg` and its pool say without a code. */
const CONNECTION_LOST =
  /^(Connection terminated|timeout exceeded when trying to connect|timeout expired|Query read timeout|Client has encountered a connection error|Client was closed and is not queryable|Cannot use a pool after)/;
const NATS_AWAY = [
  errors.TimeoutError,
  errors.ClosedConnectionError,
  errors.DrainingConnectionError,
  errors.ConnectionError,
  errors.AuthorizationError,
  errors.RequestError,
];
const DEEPEST_CAUSE = 5;

/**
 * What is away, told from an error; `null`: nothing is, the error is a failure of our own. The one place where causes are
 * told apart.
 */
export function causeOf(error: unknown, depth = 0): Cause | null {
  if (!(error instanceof Error) || depth > DEEPEST_CAUSE) return null;
  const { code = '' } = error as { code?: unknown };
  const says = DATABASE_SAYS.find(([codes]) => codes.test(String(code)))?.[1];
  if (says) return databaseAway(says);
  if (UNREACHABLE.test(String(code)) || CONNECTION_LOST.test(error.message)) return databaseAway('does not answer');
  if (error instanceof errors.NoRespondersError || (error instanceof errors.RequestError && error.isNoResponders())) {
    return serviceAway('the service that is asked');
  }
  if (NATS_AWAY.some((away) => error instanceof away)) return natsAway();
  const within = error instanceof AggregateError ? error.errors : [error.cause];
  for (const each of within) {
    const cause = causeOf(each, depth + 1);
    if (cause) return cause;
  }
  return null;
}

/** @param says what the database does, as in `does not answer` */
export function databaseAway(says: string): Cause {
  return { code: 'database-unavailable', detail: `The database ${says}; try again.` };
}

export function natsAway(): Cause {
  return { code: 'nats-unavailable', detail: 'NATS does not answer; try again.' };
}

/** @param which a service, as in `the token service` */
export function serviceAway(which: string): Cause {
  return { code: 'service-unavailable', detail: `No answer from ${which}; try again.` };
}

/** A cause that lasts is told every ten seconds. */
const refusals = new RepeatedLines(new Logger('Unavailable'), {
  everyMs: 10_000,
  again: (code, count) => `${count} more answers were refused with 503 ${code}`,
});

/**
 * Logs that answers were refused for a cause: a line when that begins, and then one every ten seconds with their number, not
 * one for each.
 * @param why what the error says, for whoever reads the log
 */
export function noteRefused({ code }: Cause, why: string, answers = 1): void {
  refusals.error(code, `answers are refused with 503 ${code}: ${why}`, answers);
}
