import { randomUUID } from 'node:crypto';
import { ClientProxyFactory, Transport } from '@nestjs/microservices';
import { formatCredential, generateSecret, parseCredential, proofOf } from '@tokenlog/contracts/credential.js';
import { refusalReason } from '@tokenlog/contracts/tokens/verify.js';
import { databaseConnection } from '@tokenlog/platform/database-url.js';
import { natsOptions } from '@tokenlog/platform/nats.js';
import { Client } from 'pg';
import { firstValueFrom } from 'rxjs';
import { testDatabase } from '../../../test/support/database.js';
import { eventually } from '../../../test/support/eventually.js';
import { TOKENS_DATABASE } from '../config/database-part.js';
import { migrate } from '../migrate.js';
import { EndSession } from '../session/end-session.js';
import { StartSession } from '../session/start-session.js';
import { shortLived } from '../testing/short-lived.js';
import { startTokenService, type TestTokenService, type TestUser } from '../testing/token-service.js';
import { CreateToken } from '../verbs/create-token.js';
import { DeleteToken } from '../verbs/delete-token.js';
import { EditToken } from '../verbs/edit-token.js';
import { RefreshToken } from '../verbs/refresh-token.js';
import { RevokeToken } from '../verbs/revoke-token.js';
import { VERIFIER_SETTINGS, VERIFY_BATCH } from './verification.sql.js';
import { MOST_WAITING } from './verification-queue.js';
import { Verifier } from './verifier.js';

describe('verification', () => {
  let service: TestTokenService;
  let ada: TestUser;

  beforeAll(async () => {
    service = await startTokenService({ POLICY_OWNER_ROLES: 'operator,admin' });
    ada = await service.register('ada', { roles: ['operator'] });
  });
  afterAll(() => service.stop());

  const issue = async (user = ada, scopes = ['rest'], expiresAt: string | null = null) =>
    service.commands.execute(
      new CreateToken(service.caller(user), { userId: user.id, description: 'export', scopes, expiresAt }, 'right'),
    );
  const usageOf = async (tokenId: string) =>
    (
      await service.store.pool.query('SELECT use_count::int, last_used_at FROM token_usage WHERE token_id = $1', [
        tokenId,
      ])
    ).rows[0];
  const eventsOf = async (tokenId: string, type: string) =>
    (
      await service.store.pool.query('SELECT data FROM events WHERE entity = $1 AND type = $2 ORDER BY position', [
        tokenId,
        type,
      ])
    ).rows.map(({ data }) => data);

  describe('accepts', () => {
    it('a credential, or the proof of one without the secret, and says whose it is and what it may do', async () => {
      const { tokenId, secret } = await issue();
      const accepted = {
        active: true,
        kind: 'token',
        token: { id: tokenId, description: 'export', scopes: ['rest'], expiresAt: null, secretGeneration: 1 },
        user: { id: ada.id, username: 'ada', roles: ['operator'] },
        scopes: ['rest'],
        checkedAt: expect.any(String),
        validUntil: null,
      };
      expect(await service.verify({ credential: secret })).toEqual(accepted);
      const { id, secret: part } = parseCredential(secret)!;
      expect(await service.verify({ id, proof: proofOf(part), scopes: ['rest'] })).toEqual(accepted);
    });

    it('the same from a bare NATS client and from a Nest ClientProxy', async () => {
      const { secret } = await issue();
      const client = ClientProxyFactory.create({
        transport: Transport.NATS,
        options: natsOptions(service.nats.urls.guard, 'guard', 'nest-client') as never,
      });
      const fromNest = await firstValueFrom(client.send('tokens.verify', { credential: secret }));
      await client.close();
      expect(fromNest).toEqual({ ...(await service.verify({ credential: secret })), checkedAt: expect.any(String) });
    });

    it('S25 any one of the scopes asked for', async () => {
      const { secret } = await issue(ada, ['rest', 'export']);
      expect(await service.verify({ credential: secret, scopes: ['other', 'export'] })).toMatchObject({ active: true });
    });

    it('S23 a token up to and including its expiry, and S28 its session no longer', async () => {
      const expiresAt = new Date(Date.now() + 1500).toISOString();
      const { tokenId, secret } = await issue(ada, ['rest'], expiresAt);
      const session = await service.commands.execute(new StartSession({ with: 'token', tokenId, generation: 1 }, null));
      expect(session.expiresAt).toBe(expiresAt);
      expect(await service.verify({ credential: secret })).toMatchObject({ active: true });
      expect(await service.verify({ credential: session.credential })).toMatchObject({ active: true, kind: 'session' });
      await eventually(async () =>
        expect(await service.verify({ credential: secret })).toEqual({ active: false, reason: 'expired' }),
      );
      expect(Date.now()).toBeGreaterThan(Date.parse(expiresAt));
      expect(await service.verify({ credential: session.credential })).toEqual({
        active: false,
        reason: 'session-ended',
      });
    });

    it('S19 the old secret for as long as the grace period that was asked for', async () => {
      const { tokenId, secret } = await issue();
      const wishes = { password: 'right', gracePeriodSeconds: 1 };
      const next = await service.commands.execute(new RefreshToken(service.caller(ada), tokenId, ada.id, wishes));
      expect(await service.verify({ credential: secret })).toMatchObject({ active: true });
      expect(await service.verify({ credential: next.secret })).toMatchObject({ active: true });
      await eventually(async () =>
        expect(await service.verify({ credential: secret })).toEqual({ active: false, reason: 'superseded' }),
      );
    });

    it('a password session, with all the scopes that its user could give and no more', async () => {
      const basis = { with: 'password', userId: ada.id, userVersion: ada.version } as const;
      const { credential, sessionId } = await service.commands.execute(new StartSession(basis, '192.0.2.7'));
      expect(await service.verify({ credential, scopes: ['anything'] })).toMatchObject({
        active: true,
        kind: 'session',
        token: null,
        scopes: ['*'],
        session: { id: sessionId, startedWith: 'password', mustChangePassword: false },
      });
      expect(await service.verify({ credential, scopes: ['admin'] })).toEqual({ active: false, reason: 'scope' });
    });
  });

  describe('refuses, with its own reason', () => {
    const refused = (reason: string) => ({ active: false, reason });
    const tested = new Set<string>();
    const reason = (name: string, test: () => Promise<void>) => {
      tested.add(name);
      it(name, test);
    };

    reason('malformed', async () => {
      const { secret } = await issue();
      for (const credential of ['', 'garbage', secret.slice(0, -1), `${secret}x`, secret.replace('tkl', 'tkx')]) {
        expect(await service.verify({ credential })).toEqual(refused('malformed'));
      }
    });

    reason('unknown', async () => {
      const { tokenId } = await issue();
      const forged = (id: string) => formatCredential({ prefix: 'tkl', id, secret: generateSecret() });
      expect(await service.verify({ credential: forged(tokenId) })).toEqual(refused('unknown'));
      expect(await service.verify({ credential: forged(randomUUID()) })).toEqual(refused('unknown'));
    });

    reason('superseded', async () => {
      const { tokenId, secret } = await issue();
      await service.commands.execute(new RefreshToken(service.caller(ada), tokenId, ada.id, { password: 'right' }));
      expect(await service.verify({ credential: secret, service: 'api', ip: '192.0.2.9' })).toEqual(
        refused('superseded'),
      );
      // S20: the holder to warn stands in the token's history.
      expect(await eventsOf(tokenId, 'token-refused')).toEqual([
        { reason: 'superseded', service: 'api', ip: '192.0.2.9' },
      ]);
    });

    reason('expired', async () => {
      const { secret } = await shortLived((expiresAt) => issue(ada, ['rest'], expiresAt));
      await eventually(async () => expect(await service.verify({ credential: secret })).toEqual(refused('expired')));
    });

    reason('revoked', async () => {
      const { tokenId, secret } = await issue();
      await service.commands.execute(new RevokeToken(service.caller(ada), tokenId, ada.id, { password: 'right' }));
      expect(await service.verify({ credential: secret })).toEqual(refused('revoked'));
    });

    reason('deleted', async () => {
      const { tokenId, secret } = await issue();
      await service.commands.execute(new DeleteToken(service.caller(ada), tokenId, ada.id, 'right'));
      expect(await service.verify({ credential: secret })).toEqual(refused('deleted'));
    });

    reason('invalid', async () => {
      const gone = await service.register('gone', { roles: ['operator'] });
      const { secret } = await issue(gone);
      await service.delete(gone);
      expect(await service.verify({ credential: secret })).toEqual(refused('invalid'));
    });

    reason('user-disabled', async () => {
      const away = await service.register('away', { roles: ['operator'] });
      const { secret } = await issue(away);
      await service.change(away, { disabled: true });
      expect(await service.verify({ credential: secret })).toEqual(refused('user-disabled'));
      await service.change(away, { disabled: false });
      expect(await service.verify({ credential: secret })).toMatchObject({ active: true });
    });

    reason('role-lost', async () => {
      const moved = await service.register('moved', { roles: ['operator'] });
      const { secret } = await issue(moved);
      await service.change(moved, { roles: ['guest'] });
      expect(await service.verify({ credential: secret })).toEqual(refused('role-lost'));
      await service.change(moved, { roles: ['operator'] });
      expect(await service.verify({ credential: secret })).toMatchObject({ active: true });
    });

    reason('scope', async () => {
      const { tokenId, secret } = await issue(ada, ['rest']);
      const none = await issue(ada, []);
      expect(await service.verify({ credential: secret, scopes: ['export'] })).toEqual(refused('scope'));
      expect(await service.verify({ credential: secret, scopes: [] })).toEqual(refused('scope'));
      expect(await service.verify({ credential: none.secret, scopes: ['rest'] })).toEqual(refused('scope'));
      expect(await usageOf(tokenId)).toBeUndefined();
    });

    reason('session-ended', async () => {
      const { tokenId } = await issue();
      const session = await service.commands.execute(new StartSession({ with: 'token', tokenId, generation: 1 }, null));
      const metadata = { by: { kind: 'system' } } as const;
      await service.commands.execute(new EndSession(session.sessionId, 'anyone', 'logout', metadata));
      expect(await service.verify({ credential: session.credential })).toEqual(refused('session-ended'));
    });

    it('and there is no reason without a test', () => {
      expect([...tested].sort()).toEqual([...refusalReason.options].sort());
    });

    it('S33 tells nothing of a token to whoever cannot prove a secret of it', async () => {
      const { tokenId } = await issue();
      await service.commands.execute(new DeleteToken(service.caller(ada), tokenId, ada.id, 'right'));
      const credential = formatCredential({ prefix: 'tkl', id: tokenId, secret: generateSecret() });
      expect(await service.verify({ credential })).toEqual(refused('unknown'));
      expect(await eventsOf(tokenId, 'token-refused')).toEqual([]);
    });

    it('S4 a token presented under another name than its owner’s, and S34 counts nothing', async () => {
      const { tokenId, secret } = await issue();
      expect(await service.verify({ credential: secret, username: 'grace' })).toEqual(refused('unknown'));
      expect(await usageOf(tokenId)).toBeUndefined();
      expect(await service.verify({ credential: secret, username: 'ADA' })).toMatchObject({ active: true });
    });

    it('S33 notes a proven refusal once a minute, not once a try', async () => {
      const { tokenId, secret } = await issue();
      await service.commands.execute(new RevokeToken(service.caller(ada), tokenId, ada.id, { password: 'right' }));
      for (let index = 0; index < 5; index++) await service.verify({ credential: secret });
      expect(await eventsOf(tokenId, 'token-refused')).toHaveLength(1);
    });

    it('a token scope that only an admin may have, once its user is none', async () => {
      const chief = await service.register('chief', { roles: ['admin'] });
      const { secret } = await issue(chief, ['admin', 'rest']);
      expect(await service.verify({ credential: secret, scopes: ['admin'] })).toMatchObject({ active: true });
      await service.change(chief, { roles: ['operator'] });
      expect(await service.verify({ credential: secret, scopes: ['admin'] })).toEqual(refused('scope'));
      expect(await service.verify({ credential: secret, scopes: ['rest'] })).toMatchObject({ scopes: ['rest'] });
    });
  });

  describe('counts', () => {
    it('S34 exactly: 1,000 uses by 8 clients at once read 1,000, in the table and in the log', async () => {
      const { tokenId, secret } = await issue();
      const clients = Array.from({ length: 8 }, async (_, client) => {
        for (let index = 0; index < 125; index++) {
          const reply = await service.verify({ credential: secret, service: `client-${client}` });
          expect(reply.active).toBe(true);
        }
      });
      await Promise.all(clients);
      expect((await usageOf(tokenId)).use_count).toBe(1000);
      const uses = await eventsOf(tokenId, 'token-used');
      expect(uses.reduce((sum, { count }) => sum + count, 0)).toBe(1000);
      const breakdown = uses.flatMap((use) => use.breakdown as { service: string; count: number }[]);
      for (let client = 0; client < 8; client++) {
        const own = breakdown.filter((part) => part.service === `client-${client}`);
        expect(own.reduce((sum, { count }) => sum + count, 0)).toBe(125);
      }
    });

    it('S34 refuses at once who would be one too many to wait, and counts the others', async () => {
      const { tokenId, secret } = await issue();
      const verifier = service.app.get(Verifier, { strict: false });
      const asked = Array.from({ length: MOST_WAITING + 100 }, () => verifier.verify({ credential: secret }));
      const answers = await Promise.allSettled(asked);
      const refused = answers.filter(({ status }) => status === 'rejected');
      expect(refused).toHaveLength(100);
      expect(refused[0]).toMatchObject({ reason: { code: 'overloaded' } });
      expect(answers.filter((each) => each.status === 'fulfilled' && each.value.active)).toHaveLength(MOST_WAITING);
      expect((await usageOf(tokenId)).use_count).toBe(MOST_WAITING);
      expect(await service.verify({ credential: secret })).toMatchObject({ active: true });
    });

    it('S34 moves nothing for a refused one', async () => {
      const { tokenId, secret } = await issue(ada, ['rest']);
      await service.verify({ credential: secret });
      const before = await usageOf(tokenId);
      await service.verify({ credential: secret, scopes: ['export'] });
      expect(await usageOf(tokenId)).toEqual(before);
    });

    it('S34 S26 moves nothing where a role is missing, and says so in the reply and in the history', async () => {
      const { tokenId, secret } = await issue(ada, ['rest']);
      const refused = { active: false, reason: 'scope', missing: 'role' };
      expect(await service.verify({ credential: secret, roles: ['admin'] })).toEqual(refused);
      expect(await service.verify({ credential: secret, scopes: ['rest'], roles: [] })).toEqual(refused);
      expect(await service.verify({ credential: secret, scopes: ['other'], roles: ['admin'] })).toEqual({
        active: false,
        reason: 'scope',
      });
      expect(await usageOf(tokenId)).toBeUndefined();
      expect(await eventsOf(tokenId, 'token-refused')).toContainEqual(
        expect.objectContaining({ reason: 'scope', missing: 'role' }),
      );
      expect(await service.verify({ credential: secret, roles: ['admin', 'operator'] })).toMatchObject({
        active: true,
      });
      expect((await usageOf(tokenId)).use_count).toBe(1);
    });

    it('S35 leaves Last Updated alone', async () => {
      const { tokenId, secret } = await issue();
      const updated = () => service.store.pool.query('SELECT updated_at FROM tokens WHERE id = $1', [tokenId]);
      const before = (await updated()).rows;
      await service.verify({ credential: secret });
      expect((await updated()).rows).toEqual(before);
    });

    it('takes one statement a batch, however many ask at once', async () => {
      const tokens = await Promise.all(Array.from({ length: 4 }, () => issue()));
      const statements = async () =>
        (
          await service.store.pool.query(
            `SELECT version FROM events WHERE stream LIKE 'uses-%' ORDER BY position DESC LIMIT 1`,
          )
        ).rows[0]?.version ?? 0;
      await service.verify({ credential: tokens[0]!.secret });
      const before = await statements();
      await Promise.all(
        tokens.flatMap(({ secret }) => Array.from({ length: 25 }, () => service.verify({ credential: secret }))),
      );
      const { rows } = await service.store.pool.query(
        `SELECT count(DISTINCT transaction_id)::int AS count FROM events WHERE stream LIKE 'uses-%' AND version > $1`,
        [before],
      );
      expect(rows[0].count).toBeLessThan(50);
    });
  });

  it('sees an edit at once', async () => {
    const { tokenId, secret } = await issue(ada, ['rest']);
    await service.commands.execute(new EditToken(service.caller(ada), tokenId, ada.id, { scopes: ['export'] }));
    expect(await service.verify({ credential: secret, scopes: ['rest'] })).toEqual({ active: false, reason: 'scope' });
    expect(await service.verify({ credential: secret, scopes: ['export'] })).toMatchObject({ active: true });
  });

  it.each([
    ['nonsense', ['body: not JSON']],
    ['{}', ['credential: is missing']],
    ['[]', ['body: not an object']],
    ['null', ['body: not an object']],
    ['{"credential":7}', ['credential: not a text']],
    ['{"id":"x","proof":"y"}', ['id: not an id', 'proof: a proof is base64url of 32 bytes']],
    ['{"credential":"a","extra":1}', ['extra: is not known here']],
  ])('answers %s with an error that names the fields, never with silence', async (payload, wrong) => {
    const reply = await service.guard.request('tokens.verify', payload, { timeout: 3000 });
    const errors = wrong.map((each) => ({ field: each.split(': ')[0], detail: each.split(': ')[1] }));
    expect(reply.json()).toEqual({ error: { code: 'invalid-request', detail: wrong.join('; '), errors } });
  });

  it('accepts secrets of a retired pepper and moves them to the current one on use; of a lost pepper it says that it cannot tell', async () => {
    const { tokenId, secret } = await issue();
    const pepperOf = async () =>
      (await service.store.pool.query('SELECT pepper FROM secrets WHERE owner = $1', [tokenId])).rows[0].pepper;
    const before = await pepperOf();
    await service.restart({
      TOKEN_PEPPER: 'another pepper for tests',
      TOKEN_PEPPERS_RETIRED: 'a pepper for tests only',
    });
    expect(await service.verify({ credential: secret })).toMatchObject({ active: true });
    await eventually(async () => expect(await pepperOf()).not.toBe(before));
    await service.restart({ TOKEN_PEPPER: 'another pepper for tests', TOKEN_PEPPERS_MISSING: 'accept' });
    expect(await service.verify({ credential: secret })).toMatchObject({ active: true });
    await service.restart({ TOKEN_PEPPERS_MISSING: 'accept' });
    expect(await service.verify({ credential: secret })).toMatchObject({ error: { code: 'pepper-unknown' } });
    await service.commands.execute(new RevokeToken(service.caller(ada), tokenId, ada.id, { password: 'right' }));
  });

  it('two replicas that verify the same hot tokens at once count exactly and do not deadlock', async () => {
    const tokens = await Promise.all(Array.from({ length: 20 }, () => issue()));
    const replica = await service.start();
    try {
      await Promise.all(
        Array.from({ length: 1500 }, (_, index) => service.verify({ credential: tokens[index % 20]!.secret })),
      );
    } finally {
      await replica.close();
    }
    for (const { tokenId } of tokens) expect((await usageOf(tokenId)).use_count).toBe(75);
  });

  it('finds every row by a key, with a plan that was made while the tables were empty too', async () => {
    const empty = await testDatabase();
    await migrate(empty.url);
    const client = new Client({
      ...databaseConnection(empty.url, { search_path: TOKENS_DATABASE.schema, ...VERIFIER_SETTINGS }),
    });
    await client.connect();
    await client.query('VACUUM ANALYZE');
    const { rows } = await client.query(`EXPLAIN (GENERIC_PLAN, FORMAT JSON) ${VERIFY_BATCH}`);
    await client.end();

    const nodes = nodesOf(rows[0]['QUERY PLAN'][0].Plan);
    const scans = nodes.filter((node) => node['Relation Name'] && node['Node Type'] !== 'ModifyTable');
    expect(new Set(scans.map((node) => node['Relation Name']))).toEqual(
      new Set(['secret_graces', 'secrets', 'sessions', 'tokens', 'users']),
    );
    for (const scan of scans) expect(scan).toMatchObject({ 'Index Cond': expect.any(String) });
  });
});

type PlanNode = Record<string, unknown> & { Plans?: PlanNode[] };

function nodesOf(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)];
}
