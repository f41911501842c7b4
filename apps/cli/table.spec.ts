import type { Token } from './api.js';
import { changesOf, origins } from './event-table.js';
import { Output } from './output.js';
import { table } from './table.js';
import { tokenColumns } from './token-table.js';

const now = new Date('2027-01-31T10:00:00.000Z');
const plain = { bold: (text: string) => text, width: Number.POSITIVE_INFINITY };
const output = new Output(process.stdout, process.stderr, false);
const token: Token = {
  id: '01997c9e-2222-7222-8222-222222222222',
  userId: '01997c9e-1111-7111-8111-111111111111',
  user: 'ada',
  description: 'nightly export',
  scopes: ['rest', 'reports'],
  state: 'active',
  expiresAt: '2027-02-10T10:00:00.000Z',
  secondsTilExpiry: 864_000,
  createdAt: '2027-01-01T10:00:00.000Z',
  createdBy: 'ada',
  updatedAt: '2027-01-02T10:00:00.000Z',
  updatedBy: 'admin',
  lastUsedAt: '2027-01-31T09:57:00.000Z',
  useCount: 7,
  activeSessions: 1,
};
const draw = (tokens: Token[], wide = true) =>
  table(tokenColumns(output, wide, true, now), tokens, plain).text.split('\n');
const cells = (line: string | undefined) => line?.split(/ {2,}/);

describe('the table of tokens', () => {
  it('S36 has the columns of the page in its words, and state and scopes', () => {
    const [head, row] = draw([token]);
    const titles = ['User', 'Description', 'Expiry Time', 'Time Til Expiry', 'Create Time', 'Created By'];
    titles.push('Last Updated', 'Last Updated By', 'Last Login', 'Login Count', 'Active Sessions', 'State', 'Scopes');
    expect(cells(head)).toEqual(expect.arrayContaining(titles));
    expect(cells(row)).toEqual([
      token.id,
      'ada',
      'nightly export',
      'active',
      'rest,reports',
      '2027-02-10 10:00:00Z',
      '10 days',
      '2027-01-01 10:00:00Z',
      'ada',
      '2027-01-02 10:00:00Z',
      'admin',
      '2027-01-31 09:57:00Z',
      '7',
      '1',
    ]);
  });

  it('says how long ago where it is not wide', () => {
    expect(cells(draw([token], false)[1])).toContain('3 minutes ago');
  });

  it('S23 S36 leaves Expiry Time empty and says Never where there is none', () => {
    const [head = '', row = ''] = draw([{ ...token, expiresAt: null, secondsTilExpiry: null }]);
    const at = head.indexOf('Expiry Time');
    expect(row.slice(at, head.indexOf('Create Time')).trim()).toBe('Never');
    expect(row.slice(at, head.indexOf('Time Til Expiry')).trim()).toBe('');
  });

  it('S24 marks what has expired', () => {
    const row = draw([{ ...token, state: 'expired', expiresAt: '2027-01-30T10:00:00.000Z', secondsTilExpiry: 0 }])[1];
    expect(cells(row)).toEqual(expect.arrayContaining(['expired', '2027-01-30 10:00:00Z (expired)', '(expired)']));
  });

  it('S45 is not steered by what people called their tokens', () => {
    const lines = draw([{ ...token, description: 'a\u001b[2Jb\nc', user: 'eve\u202e' }]);
    expect(lines).toHaveLength(3);
    expect(lines[1]).toContain('a\\u001b[2Jb\\u000ac');
    expect(lines[1]).toContain('eve\\u202e');
  });

  it('aligns wide characters', () => {
    const [, first = '', second = ''] = draw([
      { ...token, description: '東京' },
      { ...token, description: 'abcd' },
    ]);
    // Two of them are as wide as four letters.
    expect(second.indexOf('active') - first.indexOf('active')).toBe(2);
  });
});

describe('what happened', () => {
  it('tells from where, with the count and without the form of the socket', () => {
    expect(origins([{ service: 'example-api', ip: '::ffff:192.0.2.7', count: 3 }])).toBe('example-api 192.0.2.7 ×3');
    expect(origins([{ service: null, ip: '2001:db8::1', count: 1 }])).toBe('2001:db8::1');
    expect(origins([{ service: null, ip: null, count: 1 }])).toBe('');
  });

  it('tells what changed', () => {
    const changes = { reason: 'lost laptop', scopes: ['rest', 'reports'], count: 2, expiresAt: null, nothing: [] };
    expect(changesOf(changes)).toBe('reason="lost laptop" scopes=rest,reports count=2 nothing=none');
  });
});
