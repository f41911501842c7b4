import { defineEntity, p } from '@mikro-orm/postgresql';
import { User } from '../user/user.entity.js';

/** The admin table (S36), as the projection `token-table` makes it: one row a token. */
export const Token = defineEntity({
  name: 'Token',
  tableName: 'tokens',
  properties: {
    id: p.uuid().primary(),
    user: () => p.manyToOne(User).createForeignKeyConstraint(false),
    description: p.text(),
    scopes: p.array(),
    status: p.text().$type<'active' | 'revoked' | 'invalid' | 'deleted'>(),
    expiresAt: p.datetime(3).strictNullable(),
    secretGeneration: p.integer(),
    /** Nothing reads or writes these two since there is `SecretGrace`. */
    graceGeneration: p.integer().strictNullable(),
    graceEndsAt: p.datetime(3).strictNullable(),
    createdAt: p.datetime(3),
    createdBy: p.text(),
    updatedAt: p.datetime(3),
    updatedBy: p.text(),
  },
  indexes: [
    { name: 'tokens_user', properties: 'user' },
    { name: 'tokens_created', properties: ['createdAt', 'id'] },
  ],
});

/** How long a replaced secret of a token goes on working. */
export const SecretGrace = defineEntity({
  name: 'SecretGrace',
  tableName: 'secret_graces',
  properties: {
    tokenId: p.uuid().primary(),
    generation: p.integer().primary(),
    endsAt: p.datetime(3),
  },
});

/** The counts of a token's uses. */
export const TokenUsage = defineEntity({
  name: 'TokenUsage',
  tableName: 'token_usage',
  properties: {
    tokenId: p.uuid().primary(),
    useCount: p.bigint('number'),
    lastUsedAt: p.datetime(3),
  },
});
