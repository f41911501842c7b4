import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { readFile, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { root } from '../tools/paths.js';
import { type TestDatabase, testDatabase } from './support/database.js';
import { documentedBlocks } from './support/documented-blocks.js';
import { type Block, blocksOf, blockWith, documents } from './support/documents.js';
import { testFolder } from './support/folder.js';
import { expectStatus, WholeSystem } from './support/whole-system.js';

const execute = promisify(execFile);
const all = documents.flatMap(blocksOf);
/** What begins with its interpreter is a file, and not pasted. */
const pasted = all.filter(
  ({ language, text }) => ['sh', 'bash', 'shell', 'zsh', 'console'].includes(language) && !text.startsWith('#!'),
);
const at = ({ file, line }: Block) => `${file}:${line}`;

describe('every block of every document', () => {
  it.each(documents.filter((file) => blocksOf(file).length > 0 || file in documentedBlocks))(
    'of %s is tested by a file that knows of it, or has a reason why not: test/support/documented-blocks.ts',
    (file) => {
      const listed = documentedBlocks[file] ?? [];
      const found = blocksOf(file).map((block, index) => {
        const begins = listed[index]?.begins;
        return begins && block.text.startsWith(begins) ? begins : `${at(block)} ${block.text.slice(0, 40)}`;
      });
      expect(found).toEqual(listed.map(({ begins }) => begins));
      for (const block of listed) {
        if ('untested' in block) expect(block.untested).toMatch(/\w/);
        else expect(readFileSync(join(root, block.by), 'utf8')).toContain(block.with ?? basename(file));
      }
    },
  );

  it('and no other is spoken of', () => {
    for (const file of Object.keys(documentedBlocks)) expect(existsSync(join(root, file))).toBe(true);
  });
});

describe('what is to be pasted', () => {
  it('has no remark, which zsh takes for words of the command', () => {
    expect(pasted.filter(({ text }) => /(^|[ \t;])#/m.test(text)).map(at)).toEqual([]);
  });

  it('uses no variable that may be empty without a word', () => {
    const bare = pasted.filter(({ text }) =>
      [...text.matchAll(/\$\{?([A-Za-z_]\w*)(?!\w)(?!:[?-])/g)].some(
        ([, name]) => !new RegExp(`^\\s*(export )?${name}=`, 'm').test(text),
      ),
    );
    expect(bare.map(at)).toEqual([]);
  });

  it('shows why a call over HTTP failed', () => {
    const calls = pasted.flatMap(({ text, ...block }) =>
      [...text.matchAll(/\bcurl (.*)/g)].map(([, options = '']) => ({ options, where: at({ text, ...block }) })),
    );
    expect(calls.length).toBeGreaterThan(5);
    expect(calls.filter(({ options }) => !options.startsWith('-sS --fail-with-body '))).toEqual([]);
  });

  it('wants nothing that a bare machine lacks', () => {
    expect(pasted.filter(({ text }) => /\b(jq|python3?|pip|wget|http|brew|apt(-get)?)\b /.test(text)).map(at)).toEqual(
      [],
    );
  });

  it.each(['bash', 'dash'])('is understood by %s', async (shell) => {
    const { stdout } = await execute('sh', ['-c', `command -v ${shell} || true`]);
    // dash is Debian's sh; elsewhere sh is as near as can be had.
    for (const { text } of pasted) await execute(stdout.trim() || 'sh', ['-n', '-c', text]);
  });
});

describe('the commands of docs/operations.md', () => {
  let database: TestDatabase;
  let owner: pg.Client;
  beforeAll(async () => {
    database = await testDatabase();
    owner = new pg.Client(database.url);
    await owner.connect();
  });
  afterAll(async () => {
    await owner?.end();
    await database?.drop();
  });
  const logins = [`documented_identity_${process.pid}`, `documented_tokens_${process.pid}`] as const;
  const urlOf = (login: string) => Object.assign(new URL(database.url), { username: login, password: 'a-password' });
  const paste = (text: string) =>
    execute('sh', ['-ec', text], {
      cwd: root,
      env: {
        PATH: process.env.PATH,
        DATABASE_URL: database.url,
        IDENTITY_DATABASE_URL: String(urlOf(logins[0])),
        TOKENS_DATABASE_URL: String(urlOf(logins[1])),
      },
    });

  it('migrate, and make a login for each service', async () => {
    try {
      const { stdout } = await paste(blockWith('docs/operations.md', 'apps/identity/migrate.js'));
      expect(stdout).toMatch(/^First admin: admin$/m);
      for (const [login, schema] of [
        [logins[0], 'identity'],
        [logins[1], 'tokens'],
      ] as const) {
        const client = new pg.Client(String(urlOf(login)));
        await client.connect();
        await client.query(`SET ROLE tokenlog_${schema}; SELECT FROM ${schema}.events LIMIT 1`);
        await client.end();
      }
    } finally {
      for (const login of logins) await owner.query(`DROP ROLE IF EXISTS ${login}`);
    }
  });

  it('rebuild a table, and take a month out', async () => {
    const { stdout } = await paste(blockWith('docs/operations.md', 'rebuild.js'));
    expect(stdout).toMatch(/^Rebuilt from \d+ events\. Rows that differed: \{.*\}$/m);

    const statement = blockWith('docs/operations.md', 'DETACH PARTITION');
    const partitions = async () => {
      const { rows } = await owner.query(
        `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'tokens.events'::regclass`,
      );
      return rows.map(({ name }) => name as string).filter((name) => /_\d{4}_\d\d$/.test(name));
    };
    const [month = ''] = await partitions();
    expect(month).not.toBe('');
    await owner.query(statement.replace(/tokens\.events_\d{4}_\d\d/, month));
    expect(await partitions()).not.toContain(month);
  });
});

describe('the commands that want a running system', () => {
  let whole: WholeSystem;
  let folder: string;
  beforeAll(async () => {
    folder = await testFolder('documents');
    whole = await WholeSystem.start('documents-data');
  });
  afterAll(() => whole?.system.stop());

  const paste = (text: string, env: Record<string, string> = {}) =>
    execute(
      'sh',
      [
        '-ec',
        text
          .replaceAll('http://localhost:3002', whole.system.tokens.url)
          // From elsewhere npx would ask a registry for it.
          .replaceAll('npx tokenlog', `"${process.execPath}" "${join(root, 'apps', 'cli', 'tokenlog.mjs')}"`),
      ],
      {
        cwd: folder,
        env: {
          PATH: process.env.PATH,
          HOME: folder,
          DATA_DIR: whole.dataDir,
          TOKENLOG_IDENTITY_URL: whole.system.identity.url,
          TOKENLOG_TOKENS_URL: whole.system.tokens.url,
          ...env,
        },
      },
    );

  it('introspect and revoke a token, as docs/standards.md shows it', async () => {
    const ada = await whole.register('ada', { roles: ['operator'] });
    const gateway = await whole.register('gateway', { roles: ['admin'] });
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    const { secret: TOKEN } = await whole.issue(ada.id, { scopes: ['rest', 'export'], expiresAt });
    const { secret: GATEWAY_TOKEN } = await whole.issue(gateway.id, { scopes: ['introspect'] });
    const env = { TOKEN, GATEWAY_TOKEN };
    const shown = JSON.parse(blockWith('docs/standards.md', '"active": true'));

    const answer = JSON.parse((await paste(blockWith('docs/standards.md', '/oauth2/introspect'), env)).stdout);
    expect(Object.keys(answer)).toEqual(Object.keys(shown));
    for (const name of ['active', 'scope', 'username', 'token_type', 'roles'])
      expect(answer[name]).toEqual(shown[name]);
    await paste(blockWith('docs/standards.md', '/oauth2/revoke'), env);
    expectStatus(await whole.example('GET', '/', { as: TOKEN }), 401);
    await expect(paste(blockWith('docs/standards.md', '/oauth2/introspect'), { TOKEN })).rejects.toMatchObject({
      stderr: expect.stringMatching(/GATEWAY_TOKEN: is empty/),
    });
  });

  it('change what was read, and ask twice for one token, as docs/rest.md shows it', async () => {
    const password = 'a-password-of-my-own';
    const grace = await whole.register('grace', { password });
    const { token } = await whole.issue(grace.id);
    const env = { SESSION: await whole.logIn('grace', password), ID: token.id };
    const changed = JSON.parse((await paste(blockWith('docs/rest.md', 'If-Match: '), env)).stdout);
    expect(changed.token).toMatchObject({ id: token.id, description: 'nightly export' });

    const [generate = '', ask = ''] = blockWith('docs/rest.md', 'Idempotency-Key: ').trim().split('\n');
    const [one, two] = (await paste(`${generate}\n${ask}\n${ask}`, env)).stdout.trim().split('\n');
    expect(JSON.parse(one ?? '').secret).toMatch(/^tkl_/);
    expect(two).toBe(one);
  });

  it('make a client of /openapi.json, which compiles and lists tokens, as docs/rest.md shows it', async () => {
    const ada = await whole.register('ada-of-clients');
    const { secret } = await whole.issue(ada.id, { description: 'of a client', scopes: ['tokens'] });
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
    const bin = join(root, 'node_modules', '.bin');
    await paste(blockWith('docs/rest.md', 'npx openapi-typescript').replace('npx ', `${bin}/`));
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
    const code = blockWith('docs/rest.md', 'import createClient');
    await writeFile(join(folder, 'list.ts'), code.replaceAll('http://localhost:3002', whole.system.tokens.url));
    await paste(`${bin}/tsc --noEmit --strict --module nodenext --target es2024 --types node list.ts`);
    expect((await paste(`"${process.execPath}" list.ts`, { TOKEN: secret })).stdout).toBe('of a client active\n');
    await writeFile(join(folder, 'list.ts'), code.replace("'scope'", "'scoop'"));
    await expect(paste(`${bin}/tsc --noEmit --strict --module nodenext --target es2024 list.ts`)).rejects.toThrow();
  });

  it('give a guarded service a NATS user, and take it away, as docs/operations.md shows it', async () => {
    const { stdout } = await paste(blockWith('docs/operations.md', 'guards list'));
    expect(stdout).toMatch(/\breports\b/);
    const written = join(whole.dataDir, 'guards', 'reports.env');
    expect(await readFile(written, 'utf8')).toMatch(/^NATS_URL=nats:\/\/guard-reports:/m);
    await paste(blockWith('docs/operations.md', 'guards remove'));
    expect((await paste('npx tokenlog guards list')).stdout).not.toMatch(/\breports\b/);
  });
});
