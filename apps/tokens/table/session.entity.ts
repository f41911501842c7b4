import { defineEntity, p } from '@mikro-orm/postgresql';
import { User } from '../user/user.entity.js';
import { Token } from './token.entity.js';

/** A session, as the projection `session-table` makes it (S28, S29). Its id is a UUIDv7: the order of ids is that of the starts. */
export const Session = defineEntity({
  name: 'Session',
  tableName: 'sessions',
  properties: {
    id: p.uuid().primary(),
    user: () => p.manyToOne(User).createForeignKeyConstraint(false),
    /** Null: of a password. */
    token: () => p.manyToOne(Token).strictNullable().createForeignKeyConstraint(false),
    startedAt: p.datetime(3),
    expiresAt: p.datetime(3),
    endedAt: p.datetime(3).strictNullable(),
    ip: p.text().strictNullable(),
    secretGeneration: p.integer().strictNullable(),
    userEpoch: p.bigint('number').strictNullable(),
    userVersion: p.integer().strictNullable(),
  },
  indexes: [
    { name: 'sessions_user', properties: 'user', where: { endedAt: null } },
    { name: 'sessions_token', properties: 'token', where: { endedAt: null } },
  ],
});
