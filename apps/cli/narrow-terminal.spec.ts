import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import type { Surroundings } from './cli.js';
import { programOf } from './program.js';
import { widthOf } from './wrapped.js';

const ID = '01997c9e-2222-7222-8222-222222222222';
const AT = '2027-01-31T09:57:00.000Z';
const LONG = 'a description that goes on and on, since somebody pasted the whole ticket into it: PROJ-1234 rotate them';
const HOSTILE = [
  LONG,
  '夜間のデータ輸出ジョブ（東京リージョン）の鍵',
  'deploy 👩‍💻 of the 🚀 🇩🇪',
  'x'.repeat(200),
  '\u001b[2J',
  '',
];

/** Rows of everything that is listed, with these texts where people may write any. */
function bodiesWith(texts: readonly string[]): Record<string, unknown> {
  const page = (row: (text: string) => object) => ({ items: texts.map(row), nextCursor: null, total: texts.length });
  const event = (text: string) => ({
    ...{ position: '1', type: 'external-identity-linked', at: AT, by: text.slice(0, 60), tokenId: ID, sessionId: null },
    from: [{ service: 'example-api', ip: '2001:db8::1:2:3:4', count: 3 }],
    changes: { reason: text, scopes: ['rest', 'reports:read:everything'], expiresAt: AT },
  });
  const token = (text: string) => ({
    ...{ id: ID, userId: ID, user: text.slice(0, 60), description: text, scopes: ['rest', 'reports:read:all'] },
    ...{ state: 'active', expiresAt: AT, secondsTilExpiry: 864_000, createdAt: AT, createdBy: 'ada', updatedAt: AT },
    ...{ updatedBy: 'admin', lastUsedAt: AT, useCount: 1_234_567, activeSessions: 1 },
  });
  const user = (text: string) => ({
    ...{ id: ID, kind: 'application', username: text.slice(0, 60), displayName: text, email: null, phone: null },
    ...{ organization: null, roles: ['admin', 'helpdesk', 'auditor'], disabled: false, hasPassword: true },
    ...{ mustChangePassword: true, lastLoginAt: AT },
  });
  const session = (text: string) => ({
    ...{ id: ID, user: text.slice(0, 60), tokenId: ID, startedAt: AT, expiresAt: AT, ip: '2001:db8::1:2:3:4' },
  });
  return {
    '/tokens': page(token),
    '/admin/tokens': page(token),
    [`/tokens/${ID}`]: { token: token(texts[0] ?? '') },
    [`/tokens/${ID}/history`]: page(event),
    '/admin/audit': page(event),
    '/users': page(user),
    [`/users/${ID}`]: user(texts[0] ?? ''),
    '/sessions': page(session),
    '/me/password/impact': { policy: 'revoke', tokens: texts.map(token), sessions: 2 },
  };
}

const LISTS = [
  ['tokens', 'list'],
  ['admin', 'tokens', 'list'],
  ['tokens', 'history', ID],
  ['admin', 'audit'],
  ['admin', 'users', 'list'],
  ['admin', 'sessions', 'list'],
];
const OTHERS = [
  ['tokens', 'show', ID],
  ['admin', 'users', 'show', ID],
  ['password', 'impact'],
];

let server: Server;
let url: string;
let bodies: Record<string, unknown>;

beforeAll(async () => {
  server = createServer(({ url = '' }, response) => {
    const { pathname, searchParams } = new URL(url, 'http://x');
    const found = bodies[pathname.replace(/^\/api/, '')];
    const body = searchParams.has('user') ? { items: [bodies[`/users/${ID}`]], nextCursor: null } : found;
    response.writeHead(body ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(body ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

/** Runs a command on a terminal of so many columns; `null`: into a pipe. */
async function run(args: readonly string[], columns: number | null, env: Record<string, string> = {}) {
  const streamOf = (isTTY: boolean) =>
    Object.assign(new PassThrough(), { isTTY, columns: columns ?? undefined, hasColors: () => false });
  const [stdout, stderr] = [streamOf(columns !== null), streamOf(true)];
  const surroundings = { env: { TOKENLOG_URL: url, TOKENLOG_TOKEN: 'tkl_x', ...env }, stdin: process.stdin };
  await programOf({ ...surroundings, stdout, stderr } as unknown as Surroundings)
    .parseAsync([...args], {
      from: 'user',
    })
    .catch((error) => {
      // As commander ends after it has shown help.
      if (error.exitCode !== 0) throw error;
    });
  const read = (stream: PassThrough) => String(stream.read() ?? '');
  return { stdout: read(stdout), stderr: read(stderr) };
}

/** Sentences are for the terminal to wrap. */
const widest = (text: string) =>
  Math.max(...text.split('\n').map((line) => (/^\d+ tokens: |^password change /.test(line) ? 0 : widthOf(line))));
const withoutSpace = (text: string) => text.replaceAll(/\s/g, '');

describe.each([...LISTS, ...OTHERS])('tokenlog %s %s', (...args) => {
  const command = args.filter((arg) => arg !== undefined);

  it.each([40, 60, 80, 100, 140])('keeps within %i columns, ids whole', async (columns) => {
    bodies = bodiesWith(HOSTILE);
    for (const more of LISTS.some((list) => list.join() === command.join()) ? [[], ['--wide']] : [[]]) {
      const { stdout } = await run([...command, ...more], columns);
      expect(widest(stdout)).toBeLessThanOrEqual(columns);
      if (!/history|audit/.test(command.join())) expect(stdout).toContain(ID);
      expect(stdout.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
    }
  });

  it('takes COLUMNS before what the terminal says', async () => {
    bodies = bodiesWith(HOSTILE);
    expect(widest((await run(command, 140, { COLUMNS: '50' })).stdout)).toBeLessThanOrEqual(50);
    expect((await run(command, 50, { COLUMNS: 'many' })).stdout).toBe((await run(command, 50)).stdout);
  });

  it('is the same in a pipe whatever the width is said to be', async () => {
    bodies = bodiesWith(HOSTILE);
    const piped = await run(command, null);
    expect(await run(command, null, { COLUMNS: '40' })).toEqual(piped);
    expect(piped.stderr).not.toContain('Left out');
    expect(piped.stdout).toContain(LONG.slice(0, 60));
  });
});

describe.each(LISTS)('the list tokenlog %s %s', (...args) => {
  const command = args.filter((arg) => arg !== undefined);

  it('has a line for each row in a pipe, below a header', async () => {
    for (const texts of [['one'], HOSTILE]) {
      bodies = bodiesWith(texts);
      const { stdout } = await run(command, null);
      expect(stdout.trimEnd().split('\n')).toHaveLength(texts.length + 1);
    }
  });

  it('is nothing but a word on stderr where there is no row', async () => {
    bodies = bodiesWith([]);
    for (const columns of [null, 80]) {
      expect(await run(command, columns)).toEqual({ stdout: '', stderr: 'There are none.\n' });
    }
  });

  it('says which columns it leaves out, and has them all with --wide', async () => {
    bodies = bodiesWith([LONG]);
    const whole = await run([...command, '--wide'], 60);
    expect(whole.stderr).not.toContain('Left out');
    const titles = (await run(command, null)).stdout.split('\n')[0]?.split(/ {2,}/) ?? [];
    for (const title of titles) expect(whole.stdout).toContain(title);
    const { stdout, stderr } = await run(command, 80);
    const leftOut = /^Left out for want of width: (.*)\. --wide shows all\.$/m.exec(stderr)?.[1]?.split(', ') ?? [];
    const shown = withoutSpace(stdout.slice(0, stdout.indexOf(ID) < 0 ? undefined : stdout.indexOf(ID)));
    expect(titles).toEqual(expect.arrayContaining(leftOut));
    expect(leftOut.filter((title) => shown.includes(withoutSpace(title)))).toEqual([]);
  });

  it('keeps within any width from 40, whatever people write', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: 'grapheme', maxLength: 300 }), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 40, max: 200 }),
        async (texts, columns) => {
          bodies = bodiesWith(texts);
          expect(widest((await run(command, columns)).stdout)).toBeLessThanOrEqual(columns);
        },
      ),
      { numRuns: 25 },
    );
  });
});

it.each([[], ['admin'], ['tokens', 'create'], ['completion']])(
  'the help of %j keeps within 40 columns, URLs and examples aside',
  async (...command) => {
    const { stdout } = await run([...command, '--help'], 40);
    expect(stdout).toContain('Options:');
    for (const line of stdout.split('\n').filter((line) => !/tokenlog|^Usage|https?:/.test(line))) {
      expect(widthOf(line)).toBeLessThanOrEqual(40);
    }
  },
);
