import { defineEntity, type InferEntity } from '@mikro-orm/postgresql';

/**
 * A person, or a program that needs tokens of its own (S42). Personal data stands here alone: erasing the row erases it.
 * `version` is that of the user's stream in the log; only what is published moves it.
 */
export const User = defineEntity({
  name: 'User',
  tableName: 'users',
  properties: (p) => ({
    id: p.uuid().primary(),
    kind: p.string().$type<'person' | 'application'>(),
    /** Unique in any case; stands in the audit for good. */
    username: p.string(),
    /** argon2id in PHC form. Null: nobody can log in with a password. */
    passwordHash: p.string().strictNullable().hidden(),
    mustChangePassword: p.boolean(),
    roles: p.array(),
    organization: p.string().strictNullable(),
    displayName: p.string().strictNullable(),
    email: p.string().strictNullable(),
    phone: p.string().strictNullable(),
    disabled: p.boolean(),
    /** Who this is at the external login (S17); both or neither. Given at the first login there, or by an admin. */
    externalIssuer: p.string().strictNullable(),
    externalSubject: p.string().strictNullable(),
    lastLoginAt: p.datetime().strictNullable(),
    createdAt: p.datetime(),
    version: p.integer(),
  }),
});
export type User = InferEntity<typeof User>;
