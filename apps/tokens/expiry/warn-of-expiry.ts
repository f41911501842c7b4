import { Inject } from '@nestjs/common';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { CONFIG, type Config } from '../config/config.js';
import { dueThreshold, type ExpiryWarnings } from '../config/expiry-thresholds.js';
import { findExpiry } from '../table/expiry-table.js';
import { Token, type TokenEvent, type TokenState } from '../token/token.js';
import { findUser, type KnownUser } from '../user/users.js';

/** Says that a token ends soon, if it does at `now` and that was not said yet (S41). */
export class WarnOfExpiry extends Command<void> {
  constructor(
    readonly tokenId: string,
    readonly now: Date,
  ) {
    super();
  }
}

/** What a warning is decided on, besides its command. */
export interface WarningFacts {
  readonly expiry: ExpiryWarnings | null;
  readonly owner: KnownUser | null;
  /** Days before the expiry. */
  readonly thresholds: readonly number[];
  readonly now: Date;
}

/** Decides a warning: only of a token that works, and only once for each threshold. */
export function warnOfExpiry(state: TokenState, facts: WarningFacts): TokenEvent[] {
  const { expiry, owner, thresholds, now } = facts;
  if (state.status !== 'active' || !expiry || !owner || owner.deleted) return [];
  const thresholdDays = dueThreshold(expiry, thresholds, now);
  if (thresholdDays === null) return [];
  const { userId, description } = state;
  const expiresAt = expiry.expiresAt.toISOString();
  return [
    { type: 'token-expiring', data: { userId, username: owner.username, description, expiresAt, thresholdDays } },
  ];
}

@CommandHandler(WarnOfExpiry)
export class WarnOfExpiryHandler implements ICommandHandler<WarnOfExpiry> {
  constructor(
    private readonly store: EventStore,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async execute({ tokenId, now }: WarnOfExpiry): Promise<void> {
    await this.store.transact(async (work) => {
      // The token is read first: whoever warns or moves the expiry after that makes this append a lost race.
      const token = await work.load(Token, tokenId);
      if (token.status !== 'active') return;
      const expiry = await findExpiry(work.sql, tokenId);
      const owner = await findUser(work.sql, token.userId);
      const thresholds = this.config.expiryWarningDays;
      const events = warnOfExpiry(token, { expiry, owner, thresholds, now });
      if (events.length > 0) work.append(Token, tokenId, events, { by: { kind: 'system' } });
    });
  }
}
