import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseCredential, proofOf } from '@tokenlog/contracts/credential.js';
import { testFolder } from '../../../test/support/folder.js';
import { type Pepper, readTokensConfig } from '../config/config.js';
import { startTokenService, type TestTokenService } from '../testing/token-service.js';
import { CreateToken } from '../verbs/create-token.js';
import { keyedHash } from './secrets.js';

const [NEW, OLD, COMMAS] = [
  'a newer pepper of a test',
  'an older pepper of a test',
  'a pepper of a test, which has, commas in it',
];
const keysOf = (env: Record<string, string>) =>
  readTokensConfig({ DATABASE_URL: 'postgres://h/db', NATS_URL: 'nats://h', ...env }).peppers.map(({ key }) => key);

describe('a pepper as it is given', () => {
  it('is itself without line ends, and what was hashed with them is still known', async () => {
    const TOKEN_PEPPER_FILE = join(await testFolder('pepper'), 'pepper');
    await writeFile(TOKEN_PEPPER_FILE, `${NEW}\r\n`);
    for (const env of [{ TOKEN_PEPPER: `${NEW}\r\n` }, { TOKEN_PEPPER_FILE }] as Record<string, string>[]) {
      expect(keysOf(env)).toEqual([NEW, `${NEW}\r\n`]);
    }
    expect(keysOf({ TOKEN_PEPPER: NEW })).toEqual([NEW]);
  });

  it.each([
    ['with a line end', `${OLD}\n`, [OLD, `${OLD}\n`]],
    ['without the line end that it had', OLD, [OLD, `${OLD}\n`]],
    ['in a list with line ends', `${OLD}\n${NEW}\n`, [OLD, `${OLD}\n`, NEW]],
    ['in a JSON list', JSON.stringify([COMMAS, `${OLD}\n`]), [COMMAS, `${OLD}\n`]],
    ['that has a comma, though a list has them too', `${OLD},${NEW}`, [OLD, NEW, `${OLD},${NEW}`]],
  ])('is retired %s', (_, TOKEN_PEPPERS_RETIRED, expected) => {
    expect(keysOf({ TOKEN_PEPPER: 'the current pepper', TOKEN_PEPPERS_RETIRED })).toEqual(
      expect.arrayContaining(expected),
    );
  });

  it('that has a comma, and would retire nothing, stops the start and says how it is written', () => {
    expect(() => keysOf({ TOKEN_PEPPER: NEW, TOKEN_PEPPERS_RETIRED: COMMAS })).toThrow(
      /^TOKEN_PEPPERS_RETIRED is wrong: .*JSON list: \["a,b"\]/,
    );
  });

  describe('of a service', () => {
    let service: TestTokenService;

    beforeAll(async () => {
      service = await startTokenService();
    });
    afterAll(() => service.stop());

    it('opens tokens whose hashes were made with the line end, and moves them to the key without', async () => {
      const given = `${NEW}\n`;
      const ada = await service.register('ada');
      const token = { userId: ada.id, description: 'export', scopes: ['rest'] };
      const { tokenId, secret } = await service.commands.execute(new CreateToken(service.caller(ada), token, 'right'));
      const [withIt] = pepper(given).filter(({ key }) => key === given);
      const proof = proofOf(parseCredential(secret)?.secret ?? '');
      // As an earlier version stored it.
      await service.store.pool.query('UPDATE secrets SET hash = $2, pepper = $3 WHERE owner = $1', [
        tokenId,
        keyedHash(withIt as Pepper, proof),
        withIt?.id,
      ]);
      await service.restart({ TOKEN_PEPPER: given });
      expect(await service.verify({ credential: secret })).toMatchObject({ active: true });
    });
  });
});

function pepper(text: string): readonly Pepper[] {
  return readTokensConfig({ DATABASE_URL: 'postgres://h/db', NATS_URL: 'nats://h', TOKEN_PEPPER: text }).peppers;
}
