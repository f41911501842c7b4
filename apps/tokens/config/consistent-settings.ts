import { ConfigError } from '@tokenlog/platform/config.js';
import type { Policy } from './policy.js';
import { isAllowed, isReserved } from './scopes.js';

/** The settings of imported keys, beside the policy that they must be in accord with. */
export interface AccessKeySettings {
  readonly scopes: readonly string[];
  /** Whether they matter: there is a file to import, or somebody has set the scopes. */
  readonly areUsed: boolean;
}

/**
 * Stops a start with settings that are each in order and cannot be meant together: one of them would be refused at each
 * creation, silently or for reasons that nobody finds.
 * @throws ConfigError with a line for each contradiction, which names both variables
 */
export function assertConsistent(policy: Policy, accessKeys: AccessKeySettings): void {
  const lines = [...policyContradictions(policy), ...(accessKeys.areUsed ? keyContradictions(policy, accessKeys) : [])];
  if (lines.length > 0) throw new ConfigError(lines.join('\n'));
}

function* policyContradictions(policy: Policy): Generator<string> {
  const { defaultLifetimeDays, maxLifetimeDays, ownerRoles, allowAdminTokens } = policy;
  if (defaultLifetimeDays !== null && maxLifetimeDays !== null && defaultLifetimeDays > maxLifetimeDays) {
    yield `POLICY_DEFAULT_LIFETIME_DAYS is wrong: ${defaultLifetimeDays} days are more than POLICY_MAX_LIFETIME_DAYS allows, which is ${maxLifetimeDays}`;
  }
  if (!allowAdminTokens && ownerRoles?.every((role) => role === 'admin')) {
    yield 'POLICY_OWNER_ROLES is wrong: only admins may own tokens by it, and POLICY_ALLOW_ADMIN_TOKENS=false keeps them from it';
  }
}

function* keyContradictions(policy: Policy, { scopes }: AccessKeySettings): Generator<string> {
  const outside = scopes.filter((scope) => !isAllowed(scope, policy.scopes));
  if (outside.length > 0) {
    yield `ACCESS_KEYS_SCOPES is wrong: POLICY_SCOPES does not have ${outside.join(', ')}`;
  }
  const reserved = scopes.filter(isReserved);
  if (reserved.length > 0 && !policy.allowAdminTokens) {
    yield `ACCESS_KEYS_SCOPES is wrong: only admins' tokens may have ${reserved.join(', ')}, and POLICY_ALLOW_ADMIN_TOKENS=false allows none`;
  }
}
