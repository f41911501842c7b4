import { MikroORM } from '@mikro-orm/postgresql';
import { closeDatabase, databaseOptions } from '@tokenlog/platform/database.js';
import { testDatabase } from '../../../test/support/database.js';
import { tablesByEntities, tablesOf, tablesOfEntities } from '../../../test/support/schema.js';
import { identityPart } from '../config/database-part.js';
import { migrate } from '../migrate.js';
import { User } from './user.entity.js';

const { schema } = identityPart;

it('the entity of a user has the columns, types, nullability, keys and indexes that the migrations made, and all of them', async () => {
  const database = await testDatabase();
  await migrate(database.url);
  const orm = await MikroORM.init({ ...databaseOptions(database.url, identityPart, [User]), schema });
  try {
    const migrated = await tablesOf(database.url, schema, tablesOfEntities(orm));
    expect(migrated.columns.length).toBeGreaterThan(0);
    expect(await tablesByEntities(orm, schema)).toEqual(migrated);
  } finally {
    await closeDatabase(orm);
    await database.drop();
  }
});
