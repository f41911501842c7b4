import { passwordChangeEffect } from '@tokenlog/contracts/identity/password-changed.js';
import { role, scope } from '@tokenlog/contracts/message.js';
import { booleanVariable, listVariable } from '@tokenlog/platform/config.js';
import { z } from 'zod';

/** What may ask for the password again (S11). */
export const guardedAction = z.enum(['create', 'refresh', 'revoke']);
export type GuardedAction = z.infer<typeof guardedAction>;

const anyOr = (item: z.ZodType<string, string>) =>
  listVariable
    .pipe(z.array(z.union([z.literal('*'), item])).min(1))
    .transform((list) => (list.includes('*') ? null : list));
const days = z.coerce.number().int().positive().max(36_500).optional();

/** The policy's variables: a wrong word stops the start, naming the variable. */
export const policyVariables = {
  POLICY_CREATE: z.enum(['self', 'admin-only']).default('self'),
  POLICY_REQUIRE_PASSWORD: z
    .union([z.literal('none').transform((): GuardedAction[] => []), listVariable.pipe(z.array(guardedAction).min(1))], {
      error: 'must be none, or some of create, refresh, revoke',
    })
    .default(['create', 'refresh', 'revoke']),
  POLICY_OWNER_ROLES: anyOr(role).default(null),
  POLICY_ALLOW_ADMIN_TOKENS: booleanVariable.default(true),
  POLICY_REQUIRE_FIRST_LOGIN: booleanVariable.optional(),
  /** Not this service's to use: with external login a first login is required unless the policy says otherwise (S16). */
  OIDC_ISSUER: z.string().optional(),
  POLICY_ON_PASSWORD_CHANGE: passwordChangeEffect.default('revoke'),
  POLICY_SCOPES: anyOr(scope).default(null),
  POLICY_MAX_LIFETIME_DAYS: days,
  POLICY_DEFAULT_LIFETIME_DAYS: days,
  POLICY_MAX_TOKENS_PER_USER: z.coerce.number().int().positive().optional(),
};

/** The rules of this deployment. `null` lists allow anything; unset limits are `null`. */
export interface Policy {
  readonly create: 'self' | 'admin-only';
  readonly requirePassword: readonly GuardedAction[];
  readonly ownerRoles: readonly string[] | null;
  readonly allowAdminTokens: boolean;
  readonly requireFirstLogin: boolean;
  readonly onPasswordChange: z.infer<typeof passwordChangeEffect>;
  readonly scopes: readonly string[] | null;
  readonly maxLifetimeDays: number | null;
  readonly defaultLifetimeDays: number | null;
  readonly maxTokensPerUser: number | null;
}

/** The policy that the variables describe. */
export function policyOf(variables: z.infer<z.ZodObject<typeof policyVariables>>): Policy {
  return {
    create: variables.POLICY_CREATE,
    requirePassword: variables.POLICY_REQUIRE_PASSWORD,
    ownerRoles: variables.POLICY_OWNER_ROLES,
    allowAdminTokens: variables.POLICY_ALLOW_ADMIN_TOKENS,
    requireFirstLogin: variables.POLICY_REQUIRE_FIRST_LOGIN ?? variables.OIDC_ISSUER !== undefined,
    onPasswordChange: variables.POLICY_ON_PASSWORD_CHANGE,
    scopes: variables.POLICY_SCOPES,
    maxLifetimeDays: variables.POLICY_MAX_LIFETIME_DAYS ?? null,
    defaultLifetimeDays: variables.POLICY_DEFAULT_LIFETIME_DAYS ?? null,
    maxTokensPerUser: variables.POLICY_MAX_TOKENS_PER_USER ?? null,
  };
}

const VARIABLE_OF: Record<keyof Policy, keyof typeof policyVariables> = {
  create: 'POLICY_CREATE',
  requirePassword: 'POLICY_REQUIRE_PASSWORD',
  ownerRoles: 'POLICY_OWNER_ROLES',
  allowAdminTokens: 'POLICY_ALLOW_ADMIN_TOKENS',
  requireFirstLogin: 'POLICY_REQUIRE_FIRST_LOGIN',
  onPasswordChange: 'POLICY_ON_PASSWORD_CHANGE',
  scopes: 'POLICY_SCOPES',
  maxLifetimeDays: 'POLICY_MAX_LIFETIME_DAYS',
  defaultLifetimeDays: 'POLICY_DEFAULT_LIFETIME_DAYS',
  maxTokensPerUser: 'POLICY_MAX_TOKENS_PER_USER',
};

/** Each rule with its value, its variable, and whether the environment set it. */
export function policyView(policy: Policy, set: ReadonlySet<string>) {
  return (Object.keys(VARIABLE_OF) as (keyof Policy)[]).map((name) => {
    const value = policy[name];
    return {
      name,
      value: typeof value === 'object' && value !== null ? [...value] : value,
      variable: VARIABLE_OF[name],
      from: set.has(VARIABLE_OF[name]) ? ('environment' as const) : ('default' as const),
    };
  });
}
