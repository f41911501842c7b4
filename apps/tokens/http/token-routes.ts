import { enteredPassword, instant, scope, text } from '@tokenlog/contracts/message.js';
import { named } from '@tokenlog/contracts/named.js';
import { tagged } from '@tokenlog/platform/operation.js';
import { changesIn } from '@tokenlog/platform/sent-back.js';
import { z } from 'zod';
import { pageQuery } from '../table/page.js';
import { shownToken, type TokenView, tokenView } from '../token/token-view.js';

const description = text.trim().min(1).max(255).describe('what the token is for: the application');
const scopes = z.array(scope).max(64);
const password = enteredPassword.optional().describe('your own password again, where the policy asks for it');

/** Bodies and answers that the owner's, the token's own and the admin's routes share. A field that is not named is a 400. */
export const createBody = named(
  'NewToken',
  z.strictObject({ description, scopes, expiresAt: instant.nullable().optional(), password }),
  { description: 'nightly export', scopes: ['rest'], expiresAt: '2027-01-31T09:26:53.589Z' },
);
export const adminCreateBody = named('NewTokenForUser', createBody.extend({ userId: z.uuid() }), {
  userId: shownToken.userId,
  description: 'nightly export',
  scopes: ['rest'],
});
const editable = {
  description: description.optional(),
  scopes: scopes.optional(),
  expiresAt: instant.nullable().optional(),
};
const sentBack = { ...tokenView.partial().shape, ...editable };
/** A token may be sent back as it was read: by itself, as lists have it, or as `{token}`. */
export const editBody = named(
  'TokenChanges',
  z.strictObject({ ...sentBack, token: z.strictObject(sentBack).optional() }),
  { description: 'weekly export', scopes: ['rest', 'reports'] },
);

/**
 * What of a token is to be other than it is shown; all else that was sent must be as it is. A token that is sent back as it was read
 * changes nothing, and no rule is asked whether what it has would be given today.
 */
export function editsIn({ token, ...fields }: z.output<typeof editBody>, shown: TokenView) {
  return changesIn<TokenView, 'description' | 'scopes' | 'expiresAt'>({ ...token, ...fields }, shown, {
    writable: ['description', 'scopes', 'expiresAt'],
    moving: ['secondsTilExpiry', 'updatedAt', 'updatedBy', 'lastUsedAt', 'useCount', 'activeSessions'],
  });
}
const gracePeriodSeconds = z
  .int()
  .min(0)
  .max(604_800)
  .optional()
  .describe('how long the old secret goes on working; 0 by default, a week at most');
const endGracePeriods = z
  .boolean()
  .optional()
  .describe('whether earlier secrets that still work end too; what was promised to them holds by default');
const refreshing = { gracePeriodSeconds, endGracePeriods, expiresAt: instant.nullable().optional() };
export const selfRefreshBody = named('SelfRefresh', z.strictObject(refreshing), { gracePeriodSeconds: 3600 })
  .optional()
  .default({});
export const refreshBody = named('TokenRefresh', z.strictObject({ password, ...refreshing }), {
  gracePeriodSeconds: 3600,
})
  .optional()
  .default({});
const reason = text.trim().max(255).optional();
export const selfRevokeBody = named('SelfRevocation', z.strictObject({ reason }), { reason: 'not needed any more' })
  .optional()
  .default({});
export const revokeBody = named('TokenRevocation', z.strictObject({ password, reason }), { reason: 'laptop lost' })
  .optional()
  .default({});
export const deleteBody = named('TokenDeletion', z.strictObject({ password }), {}).optional().default({});
export const reassignBody = named('TokenReassignment', z.strictObject({ userId: z.uuid(), password }), {
  userId: '01997c9e-7777-7777-8777-777777777777',
});
export const historyQuery = z.strictObject(pageQuery);

export const tokenAnswer = tagged(named('TokenAnswer', z.object({ token: tokenView }), { token: shownToken }));
export const tokenWithSecretAnswer = tagged(
  named(
    'TokenWithSecret',
    z.object({ token: tokenView, secret: z.string().describe("the token's text; shown this once") }),
    { token: shownToken, secret: `tkl_${shownToken.id.replaceAll('-', '')}_${'x'.repeat(49)}` },
  ),
);
export const tokenId = z.uuid();
