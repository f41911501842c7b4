/** Of admins' tokens alone. */
const RESERVED = ['admin', 'introspect'];

/** Whether the policy has a scope. Tokenlog's own are there whatever it lists. */
export function isAllowed(scope: string, allowed: readonly string[] | null): boolean {
  return allowed === null || allowed.includes(scope) || scope === 'tokens' || RESERVED.includes(scope);
}

/** Whether only an admin's token may have this scope. */
export function isReserved(scope: string): boolean {
  return RESERVED.includes(scope);
}
