import { ConfigError } from '@tokenlog/platform/config.js';
import { z } from 'zod';

/** Injection token of `ExternalLoginSettings | null`. */
export const EXTERNAL_LOGIN = Symbol('EXTERNAL_LOGIN');

/** How people log in with an OpenID Connect provider. */
export interface ExternalLoginSettings {
  readonly issuer: URL;
  readonly clientId: string;
  readonly clientSecret: string;
  /** The public address of `/login/oidc/callback`. */
  readonly redirectUrl: URL;
  readonly rolesClaim: string;
  readonly usernameClaim: string;
  readonly scopes: string;
  /** What becomes of accounts that are not the provider's (S17). */
  readonly localAccounts: 'keep' | 'vanish';
}

const loopback = ['localhost', '127.0.0.1', '[::1]'];
const CALLBACK = '/login/oidc/callback';

const address = z
  .url({ protocol: /^https?$/ })
  .transform((text) => new URL(text))
  .refine(({ search, hash, username }) => !search && !hash && !username, 'must have no user, query or fragment')
  .refine(
    ({ protocol, hostname }) => protocol === 'https:' || loopback.includes(hostname),
    'must begin with https:// (http:// is for loopback alone)',
  );
const claim = z.string().max(256);

/** The variables of external login. */
export const externalLoginVariables = {
  OIDC_ISSUER: address.optional(),
  OIDC_CLIENT_ID: z.string().optional(),
  OIDC_CLIENT_SECRET: z.string().optional(),
  OIDC_REDIRECT_URL: address
    .refine(({ pathname }) => pathname.endsWith(CALLBACK), `must be the public address of ${CALLBACK}`)
    .optional(),
  OIDC_ROLES_CLAIM: claim.default('roles'),
  OIDC_USERNAME_CLAIM: claim.default('preferred_username'),
  OIDC_SCOPES: z
    .string()
    .refine((scopes) => scopes.split(' ').includes('openid'), 'must name openid, as in: openid profile email')
    .default('openid profile email'),
  LOCAL_ACCOUNTS: z.enum(['keep', 'vanish']).default('keep'),
};

const required = ['OIDC_ISSUER', 'OIDC_CLIENT_ID', 'OIDC_CLIENT_SECRET', 'OIDC_REDIRECT_URL'] as const;

/**
 * The external login that the variables describe, or null where they describe none.
 * @throws ConfigError naming each variable that is missing beside the others
 */
export function externalLoginOf(
  variables: z.infer<z.ZodObject<typeof externalLoginVariables>>,
): ExternalLoginSettings | null {
  const { OIDC_ISSUER: issuer, OIDC_CLIENT_ID: clientId, OIDC_CLIENT_SECRET: clientSecret } = variables;
  const redirectUrl = variables.OIDC_REDIRECT_URL;
  const missing = required.filter((name) => variables[name] === undefined);
  if (missing.length === required.length && variables.LOCAL_ACCOUNTS === 'vanish') {
    // Taken for granted, it would leave open what somebody meant to close.
    throw new ConfigError('LOCAL_ACCOUNTS is wrong: vanish needs external login, and OIDC_ISSUER is not set');
  }
  if (missing.length === required.length) return null;
  if (!issuer || !clientId || !clientSecret || !redirectUrl) {
    const lines = missing.map((name) => `${name} is not set: external login needs all of ${required.join(', ')}`);
    throw new ConfigError(lines.join('\n'));
  }
  return {
    issuer,
    clientId,
    clientSecret,
    redirectUrl,
    rolesClaim: variables.OIDC_ROLES_CLAIM,
    usernameClaim: variables.OIDC_USERNAME_CLAIM,
    scopes: variables.OIDC_SCOPES,
    localAccounts: variables.LOCAL_ACCOUNTS,
  };
}
