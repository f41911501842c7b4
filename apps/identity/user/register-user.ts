import { type EntityManager, UniqueConstraintViolationException } from '@mikro-orm/postgresql';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { named } from '@tokenlog/contracts/named.js';
import type { Metadata } from '@tokenlog/event-store/event.js';
import { DatabaseClock } from '@tokenlog/platform/clock.js';
import { Problem } from '@tokenlog/platform/problem.js';
import { z } from 'zod';
import type { ExternalIdentity } from './external-identity.js';
import { hashPassword } from './passwords.js';
import { factsOf, recordUserEvent } from './record-user-event.js';
import { User } from './user.entity.js';
import { contact, newPassword, newUsername, organization, roles } from './user-view.js';
import { Users } from './users.js';

/** What is told of a new user. */
export const registration = named(
  'NewUser',
  z.strictObject({
    username: newUsername,
    kind: z.enum(['person', 'application']).default('person'),
    displayName: contact.displayName.default(null),
    email: contact.email.default(null),
    phone: contact.phone.default(null),
    organization: organization.default(null),
    roles: roles.default([]),
    disabled: z.boolean().default(false),
    password: newPassword.nullable().default(null),
    mustChangePassword: z.boolean().default(true),
  }),
  { username: 'ada', displayName: 'Ada Lovelace', roles: ['operator'] },
);
export type Registration = z.output<typeof registration>;

/**
 * Makes a user. Without a password it cannot log in until the help desk sets one (S12); an application never can (S42).
 * Fails with 409 `username-taken` or `application-user`.
 */
export class RegisterUser extends Command<{ user: User; eventId: string }> {
  constructor(
    readonly registration: Registration,
    readonly metadata: Metadata,
  ) {
    super();
  }
}

@CommandHandler(RegisterUser)
export class RegisterUserHandler implements ICommandHandler<RegisterUser> {
  constructor(
    private readonly users: Users,
    private readonly clock: DatabaseClock,
  ) {}

  async execute({ registration, metadata }: RegisterUser) {
    const { kind, password } = registration;
    if (kind === 'application' && password !== null) throw applicationUser();
    const passwordHash = password === null ? null : await hashPassword(password);
    return this.users.transact((em) => register(em, this.clock, registration, passwordHash, metadata));
  }
}

/** Adds the user and its first event, in the transaction of the entity manager. */
export async function register(
  em: EntityManager,
  clock: DatabaseClock,
  { password: _, ...registration }: Registration,
  passwordHash: string | null,
  metadata: Metadata,
  external: ExternalIdentity | null = null,
): Promise<{ user: User; eventId: string }> {
  const user = em.create(User, {
    ...registration,
    id: clock.newId(),
    passwordHash,
    mustChangePassword: passwordHash !== null && registration.mustChangePassword,
    externalIssuer: external?.issuer ?? null,
    externalSubject: external?.subject ?? null,
    lastLoginAt: null,
    createdAt: clock.now(),
    version: 0,
  });
  const eventId = await recordUserEvent(em, user, { type: 'user-registered', data: { user: factsOf(user) } }, metadata);
  await em.flush().catch((error) => {
    throw error instanceof UniqueConstraintViolationException ? usernameTaken(user.username) : error;
  });
  return { user, eventId };
}

/** S42: 409. */
export function applicationUser(): Problem {
  return new Problem('application-user', 'An application has no password and does not log in; make a token for it.');
}

function usernameTaken(username: string): Problem {
  return new Problem('username-taken', `There is a user ${username} already; upper and lower case count as the same.`);
}
