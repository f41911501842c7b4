import type { Token } from './api.js';
import type { Output } from './output.js';
import type { Cell, Column } from './table.js';
import { absolute, lengthOf, relative } from './times.js';

const COLOURS = { active: 'green', expired: 'yellow', revoked: 'red', invalid: 'red', deleted: 'red' } as const;
/**
 * The table of tokens in the words of S36. Not `wide`, it has those that are looked at most, and how long ago rather than when.
 * @param asOf the time that the rows are of
 */
export function tokenColumns(output: Output, wide: boolean, withUser: boolean, asOf: Date): Column<Token>[] {
  const when = (at: string) => (wide ? absolute(at) : relative(at, asOf));
  const column = (title: string, cell: (token: Token) => string | Cell, more: Partial<Column<Token>> = {}) => ({
    title,
    cell,
    ...more,
  });
  const user = column('User', (token) => token.user);
  return [
    column('ID', ({ id }) => id, { whole: true }),
    ...(withUser || wide ? [user] : []),
    column('Description', ({ description }) => description, { prose: true }),
    column('State', (token) => stateCell(output, token), { whole: true }),
    column('Scopes', ({ scopes }) => scopes.join(','), { spare: 3 }),
    column('Expiry Time', expiryTime, { spare: 4 }),
    column('Time Til Expiry', timeTilExpiry, { spare: 1 }),
    ...(wide
      ? [
          column('Create Time', ({ createdAt }) => absolute(createdAt)),
          column('Created By', ({ createdBy }) => createdBy),
          column('Last Updated', ({ updatedAt }) => absolute(updatedAt)),
          column('Last Updated By', ({ updatedBy }) => updatedBy),
        ]
      : []),
    column('Last Login', ({ lastUsedAt }) => (lastUsedAt === null ? '' : when(lastUsedAt)), { spare: 2 }),
    column('Login Count', ({ useCount }) => String(useCount), { spare: 5 }),
    ...(wide ? [column('Active Sessions', ({ activeSessions }) => String(activeSessions))] : []),
  ];
}

/** All of one token. */
export function tokenProperties(output: Output, token: Token, now: Date): [string, string | Cell][] {
  const when = (at: string | null) => (at === null ? '' : `${absolute(at)} (${relative(at, now)})`);
  return [
    ['ID', token.id],
    ['User', token.user],
    ['Description', token.description],
    ['State', stateCell(output, token)],
    ['Scopes', token.scopes.join(', ')],
    ['Expiry Time', expiryTime(token)],
    ['Time Til Expiry', timeTilExpiry(token)],
    ['Create Time', when(token.createdAt)],
    ['Created By', token.createdBy],
    ['Last Updated', when(token.updatedAt)],
    ['Last Updated By', token.updatedBy],
    ['Last Login', when(token.lastUsedAt)],
    ['Login Count', String(token.useCount)],
    ['Active Sessions', String(token.activeSessions)],
  ];
}

/** Empty where there is none; marked where it has gone by (S24). */
export function expiryTime({ expiresAt, secondsTilExpiry }: Token): string {
  if (expiresAt === null) return '';
  return secondsTilExpiry === 0 ? `${absolute(expiresAt)} (expired)` : absolute(expiresAt);
}

/** By the service's clock: this machine's may be wrong. */
export function timeTilExpiry({ secondsTilExpiry }: Token): string {
  if (secondsTilExpiry === null) return 'Never';
  return secondsTilExpiry === 0 ? '(expired)' : lengthOf(secondsTilExpiry * 1000);
}

function stateCell(output: Output, { state }: Token): Cell {
  return output.cell(COLOURS[state] ?? 'red', state);
}
