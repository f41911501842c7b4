import type { Token } from './api.js';
import type { Output } from './output.js';
import type { Cell, Column } from './table.js';
import { absolute, lengthOf, relative } from './times.js';

const COLOURS = { active: 'green', expired: 'yellow', revoked: 'red', invalid: 'red', deleted: 'red' } as const;
/** On a terminal, so that a row stays a line. */
const LONGEST = 40;

/**
 * The table of tokens in the words of S36. Not `wide`, it has what fits a terminal, and how long ago rather than when.
 * @param asOf the time that the rows are of
 */
export function tokenColumns(output: Output, wide: boolean, withUser: boolean, asOf: Date): Column<Token>[] {
  const clip = (text: string) => (wide || !output.isTerminal ? text : clipped(text));
  const when = (at: string) => (wide ? absolute(at) : relative(at, asOf));
  const column = (title: string, cell: (token: Token) => string | Cell): Column<Token> => ({ title, cell });
  const user = column('User', (token) => token.user);
  return [
    column('ID', ({ id }) => id),
    ...(withUser || wide ? [user] : []),
    column('Description', ({ description }) => clip(description)),
    column('State', (token) => stateCell(output, token)),
    column('Scopes', ({ scopes }) => clip(scopes.join(','))),
    column('Expiry Time', expiryTime),
    column('Time Til Expiry', timeTilExpiry),
    ...(wide
      ? [
          column('Create Time', ({ createdAt }) => absolute(createdAt)),
          column('Created By', ({ createdBy }) => createdBy),
          column('Last Updated', ({ updatedAt }) => absolute(updatedAt)),
          column('Last Updated By', ({ updatedBy }) => updatedBy),
        ]
      : []),
    column('Last Login', ({ lastUsedAt }) => (lastUsedAt === null ? '' : when(lastUsedAt))),
    column('Login Count', ({ useCount }) => String(useCount)),
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

function clipped(text: string): string {
  const characters = [...text];
  return characters.length > LONGEST ? `${characters.slice(0, LONGEST - 1).join('')}…` : text;
}
