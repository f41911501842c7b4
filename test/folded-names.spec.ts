import { foldedName } from '@tokenlog/contracts/folded-name.js';
import { foldedSql } from '@tokenlog/event-store/folded.sql.js';
import pg from 'pg';
import { type TestDatabase, testDatabase } from './support/database.js';

const LAST_CODE_POINT = 0x10ffff;
const SURROGATES = [0xd800, 0xdfff] as const;

describe.each([undefined, 'tr-TR', 'lt-LT'])('names as they are compared, in a database of the locale %s', (locale) => {
  let database: TestDatabase;
  let sql: pg.Client;

  beforeAll(async () => {
    database = await testDatabase(locale);
    sql = new pg.Client(database.url);
    await sql.connect();
  });
  afterAll(async () => {
    await sql.end();
    await database.drop();
  });

  const folded = async (names: readonly string[]): Promise<string[]> => {
    const { rows } = await sql.query(
      `SELECT ${foldedSql('name')} AS folded FROM unnest($1::text[]) WITH ORDINALITY AS names(name, n) ORDER BY n`,
      [names],
    );
    return rows.map((row) => row.folded);
  };

  it.each([
    ['ADA', 'ada'],
    ['I', 'i'],
    ['ÖKOSTROM', 'o\u0308kostrom'],
    ['STRASSE', 'straße'],
    ['STRASSE', 'STRAẞE'],
    ['ΟΔΟΣ', 'οδος'],
    ['\u212a', 'k'],
    ['ſ', 's'],
    ['ﬁ', 'FI'],
  ])('%s and %s are one, to the database as to the services', async (one, other) => {
    const [first, second] = await folded([one, other]);
    expect(first).toBe(second);
    expect(foldedName(one)).toBe(foldedName(other));
  });

  it.each([
    ['ı', 'i'],
    ['o', 'ö'],
    ['K', 'Kh'],
  ])('%s and %s are two', async (one, other) => {
    expect(new Set(await folded([one, other])).size).toBe(2);
    expect(foldedName(one)).not.toBe(foldedName(other));
  });

  it('what the database takes for one letter the services take for one, throughout Unicode', async () => {
    const letters: string[] = [];
    for (let code = 1; code <= LAST_CODE_POINT; code++) {
      if (code < SURROGATES[0] || code > SURROGATES[1]) letters.push(String.fromCodePoint(code));
    }
    // Node may know letters of a later Unicode than the database.
    const { rows } = await sql.query<{ letter: string }>(
      'SELECT letter FROM unnest($1::text[]) AS letter WHERE unicode_assigned(letter)',
      [letters],
    );
    const known = rows.map(({ letter }) => letter);
    const [bySql, byUs] = [new Map<string, string>(), new Map<string, string>()];
    const torn: string[] = [];
    (await folded(known)).forEach((theirs, n) => {
      const ours = foldedName(known[n] as string);
      if ((bySql.get(theirs) ?? ours) !== ours || (byUs.get(ours) ?? theirs) !== theirs) torn.push(known[n] as string);
      bySql.set(theirs, ours);
      byUs.set(ours, theirs);
    });
    expect(torn).toEqual([]);
  });
});
