import { randomBytes } from 'node:crypto';
import { ensureLoginOf } from '@tokenlog/platform/database-login.js';
import pg from 'pg';
import { type TestDatabase, testDatabase } from '../../../test/support/database.js';
import { identityPart } from '../config/database-part.js';
import { migrate } from '../migrate.js';

const VARIABLE = 'IDENTITY_DATABASE_URL';

describe('the login that a service is given', () => {
  const name = `identity-${randomBytes(4).toString('hex')}`;
  let database: TestDatabase;
  const urlOf = (user: string, password: string) => {
    const url = new URL(database.url);
    url.username = user;
    url.password = encodeURIComponent(password);
    return url.href;
  };
  const as = async <Row extends pg.QueryResultRow>(url: string, text: string) => {
    const client = new pg.Client(url);
    await client.connect();
    try {
      return (await client.query<Row>(text)).rows;
    } finally {
      await client.end();
    }
  };
  beforeAll(async () => {
    database = await testDatabase();
    await migrate(database.url);
  });
  afterAll(async () => {
    await as(database.url, `DROP ROLE IF EXISTS "${name}"`);
    await database.drop();
  });

  it('can do what its role can, and no more; a second run changes its password', async () => {
    for (const password of ['the first: ä%@/', 'the second']) {
      const url = urlOf(name, password);
      await ensureLoginOf(database.url, identityPart, url, VARIABLE);
      expect(await as(url, 'SELECT username FROM identity.users')).toEqual([{ username: 'admin' }]);
      await expect(as(url, 'CREATE ROLE another')).rejects.toThrow('permission denied');
      await expect(as(url, 'DELETE FROM identity.events')).rejects.toThrow('permission denied');
      await expect(as(url, 'CREATE TABLE identity.another ()')).rejects.toThrow('permission denied');
    }
    await expect(as(urlOf(name, 'the first: ä%@/'), 'SELECT 1')).rejects.toThrow('password authentication failed');
  });

  it("is not the owner's, and has a password; the variable is named", async () => {
    const refused = (url: string) => expect(ensureLoginOf(database.url, identityPart, url, VARIABLE)).rejects;
    await refused(urlOf(new URL(database.url).username, 'x')).toThrow(`${VARIABLE} is wrong: `);
    await refused(urlOf(name, '')).toThrow(`${VARIABLE} is wrong: there is no password in it`);
  });
});
