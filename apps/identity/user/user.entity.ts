import { defineEntity, type InferEntity, p } from '@mikro-orm/postgresql';
import { foldedSql } from '@tokenlog/event-store/folded.sql.js';

/**
 * A person, or a program that needs tokens of its own (S42). Personal data stands here alone: erasing the row erases it.
 * `version` is that of the user's stream in the log; only what is published moves it.
 */
export const User = defineEntity({
  name: 'User',
  tableName: 'users',
  properties: {
    id: p.uuid().primary(),
    kind: p.text().$type<'person' | 'application'>(),
    /** Unique in any case; stands in the audit for good. */
    username: p.text(),
    /** argon2id in PHC form. Null: nobody can log in with a password. */
    passwordHash: p.text().strictNullable().hidden(),
    mustChangePassword: p.boolean(),
    roles: p.array(),
    organization: p.text().strictNullable(),
    displayName: p.text().strictNullable(),
    email: p.text().strictNullable(),
    phone: p.text().strictNullable(),
    disabled: p.boolean(),
    /** Who this is at the external login (S17); both or neither. Given at the first login there, or by an admin. */
    externalIssuer: p.text().strictNullable(),
    externalSubject: p.text().strictNullable(),
    lastLoginAt: p.datetime(3).strictNullable(),
    createdAt: p.datetime(3),
    version: p.integer(),
  },
  uniques: [
    {
      name: 'users_external_identity',
      properties: ['externalIssuer', 'externalSubject'],
      where: { externalSubject: { $ne: null } },
    },
    {
      name: 'users_folded_username',
      expression: `CREATE UNIQUE INDEX users_folded_username ON users (${foldedSql('username')})`,
    },
  ],
});
export type User = InferEntity<typeof User>;
