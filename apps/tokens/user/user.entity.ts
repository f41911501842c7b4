import { defineEntity, type InferEntity, p } from '@mikro-orm/postgresql';
import { foldedSql } from '@tokenlog/event-store/folded.sql.js';

/** What this service knows of a user: identity's facts as of a version of the user, and which of identity's events it has followed. */
export const User = defineEntity({
  name: 'User',
  tableName: 'users',
  properties: {
    id: p.uuid().primary(),
    version: p.integer(),
    deleted: p.boolean(),
    username: p.text(),
    kind: p.text(),
    roles: p.array(),
    disabled: p.boolean(),
    hasPassword: p.boolean(),
    mustChangePassword: p.boolean(),
    hasLoggedIn: p.boolean(),
    epoch: p.bigint('number').defaultRaw('0'),
    appliedEpoch: p.bigint('number').defaultRaw('0'),
    appliedVersion: p.integer().defaultRaw('0'),
    appliedEvent: p.uuid().strictNullable(),
  },
  indexes: [
    {
      name: 'users_folded_username',
      expression: `CREATE INDEX users_folded_username ON users (${foldedSql('username')})`,
    },
  ],
});
export type User = InferEntity<typeof User>;
