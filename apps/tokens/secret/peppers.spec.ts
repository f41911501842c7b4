import { jest } from '@jest/globals';
import { type INestApplication, Logger } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { parseCredential, proofOf } from '@tokenlog/contracts/credential.js';
import { startSession } from '@tokenlog/contracts/internal/start-session.js';
import { Client } from 'pg';
import { eventually } from '../../../test/support/eventually.js';
import { ImportAtStart } from '../import-keys/import-at-start.js';
import { StartSession } from '../session/start-session.js';
import { call, sessionOf } from '../testing/http.js';
import { postForm } from '../testing/oauth-client.js';
import { startTokenService, type TestTokenService, type TestUser } from '../testing/token-service.js';
import { CreateToken } from '../verbs/create-token.js';
import { RefreshToken } from '../verbs/refresh-token.js';
import { RevokeToken } from '../verbs/revoke-token.js';
import { Verifier } from '../verification/verifier.js';
import { Peppers } from './peppers.js';

const OLD = 'a pepper for tests only';
const NEW = 'another pepper for tests';
const LOST = { TOKEN_PEPPER: NEW, TOKEN_PEPPERS_MISSING: 'accept' };

describe('keys of the stored hashes', () => {
  let service: TestTokenService;
  let ada: TestUser;
  let chief: TestUser;

  beforeEach(async () => {
    service = await startTokenService();
    ada = await service.register('ada');
    chief = await service.register('chief', { roles: ['admin'] });
  });
  afterEach(() => service.stop());

  const issue = (user = ada, scopes = ['rest'], commands = service.commands) =>
    commands.execute(
      new CreateToken(service.caller(user), { userId: user.id, description: 'export', scopes }, 'right'),
    );
  const refresh = (tokenId: string, gracePeriodSeconds = 0) =>
    service.commands.execute(
      new RefreshToken(service.caller(ada), tokenId, ada.id, { password: 'right', gracePeriodSeconds }),
    );
  const importKey = async (key: string) => {
    await service.app.get(ImportAtStart, { strict: false }).import(`${key} = ada`);
    return key;
  };
  const peppersOf = async (owner: string) => {
    const { rows } = await service.store.pool.query('SELECT pepper FROM secrets WHERE owner = $1', [owner]);
    return rows.map(({ pepper }) => pepper);
  };
  const unknownPepper = { error: { code: 'pepper-unknown', detail: expect.any(String), retryAfterSeconds: 5 } };

  it('a live secret under a key that is missing is a 503 at every door, and never unknown; and works again with the key', async () => {
    const { secret } = await issue();
    const session = await sessionOf(service, ada);
    const key = await importKey('a-static-key-0123456789');
    const inGrace = await issue();
    await refresh(inGrace.tokenId, 600);
    const { id, secret: part } = parseCredential(secret)!;
    const texts = [secret, session, key, inGrace.secret];
    const all = [...texts.map((credential) => ({ credential })), { id, proof: proofOf(part) }, { proof: proofOf(key) }];

    await service.restart(LOST);
    const gateway = (await issue(chief, ['introspect'])).secret;
    const logged = jest.spyOn(Logger.prototype, 'error');
    // On a machine that stands still for seconds, a verification may be given up.
    for (const request of all)
      await eventually(async () => expect(await service.verify(request)).toEqual(unknownPepper));
    for (const text of texts) {
      const by = { as: text };
      for (const path of ['/tokens', '/tokens/self', '/auth/verify']) {
        const answer = await call(service, 'GET', path, by);
        expect([path, answer.status, answer.body.code]).toEqual([path, 503, 'pepper-unknown']);
        expect(answer.headers.get('retry-after')).toBeTruthy();
      }
      for (const path of ['/oauth2/introspect', '/oauth2/revoke']) {
        const answer = await postForm(service, path, { token: text }, { authorization: `Bearer ${gateway}` });
        expect([path, answer.status]).toEqual([path, 503]);
        expect(await answer.json()).toMatchObject({ code: 'pepper-unknown', error: 'temporarily_unavailable' });
      }
    }
    const login = { with: 'token', credential: secret, username: 'ada', ip: null };
    const asked = await service.identity.request(startSession.subject, JSON.stringify(login));
    expect(asked.json()).toEqual(unknownPepper);
    const lines = logged.mock.calls.map(([message]) => String(message)).filter((line) => line.includes('pepper'));
    expect(lines).toEqual([expect.stringMatching(/^A secret under the key [0-9a-f]{8} was presented/)]);
    expect(lines[0]).not.toMatch(new RegExp(`${OLD}|${NEW}|${part}`));
    logged.mockRestore();

    await service.restart({ TOKEN_PEPPERS_RETIRED: NEW });
    for (const request of all) expect(await service.verify(request)).toMatchObject({ active: true });
  });

  it('what is over stays unknown without its key, and what nobody has is told so', async () => {
    const revoked = await issue();
    await service.commands.execute(
      new RevokeToken(service.caller(ada), revoked.tokenId, ada.id, { password: 'right' }),
    );
    await service.restart(LOST);
    const unknown = { active: false, reason: 'unknown' };
    expect(await service.verify({ credential: revoked.secret })).toEqual(unknown);
    const { id } = parseCredential((await issue()).secret)!;
    expect(await service.verify({ id, proof: proofOf('of nobody') })).toEqual(unknown);
    expect(await service.verify({ proof: proofOf('of nobody') })).toEqual({ active: false, reason: 'malformed' });
  });

  it('a start without a key that live secrets are under says how many and which, names the variable, and stops', async () => {
    await service.restart({ TOKEN_PEPPER: NEW });
    for (let n = 0; n < 2; n++) await issue();
    await sessionOf(service, ada);
    const { tokenId } = await issue();
    const [lost] = await peppersOf(tokenId);
    for (const pepper of [OLD, 'one that nobody ever used']) {
      const start = service.start({ TOKEN_PEPPER: pepper });
      await expect(start).rejects.toThrow(
        `TOKEN_PEPPER is wrong: 4 live secrets (3 of tokens, 1 of sessions) are kept under the key ${lost}, `,
      );
      await expect(start).rejects.toThrow(/TOKEN_PEPPERS_RETIRED.*TOKEN_PEPPERS_MISSING=accept/);
      await expect(start).rejects.not.toThrow(NEW);
    }
    // It has left nothing behind that the others would wait for.
    const { rows } = await service.store.pool.query('SELECT count(*)::int AS count FROM pepper_holders');
    expect(rows[0].count).toBe(1);
    await expect(service.start({ TOKEN_PEPPERS_MISSING: 'whatever' })).rejects.toThrow('TOKEN_PEPPERS_MISSING');
  });

  it('a key that only ended things are under can be dropped', async () => {
    const { tokenId } = await issue();
    await service.commands.execute(new RevokeToken(service.caller(ada), tokenId, ada.id, { password: 'right' }));
    const superseded = await issue();
    await service.restart({ TOKEN_PEPPER: NEW, TOKEN_PEPPERS_RETIRED: OLD });
    const { secret } = await refresh(superseded.tokenId);
    await service.restart({ TOKEN_PEPPER: NEW });
    expect(await service.verify({ credential: secret })).toMatchObject({ active: true });
    expect(await service.verify({ credential: superseded.secret })).toEqual({ active: false, reason: 'unknown' });
  });

  describe('a new key comes in by one rolling restart', () => {
    const running = new Set<INestApplication>();
    const start = async (pepper: string, retired = '') => {
      const app = await service.start({ TOKEN_PEPPER: pepper, TOKEN_PEPPERS_RETIRED: retired });
      running.add(app);
      return app;
    };
    const stop = async (app: INestApplication) => {
      running.delete(app);
      await app.close();
    };
    afterEach(() => Promise.all([...running].map(stop)));
    const verifyAt = (app: INestApplication, credential: string) =>
      app.get(Verifier, { strict: false }).verify({ credential });

    it('no good secret is refused at any step, however old or new it is; and then all are under the new one', async () => {
      const key = await importKey('a-static-key-0123456789');
      const issued = await Promise.all(Array.from({ length: 4 }, () => issue()));
      const known = [key, await sessionOf(service, ada), ...issued.map(({ secret }) => secret)];
      const workOn = async (...apps: INestApplication[]) => {
        for (let round = 0; round < 2; round++) {
          for (const app of apps) {
            const commands = app.get(CommandBus, { strict: false });
            known.push((await issue(ada, ['rest'], commands)).secret);
            const basis = { with: 'password', userId: ada.id, userVersion: ada.version } as const;
            known.push((await commands.execute(new StartSession(basis, null))).credential);
          }
          const asked = apps.flatMap((app) => known.map((text) => verifyAt(app, text)));
          for (const reply of await Promise.all(asked)) expect(reply).toMatchObject({ active: true });
        }
      };
      const first = service.app;
      let second = await start(OLD);
      await workOn(first, second);
      await stop(second);
      await workOn(first);
      second = await start(NEW, OLD);
      await workOn(first, second);
      const restarted = service.restart({ TOKEN_PEPPER: NEW, TOKEN_PEPPERS_RETIRED: OLD });
      await workOn(second);
      await restarted;
      await workOn(service.app, second);
      await eventually(async () => {
        await Promise.all(known.map((text) => verifyAt(service.app, text)));
        const { rows } = await service.store.pool.query('SELECT DISTINCT pepper FROM secrets');
        expect(rows).toEqual([{ pepper: service.app.get(Peppers, { strict: false }).ids[0] }]);
      });
      await stop(second);
      second = await start(NEW);
      await workOn(service.app, second);
      await service.restart({ TOKEN_PEPPER: NEW });
      await workOn(service.app, second);
    });

    it('a service of an earlier version, which does not say which keys it has, keeps secrets where they are', async () => {
      const { tokenId, secret } = await issue();
      const [old] = await peppersOf(tokenId);
      const earlier = new Client({ connectionString: service.database.url, application_name: 'tokenlog-tokens' });
      await earlier.connect();
      await service.restart({ TOKEN_PEPPER: NEW, TOKEN_PEPPERS_RETIRED: OLD });
      const made = await issue();
      for (const text of [secret, made.secret])
        expect(await service.verify({ credential: text })).toMatchObject({ active: true });
      expect([...(await peppersOf(tokenId)), ...(await peppersOf(made.tokenId))]).toEqual([old, old]);
      await earlier.end();
      await eventually(async () => {
        await service.verify({ credential: secret });
        expect(await peppersOf(tokenId)).not.toEqual([old]);
      });
    });
  });
});
