import { isPlaceholder, parseCredential } from '@tokenlog/contracts/credential.js';
import { enteredPassword as anyPassword, instant, role, text } from '@tokenlog/contracts/message.js';
import { exampleOf, named } from '@tokenlog/contracts/named.js';
import { tagged } from '@tokenlog/platform/operation.js';
import { z } from 'zod';
import type { User } from './user.entity.js';

/** The account name: the audit keeps it for good, so it cannot be changed. */
export const username = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$/, '1 to 128 of A-Z a-z 0-9 . _ @ - beginning with a letter or digit');

/** That of a new account: no name that programs put beside a token which stands for itself. */
export const newUsername = username.refine((name) => !isPlaceholder(name), 'programs send this name for no account');

/** A password that is to be set: 8 to 1024 characters, any of them (NIST SP 800-63B), and no token: that is taken for itself. */
export const newPassword = anyPassword
  .min(8, 'a password has at least 8 characters')
  .refine((text) => parseCredential(text) === null, 'this is a token or a session, and no password');

/** A password that is entered to be checked. */
export const enteredPassword = anyPassword.min(1);

/** The most roles that a user may have; what a login provider tells is bounded by it too. */
export const MOST_ROLES = 256;

export const roles = z
  .array(role)
  .max(MOST_ROLES)
  .transform((names) => [...new Set(names)]);

const line = text.trim().min(1).max(200).nullable();

/** What the user may change; null erases. */
export const contact = { displayName: line, email: z.email().max(254).nullable(), phone: line };
export const organization = line;

/** A user as admins and the help desk see it. */
export const userView = tagged(
  named(
    'User',
    z.object({
      id: z.uuid(),
      kind: z.enum(['person', 'application']),
      username: z.string(),
      displayName: z.string().nullable(),
      email: z.string().nullable(),
      phone: z.string().nullable(),
      organization: z.string().nullable(),
      roles: z.array(z.string()),
      disabled: z.boolean(),
      /** Whether the external login knows this person (S17). */
      external: z.boolean(),
      hasPassword: z.boolean(),
      mustChangePassword: z.boolean(),
      lastLoginAt: instant.nullable(),
    }),
    {
      id: '01997c9e-1111-7111-8111-111111111111',
      kind: 'person',
      username: 'ada',
      displayName: 'Ada Lovelace',
      email: 'ada@example.org',
      phone: null,
      organization: 'Analytical Engines',
      roles: ['operator'],
      disabled: false,
      external: false,
      hasPassword: true,
      mustChangePassword: false,
      lastLoginAt: '2026-11-02T09:26:53.589Z',
    },
  ),
);
const { displayName, email, phone, disabled: _, ...shownToOneself } = exampleOf(userView);
export type UserView = z.infer<typeof userView>;

export function viewOf(user: User): UserView {
  const { id, kind, username, displayName, email, phone, organization, roles, disabled, mustChangePassword } = user;
  return {
    id,
    kind,
    username,
    displayName,
    email,
    phone,
    organization,
    roles,
    disabled,
    external: user.externalSubject !== null,
    hasPassword: user.passwordHash !== null,
    mustChangePassword,
    lastLoginAt: user.lastLoginAt?.toISOString() ?? null,
  };
}

/** A user as the user sees it (S40). */
export const ownView = tagged(
  named(
    'Me',
    z.object({
      user: userView.omit({ displayName: true, email: true, phone: true, disabled: true }),
      contact: userView.pick({ displayName: true, email: true, phone: true }),
    }),
    { user: shownToOneself, contact: { displayName, email, phone } },
  ),
);
export type OwnView = z.infer<typeof ownView>;

export function ownViewOf(user: User): OwnView {
  const { displayName, email, phone, disabled: _, ...rest } = viewOf(user);
  return { user: rest, contact: { displayName, email, phone } };
}
