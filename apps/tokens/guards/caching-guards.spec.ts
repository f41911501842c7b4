import { randomUUID } from 'node:crypto';
import { invalidate } from '@tokenlog/contracts/guard/invalidate.js';
import { guardUses } from '@tokenlog/contracts/guard/uses.js';
import { connectNats } from '@tokenlog/platform/nats.js';
import { resolveAuthOptions } from '../../../libs/auth/auth-options.js';
import { NatsLink } from '../../../libs/auth/nats-link.js';
import { TokenVerifier } from '../../../libs/auth/token-verifier.js';
import { eventually } from '../../../test/support/eventually.js';
import { EndSession } from '../session/end-session.js';
import { StartSession } from '../session/start-session.js';
import { call, sessionOf } from '../testing/http.js';
import { shortLived } from '../testing/short-lived.js';
import { startTokenService, type TestTokenService, type TestUser } from '../testing/token-service.js';
import { CreateToken } from '../verbs/create-token.js';
import { DeleteToken } from '../verbs/delete-token.js';
import { EditToken } from '../verbs/edit-token.js';
import { ReassignToken } from '../verbs/reassign-token.js';
import { RefreshToken } from '../verbs/refresh-token.js';
import { RevokeToken } from '../verbs/revoke-token.js';
import { CachingGuards } from './caching-guards.js';

describe('caching guards', () => {
  let service: TestTokenService;
  let ada: TestUser;
  let guards: { verifier: TokenVerifier; close: () => Promise<void>; asked: () => number }[] = [];

  beforeAll(async () => {
    service = await startTokenService({ POLICY_OWNER_ROLES: 'operator,admin' });
    ada = await service.register('ada', { roles: ['operator'] });
  });
  afterEach(async () => {
    await Promise.all(guards.map(({ close }) => close()));
    guards = [];
  });
  afterAll(() => service.stop());

  /** A caching guard with a lease, on a connection of its own that counts what is asked. */
  const startGuard = async (maxEntries = 1000) => {
    const nats = await connectNats(service.nats.urls.guard, 'guard', 'caching');
    let asked = 0;
    const request = nats.request.bind(nats);
    nats.request = (subject, ...rest) => {
      if (subject === 'tokens.verify') asked++;
      return request(subject, ...rest);
    };
    const options = resolveAuthOptions({ nats, service: 'cached-api', cache: { maxEntries } });
    const link = new NatsLink(options);
    await link.start();
    const verifier = new TokenVerifier(options, link);
    await verifier.onModuleInit();
    const guard = {
      verifier,
      asked: () => asked,
      close: async () => {
        await verifier.beforeApplicationShutdown();
        await nats.close();
      },
    };
    guards.push(guard);
    return guard;
  };
  type Guard = Awaited<ReturnType<typeof startGuard>>;
  const issue = (user = ada, scopes = ['rest'], expiresAt: string | null = null) =>
    service.commands.execute(
      new CreateToken(service.caller(user), { userId: user.id, description: 'cached', scopes, expiresAt }, 'right'),
    );
  const verify = (guard: Guard, credential: string, scopes?: string[]) =>
    guard.verifier.verify({ credential, ...(scopes && { scopes }), ip: '192.0.2.5' });
  /** Verifies until the guard answers from memory. */
  const warm = async (guard: Guard, credential: string, scopes?: string[]) =>
    eventually(async () => {
      expect(await verify(guard, credential, scopes)).toMatchObject({ active: true });
      const before = guard.asked();
      expect(await verify(guard, credential, scopes)).toMatchObject({ active: true });
      expect(guard.asked()).toBe(before);
    });
  const outcome = async (guard: Guard, credential: string, scopes?: string[]) => {
    const reply = await verify(guard, credential, scopes);
    return reply.active ? 'active' : reply.reason;
  };

  it('answer from memory what the service would, and ask for what they cannot know', async () => {
    const guard = await startGuard();
    const { secret } = await issue(ada, ['rest', 'export']);
    await warm(guard, secret, ['rest']);
    const before = guard.asked();
    expect(await outcome(guard, secret, ['other', 'export'])).toBe('active');
    expect(await outcome(guard, secret)).toBe('active');
    expect(guard.asked()).toBe(before);
    expect(await outcome(guard, secret, ['other'])).toBe('scope');
    const session = await sessionOf(service, ada);
    await warm(guard, session, ['anything']);
    expect(await outcome(guard, session, ['admin'])).toBe('scope');
  });

  it('S34 count nothing from memory where a role is missing', async () => {
    const guard = await startGuard();
    const { tokenId, secret } = await issue();
    await warm(guard, secret);
    const useCount = async () =>
      (await service.store.pool.query('SELECT use_count::int FROM token_usage WHERE token_id = $1', [tokenId])).rows[0]
        ?.use_count;
    for (let refusals = 0; refusals < 20; refusals++) {
      const reply = await guard.verifier.verify({ credential: secret, roles: ['admin'] });
      expect(reply).toEqual({ active: false, reason: 'scope', missing: 'role' });
    }
    const before = guard.asked();
    expect(await guard.verifier.verify({ credential: secret, roles: ['admin', 'operator'] })).toMatchObject({
      active: true,
    });
    expect(guard.asked()).toBe(before);
    guards = [];
    // Its last report is in the stream; what was warmed with, and one more.
    await guard.close();
    await eventually(async () => expect(await useCount()).toBeGreaterThanOrEqual(3));
    expect(await useCount()).toBeLessThan(20);
  });

  describe.each([1, 3])('%d of them', (count) => {
    const changes: [string, string, (tokenId: string, user: TestUser) => Promise<unknown>][] = [
      [
        'S21 a revocation',
        'revoked',
        (id) => service.commands.execute(new RevokeToken(service.caller(ada), id, 'anyone', { password: 'right' })),
      ],
      [
        'S19 a refresh',
        'superseded',
        (id) => service.commands.execute(new RefreshToken(service.caller(ada), id, 'anyone', { password: 'right' })),
      ],
      [
        'S22 a deletion',
        'deleted',
        (id) => service.commands.execute(new DeleteToken(service.caller(ada), id, 'anyone', 'right')),
      ],
      [
        'S31 a reassignment',
        'superseded',
        (id) => service.commands.execute(new ReassignToken(service.caller(ada), id, ada.id, 'right')),
      ],
      [
        'S18 an edit of the scopes',
        'scope',
        (id) => service.commands.execute(new EditToken(service.caller(ada), id, 'anyone', { scopes: ['export'] })),
      ],
      [
        'S18 an edit of the expiry',
        'expired',
        async (id) => {
          await shortLived((expiresAt) =>
            service.commands.execute(new EditToken(service.caller(ada), id, 'anyone', { expiresAt })),
          );
        },
      ],
      ['S32 a disabled user', 'user-disabled', (_id, user) => service.change(user, { disabled: true })],
      ['S14 a lost role', 'role-lost', (_id, user) => service.change(user, { roles: ['guest'] })],
      ['S30 a deleted user', 'invalid', (_id, user) => service.delete(user)],
    ];

    it.each(changes)('accept nothing once %s has answered', async (name, reason, change) => {
      const caching = await Promise.all(Array.from({ length: count }, () => startGuard()));
      const user = await service.register(`u-${count}-${name.replaceAll(/\W/g, '')}`.toLowerCase(), {
        roles: ['operator'],
      });
      const { tokenId, secret } = await issue(user);
      for (const guard of caching) await warm(guard, secret, ['rest']);
      await change(tokenId, user);
      for (const guard of caching) expect(await outcome(guard, secret, ['rest'])).toBe(reason);
    });
  });

  it('S29 accept no session of a revoked token, and no session that was ended', async () => {
    const guard = await startGuard();
    const { tokenId } = await issue();
    const start = () => service.commands.execute(new StartSession({ with: 'token', tokenId, generation: 1 }, null));
    const [one, two] = [await start(), await start()];
    await warm(guard, one.credential);
    await warm(guard, two.credential);
    await service.commands.execute(new EndSession(one.sessionId, 'anyone', 'logout', { by: { kind: 'system' } }));
    expect(await outcome(guard, one.credential)).toBe('session-ended');
    await service.commands.execute(new RevokeToken(service.caller(ada), tokenId, 'anyone', { password: 'right' }));
    expect(await outcome(guard, two.credential)).not.toBe('active');
  });

  it('S23 forget a token at its expiry, and S19 a replaced secret at the end of its grace period', async () => {
    const guard = await startGuard();
    const expiring = await issue(ada, ['rest'], new Date(Date.now() + 1500).toISOString());
    const replaced = await issue();
    const wishes = { password: 'right', gracePeriodSeconds: 1 };
    await service.commands.execute(new RefreshToken(service.caller(ada), replaced.tokenId, ada.id, wishes));
    await warm(guard, replaced.secret);
    await warm(guard, expiring.secret);
    await eventually(async () => expect(await outcome(guard, expiring.secret)).toBe('expired'));
    await eventually(async () => expect(await outcome(guard, replaced.secret)).toBe('superseded'));
  });

  it('S34 count every use that is answered from memory exactly, with its service and address', async () => {
    const guard = await startGuard();
    const { tokenId, secret } = await issue();
    await warm(guard, secret);
    const used = async () =>
      (await service.store.pool.query('SELECT use_count::int FROM token_usage WHERE token_id = $1', [tokenId])).rows[0]
        .use_count;
    let stable = -1;
    await eventually(async () => {
      const now = await used();
      const settled = now === stable;
      stable = now;
      await new Promise((resolve) => setTimeout(resolve, 700));
      return settled;
    });
    for (let index = 0; index < 1000; index++) await verify(guard, secret);
    await eventually(async () => expect(await used()).toBe(stable + 1000));
    await guard.close();
    guards = [];
    const { rows } = await service.store.pool.query(
      `SELECT data FROM events WHERE entity = $1 AND stream LIKE 'uses-guard-%'`,
      [tokenId],
    );
    expect(
      rows
        .flatMap(({ data }) => data.breakdown)
        .every(({ service, ip }) => service === 'cached-api' && ip === '192.0.2.5'),
    ).toBe(true);
  });

  it('S34 cannot hold the counting up with a report that names a token twice', async () => {
    const { tokenId } = await issue();
    const now = new Date().toISOString();
    const use = { tokenId, firstAt: now, lastAt: now, breakdown: [{ ip: null, count: 2 }] };
    const report = { guard: randomUUID(), report: 1, service: 'hostile', uses: [use, use] };
    await service.guard.request(guardUses.subject, JSON.stringify(report));
    await eventually(
      async () => {
        const { rows } = await service.store.pool.query('SELECT use_count::int FROM token_usage WHERE token_id = $1', [
          tokenId,
        ]);
        expect(rows).toEqual([{ use_count: 4 }]);
      },
      { timeoutMs: 3000 },
    );
  });

  it('S34 report a use from what is no address as one without an address', async () => {
    const guard = await startGuard();
    const { tokenId, secret } = await issue();
    await warm(guard, secret);
    const before = guard.asked();
    await guard.verifier.verify({ credential: secret, ip: 'x'.repeat(500) });
    expect(guard.asked()).toBe(before);
    await eventually(async () => {
      const { rows } = await service.store.pool.query(
        `SELECT data FROM events WHERE entity = $1 AND stream LIKE 'uses-guard-%'`,
        [tokenId],
      );
      const told = rows.flatMap(({ data }) => data.breakdown);
      expect(told).toContainEqual(expect.objectContaining({ ip: null, count: 1 }));
    });
  });

  it('hold no more entries than they are told to', async () => {
    const guard = await startGuard(5);
    const tokens = await Promise.all(Array.from({ length: 8 }, () => issue()));
    for (const { secret } of tokens) await warm(guard, secret);
    const admin = await sessionOf(service, await service.register('chief-guards', { roles: ['admin'] }));
    await eventually(async () => {
      const { items } = (await call(service, 'GET', '/admin/guards', { as: admin })).body;
      const own = items.find(({ live, entries }: { live: boolean; entries: number }) => live && entries === 5);
      expect(own).toMatchObject({
        service: 'cached-api',
        version: expect.any(String),
        leaseEndsAt: expect.any(String),
      });
      expect(own.hitRate).toBeGreaterThan(0);
    });
  });

  it('forget everything when a service comes up: its policy may be another one', async () => {
    const guard = await startGuard();
    const { secret } = await issue();
    await warm(guard, secret);
    await service.restart({ POLICY_OWNER_ROLES: 'admin' });
    expect(await outcome(guard, secret)).toBe('role-lost');
    await service.restart();
  });

  it('forget again what was done already, when somebody tries a second time: the first answer may have been lost', async () => {
    const guard = await startGuard();
    const [revoked, deleted, ofUser] = [await issue(), await issue(), await issue()];
    const again = async (credential: string, retry: () => Promise<unknown>) => {
      await warm(guard, credential);
      const before = guard.asked();
      await retry();
      await verify(guard, credential);
      expect(guard.asked()).toBe(before + 1);
    };
    const edit = () => service.commands.execute(new EditToken(service.caller(ada), revoked.tokenId, ada.id, {}));
    await again(revoked.secret, edit);
    await again(ofUser.secret, () =>
      service.identity.request(
        'internal.tokens.confirm-user',
        JSON.stringify({ userId: ada.id, version: ada.version }),
      ),
    );
    const remove = () =>
      service.commands.execute(new DeleteToken(service.caller(ada), deleted.tokenId, 'anyone', 'right'));
    await again(deleted.secret, remove);
    await expect(remove()).rejects.toMatchObject({ code: 'token-not-found' });
  });

  it('S8 forget a token that was revoked with so many others that their names do not fit into a message', async () => {
    const guard = await startGuard();
    const { tokenId, secret } = await issue();
    await warm(guard, secret);
    const before = guard.asked();
    const others = Array.from({ length: 30_000 }, () => randomUUID());
    await service.app.get(CachingGuards, { strict: false }).forget({ tokens: [...others, tokenId] });
    await verify(guard, secret);
    expect(guard.asked()).toBe(before + 1);
  });

  it('are told before the leases are read, and no answer comes before that', async () => {
    const guard = await startGuard();
    const { tokenId, secret } = await issue();
    await warm(guard, secret);
    const told: string[] = [];
    const listener = await connectNats(service.nats.urls.guard, 'guard', 'listener');
    listener.subscribe(invalidate.subject, { callback: (_, message) => void told.push(message.string()) });
    await listener.flush();
    const holder = await service.store.pool.connect();
    try {
      await holder.query('BEGIN');
      await holder.query('LOCK TABLE guard_leases IN ACCESS EXCLUSIVE MODE');
      let hasAnswered = false;
      const command = new RevokeToken(service.caller(ada), tokenId, 'anyone', { password: 'right' });
      const revoked = service.commands.execute(command).then(() => {
        hasAnswered = true;
      });
      await eventually(() => expect(told.join()).toContain(tokenId));
      await eventually(async () => expect(await outcome(guard, secret)).toBe('revoked'));
      expect(hasAnswered).toBe(false);
      await holder.query('ROLLBACK');
      await revoked;
    } finally {
      holder.release(true);
      await listener.close();
    }
  });

  it('that left do not keep a revocation waiting', async () => {
    const guard = await startGuard();
    const { tokenId, secret } = await issue();
    await warm(guard, secret);
    await guard.close();
    guards = [];
    const { rows } = await service.store.pool.query('SELECT 1 FROM guard_leases WHERE expires_at > clock_timestamp()');
    expect(rows).toEqual([]);
    await service.commands.execute(new RevokeToken(service.caller(ada), tokenId, 'anyone', { password: 'right' }));
  });
});
