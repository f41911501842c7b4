import { Problem } from '@tokenlog/platform/problem.js';

type Standing = { readonly roles: readonly string[]; readonly disabled: boolean };

/**
 * Decides whether a user may become this, or go (`null`), as far as the admins are concerned.
 * @throws Problem 409 `last-admin` when no enabled admin would be left
 */
export function keepOneAdmin(before: Standing, after: Standing | null, otherAdmins: number): void {
  if (otherAdmins > 0 || !isEnabledAdmin(before) || (after !== null && isEnabledAdmin(after))) return;
  throw new Problem('last-admin', 'This is the last enabled admin; make another user an admin first.');
}

function isEnabledAdmin({ roles, disabled }: Standing): boolean {
  return !disabled && roles.includes('admin');
}
