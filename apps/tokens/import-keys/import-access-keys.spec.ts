import { jest } from '@jest/globals';
import { proofOf } from '@tokenlog/contracts/credential.js';
import { readAccessKeys, textOfAccessKeys } from '../secret/access-keys-file.js';
import { call, sessionOf } from '../testing/http.js';
import { startTokenService, type TestTokenService } from '../testing/token-service.js';
import { RefreshToken } from '../verbs/refresh-token.js';
import { ImportAtStart } from './import-at-start.js';

const FILE = String.raw`# keys of the old gateway
! and of the older one

reports-0123456789abcdef = ada
dash\u0062oard-0123456789abcdef: ADA
continued-0123456789\
  abcdef = ada
short = ada
twice-0123456789abcdef = ada
twice-0123456789abcdef = grace
nobody-0123456789abcdef = nobody
no-user-0123456789abcdef =
= ada
broken-\u00zz-0123456789abcdef = ada
tkl_0123456789abcdef = ada
`;

describe('S37 a file of static keys', () => {
  let service: TestTokenService;

  beforeAll(async () => {
    service = await startTokenService();
    await service.register('ada', { roles: ['operator'] });
    await service.register('grace');
  });
  afterAll(() => service.stop());

  const verify = (credential: string) => service.verify({ credential, scopes: ['rest'] });

  it('is read with comments, escapes and continued lines; each line that is wrong is named, and nothing of what stands in it', () => {
    const { keys, refused } = readAccessKeys(FILE);
    expect(keys.map(({ line, key }) => [line, key])).toEqual([
      [4, 'reports-0123456789abcdef'],
      [5, 'dashboard-0123456789abcdef'],
      [6, 'continued-0123456789abcdef'],
      [11, 'nobody-0123456789abcdef'],
    ]);
    expect(refused.map(({ line }) => line)).toEqual([8, 9, 10, 12, 13, 14, 15]);
    expect(JSON.stringify(refused)).not.toMatch(/0123456789|ada|grace/);
  });

  it('in another encoding is refused with its line: a key read wrongly would be another key', () => {
    const text = 'reports-0123456789abcdef = ada\r\nschlüssel-0123456789abcdef = ada\n';
    for (const bytes of [Buffer.from(text), Buffer.from(`\ufeff${text}`), Buffer.from(`\ufeff${text}`, 'utf16le')]) {
      expect(readAccessKeys(textOfAccessKeys(bytes)).keys.map(({ key }) => key)).toContain(
        'schlüssel-0123456789abcdef',
      );
    }
    expect(() => textOfAccessKeys(Buffer.from(text, 'latin1'))).toThrow(/^line 2 is not UTF-8/);
    expect(() => textOfAccessKeys(Buffer.from(text, 'utf16le'))).toThrow(/^line 1 is not UTF-8/);
  });

  it('is imported once: twice changes nothing, and two at once do not either', async () => {
    const start = service.app.get(ImportAtStart, { strict: false });
    const reports = [...(await Promise.all([start.import(FILE), start.import(FILE)])), await start.import(FILE)];
    expect(reports.map(({ imported }) => imported).sort()).toEqual([0, 0, 3]);
    for (const { refused } of reports) expect(refused).toContainEqual({ line: 11, reason: 'there is no such user' });
    const { rows } = await service.store.pool.query('SELECT count(*)::int AS count FROM static_keys');
    expect(rows[0].count).toBe(3);
  });

  it('has keys that work by themselves or by their proof, are counted, and are listed as created by <system>', async () => {
    const key = 'reports-0123456789abcdef';
    expect(await verify(key)).toMatchObject({
      active: true,
      kind: 'token',
      user: { username: 'ada' },
      scopes: ['rest'],
    });
    expect(await service.verify({ proof: proofOf(key), scopes: ['rest'] })).toMatchObject({ active: true });
    const admin = await sessionOf(service, await service.register('chief', { roles: ['admin'] }));
    const { items } = (await call(service, 'GET', '/admin/tokens?user=ada&sort=description', { as: admin })).body;
    expect(items).toHaveLength(3);
    expect(items.find(({ useCount }: { useCount: number }) => useCount === 2)).toMatchObject({
      createdBy: '<system>',
      updatedBy: '<system>',
      user: 'ada',
    });
  });

  it('leaves garbage refused without asking the database', async () => {
    const asked = jest.spyOn(service.store.pool, 'query');
    expect(await verify('garbage-0123456789abcdef')).toEqual({ active: false, reason: 'malformed' });
    expect(await service.verify({ proof: proofOf('garbage') })).toEqual({ active: false, reason: 'malformed' });
    expect(asked).not.toHaveBeenCalled();
    asked.mockRestore();
  });

  it('has keys that can be refreshed into ordinary tokens, revoked, and that survive a restart without the file', async () => {
    await service.restart();
    const key = 'dashboard-0123456789abcdef';
    const reply = await verify(key);
    expect(reply).toMatchObject({ active: true });
    const tokenId = reply.active ? (reply.token?.id ?? '') : '';
    const chief = await service.register('chief-2', { roles: ['admin'] });
    const wishes = { password: 'right' };
    const { secret } = await service.commands.execute(
      new RefreshToken({ ...service.caller(chief), isAdmin: true }, tokenId, 'anyone', wishes),
    );
    expect(secret).toMatch(/^tkl_/);
    expect(await verify(secret)).toMatchObject({ active: true });
    expect(await verify(key)).toEqual({ active: false, reason: 'superseded' });
  });

  it('keeps no key in the log or in a table', async () => {
    for (const table of ['events', 'secrets', 'static_keys', 'tokens']) {
      const { rows } = await service.store.pool.query(
        `SELECT 1 FROM ${table} t WHERE strpos(t::text, '0123456789') > 0`,
      );
      expect(rows).toEqual([]);
    }
  });
});
