import pg from 'pg';
import { TOKENS_DATABASE } from '../config/database-part.js';
import { migrate } from '../migrate.js';
import { startTokenService, type TestTokenService, type TestUser } from '../testing/token-service.js';
import { DeleteToken } from '../verbs/delete-token.js';
import { ReassignToken } from '../verbs/reassign-token.js';
import { RefreshToken } from '../verbs/refresh-token.js';
import { RevokeToken } from '../verbs/revoke-token.js';
import { ImportAtStart } from './import-at-start.js';

const OLD = 'a pepper for tests only';
const ROTATED = { TOKEN_PEPPER: 'another pepper for tests', TOKEN_PEPPERS_RETIRED: OLD };
const DROPPED = { TOKEN_PEPPER: 'another pepper for tests', TOKEN_PEPPERS_MISSING: 'accept' };
const ENDS = ['revoked', 'deleted', 'refreshed', 'reassigned'] as const;
const keyOf = (name: string) => `${name}-key-0123456789abcdef`;

describe('S37 what an import knows of a key outlives peppers', () => {
  let service: TestTokenService;
  let grace: TestUser;
  let chief: TestUser;

  beforeEach(async () => {
    service = await startTokenService();
    await service.register('ada');
    grace = await service.register('grace');
    chief = await service.register('chief', { roles: ['admin'] });
  });
  afterEach(() => service.stop());

  const importFile = async (...lines: string[]) => {
    const { imported, known, refused } = await service.app
      .get(ImportAtStart, { strict: false })
      .import(lines.join('\n'));
    return { imported, known, refused: refused.map(({ line }) => line) };
  };
  const linesOf = (names: readonly string[], username = 'ada') => names.map((name) => `${keyOf(name)} = ${username}`);
  const outcomeOf = async (name: string) => {
    const reply = await service.verify({ credential: keyOf(name) });
    return reply.active ? 'active' : (reply.reason ?? JSON.stringify(reply));
  };
  /** Imports a key for each way to end one, and ends it so; and one more, which stays. */
  const importAndEnd = async () => {
    expect(await importFile(...linesOf([...ENDS, 'kept']))).toMatchObject({ imported: 5 });
    const tokenOf = async (name: string) => {
      const reply = await service.verify({ credential: keyOf(name) });
      return reply.active ? (reply.token?.id ?? '') : '';
    };
    const caller = { ...service.caller(chief), isAdmin: true };
    const { commands } = service;
    await commands.execute(new RevokeToken(caller, await tokenOf('revoked'), 'anyone', { password: 'right' }));
    await commands.execute(new DeleteToken(caller, await tokenOf('deleted'), 'anyone', 'right'));
    await commands.execute(new RefreshToken(caller, await tokenOf('refreshed'), 'anyone', { password: 'right' }));
    await commands.execute(new ReassignToken(caller, await tokenOf('reassigned'), grace.id, 'right'));
  };
  const dead = { revoked: 'revoked', deleted: 'deleted', refreshed: 'superseded', reassigned: 'superseded' };
  const expectAllAsTheyWere = async () => {
    for (const name of ENDS) expect([name, await outcomeOf(name)]).toEqual([name, dead[name]]);
    expect(await outcomeOf('kept')).toBe('active');
  };
  /** The database as a version before fingerprints left it. */
  const asBefore = async () => {
    const client = new pg.Client({
      connectionString: service.database.url,
      options: `-c search_path=${TOKENS_DATABASE.schema}`,
    });
    await client.connect();
    await client.query('ALTER TABLE static_keys DROP COLUMN fingerprint');
    await client.query('DROP TABLE static_key_salt');
    await client.query(`DELETE FROM migrations WHERE name = '2026-11-26-static-key-fingerprints'`);
    await client.end();
    await migrate(service.database.url);
  };

  it('ended, a key stays so when its pepper is gone and it is listed again: in another order, for another user, after both', async () => {
    await importAndEnd();
    await service.restart(ROTATED);
    expect(await outcomeOf('kept')).toBe('active');
    await service.restart(DROPPED);
    for (const lines of [
      linesOf([...ENDS, 'kept']),
      ['# sorted', ...linesOf([...ENDS, 'kept']).reverse()],
      linesOf([...ENDS, 'kept'], 'grace'),
    ]) {
      expect(await importFile(...lines)).toEqual({ imported: 0, known: 5, refused: [] });
      await expectAllAsTheyWere();
    }
    expect(await importFile(...linesOf(['new', 'revoked']))).toEqual({ imported: 1, known: 1, refused: [] });
    expect(await outcomeOf('new')).toBe('active');
    await service.restart({ TOKEN_PEPPER: 'and a third for tests', TOKEN_PEPPERS_MISSING: 'accept' });
    expect(await importFile(...linesOf([...ENDS, 'kept', 'new']))).toMatchObject({ imported: 0, known: 6 });
    await expectAllAsTheyWere();
  });

  it('keys of a database from before are remembered at the first import under a pepper that they are known by', async () => {
    await importAndEnd();
    await asBefore();
    await service.restart(ROTATED);
    expect(await importFile(...linesOf([...ENDS, 'kept']))).toEqual({ imported: 0, known: 5, refused: [] });
    await service.restart(DROPPED);
    expect(await importFile(...linesOf([...ENDS, 'kept']))).toEqual({ imported: 0, known: 5, refused: [] });
    await expectAllAsTheyWere();
  });

  it('keys of a database from before, whose pepper is gone already, are not imported anew, nor is what may be one', async () => {
    await importAndEnd();
    await asBefore();
    await service.restart(DROPPED);
    const lines = linesOf([...ENDS, 'new']);
    expect(await importFile(...lines)).toEqual({ imported: 0, known: 0, refused: [1, 2, 3, 4, 5] });
    for (const name of ENDS) expect(await outcomeOf(name)).not.toBe('active');
    await service.restart(ROTATED);
    expect(await importFile(...lines, ...linesOf(['kept']))).toEqual({ imported: 1, known: 5, refused: [] });
    await service.restart(DROPPED);
    expect(await importFile(...lines, ...linesOf(['kept']))).toEqual({ imported: 0, known: 6, refused: [] });
    await expectAllAsTheyWere();
  });
});
