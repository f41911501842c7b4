import { defineEntity, p } from '@mikro-orm/postgresql';

/** Which threshold before its expiry a token was last warned of (S41), as the projection `expiry-table` makes it. */
export const Expiry = defineEntity({
  name: 'Expiry',
  tableName: 'expiries',
  properties: {
    tokenId: p.uuid().primary(),
    expiresAt: p.datetime(3).strictNullable(),
    setAt: p.datetime(3),
    warnedDays: p.integer().strictNullable(),
  },
  indexes: [{ name: 'expiries_next', properties: 'expiresAt' }],
});
