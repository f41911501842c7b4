import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from './support/eventually.js';
import { testFolder } from './support/folder.js';
import { ADMIN_PASSWORD, expectProblem, expectStatus, WholeSystem } from './support/whole-system.js';

const KEY = 'legacy-key-0123456789';

describe('S37 a static key in the place of the password, on a whole system', () => {
  let whole: WholeSystem;

  beforeAll(async () => {
    const file = join(await testFolder('static-keys'), 'access-keys.properties');
    // As an editor on Windows saves it.
    await writeFile(file, `\ufeff${KEY}=admin\r\n`);
    whole = await WholeSystem.start('static-key-login', { ACCESS_KEYS_FILE: file });
  });
  afterAll(() => whole?.stop());

  const login = (password: string, username = 'admin') =>
    whole.identity('POST', '/login', { json: { username, password } });

  it('logs its user in, counts as one use, and not as a wrong password; revoked anywhere, it logs nobody in', async () => {
    // It is imported in the background.
    await eventually(async () => (await whole.tokens('GET', '/tokens/self', { as: KEY })).status === 200);
    const { token } = (await whole.tokens('GET', '/tokens/self', { as: KEY })).body;
    for (let n = 0; n < 12; n++) expectStatus(await login(n % 2 ? KEY : `${KEY}\r\n`), 200);
    const { body } = await whole.tokens('GET', `/admin/tokens/${token.id}`, { as: whole.admin });
    expect(body.token.useCount).toBe(token.useCount + 12);
    await whole.register('mallory');
    expectProblem(await login(KEY, 'mallory'), 401, 'wrong-credentials');

    const { secret } = await whole.issue(token.userId, { scopes: ['introspect'] });
    expectStatus(await whole.tokens('POST', '/oauth2/revoke', { as: secret, form: { token: `${KEY}\n` } }), 200);
    for (const text of [KEY, `${KEY}\n`]) expectProblem(await login(text), 401, 'wrong-credentials');
    expectStatus(await login(ADMIN_PASSWORD), 200);
  });
});
