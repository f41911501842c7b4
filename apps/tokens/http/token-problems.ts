import type { DocumentedProblem } from '@tokenlog/platform/operation.js';

/** The password that the policy asks for again (S11). */
const password = ['password-required', 'wrong-password', 'no-local-password', 'too-many-attempts'] as const;
/** What `issue` may find against what a token is to become. */
const issuing = [
  ['user-disabled', 409],
  'user-never-logged-in',
  'policy-owner-roles',
  'policy-allow-admin-tokens',
  'policy-scopes',
  'policy-max-lifetime',
  'policy-max-tokens',
  'scope-reserved',
  'exceeds-credential',
  'expiry-in-the-past',
] as const;
const ended = ['token-revoked', 'token-invalid'] as const;
const own = ['token-not-found'] as const;
const replaced = ['expiry-needed', 'refreshed-meanwhile'] as const;

/** What each change of a token refuses with, whichever route it comes by. */
export const tokenProblems = {
  create: ['policy-create', 'user-not-found', ...password, ...issuing],
  read: own,
  edit: [...own, ...ended, ...issuing],
  refresh: [...own, ...ended, ...password, ...replaced, ...issuing],
  refreshSelf: ['not-a-token', ...own, ...ended, ...replaced, ...issuing],
  revoke: [...own, ...ended, ...password],
  revokeSelf: ['not-a-token', ...own, ...ended],
  reassign: [...own, 'user-not-found', 'token-revoked', 'same-user', 'refreshed-meanwhile', ...password, ...issuing],
  delete: [...own, ...password],
  list: ['invalid-cursor', 'ambiguous-user'],
  history: [...own, 'invalid-cursor'],
} as const satisfies Record<string, readonly DocumentedProblem[]>;
