import { MikroORM } from '@mikro-orm/postgresql';
import { ConcurrencyError } from '@tokenlog/event-store/event.js';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { databaseOptions, poolOf } from '@tokenlog/platform/database.js';
import { type TestDatabase, testDatabase } from '../../../test/support/database.js';
import { identityPart } from '../config/database-part.js';
import { migrate } from '../migrate.js';
import { factsOf, recordUserEvent } from './record-user-event.js';
import { User } from './user.entity.js';
import { lockUser, Users } from './users.js';

const metadata = { by: { kind: 'system' as const } };

describe('an event and the change that it tells of', () => {
  let database: TestDatabase;
  let orm: MikroORM;
  let users: Users;
  let id: string;

  beforeAll(async () => {
    database = await testDatabase();
    await migrate(database.url);
    orm = await MikroORM.init(databaseOptions(database.url, identityPart, [User]));
    users = new Users(orm, new EventStore(await poolOf(orm)));
    id = (await users.findByUsername('admin'))?.id ?? '';
  });
  afterAll(async () => {
    await orm?.close();
    await database?.drop();
  });

  const disable = (fail: boolean) =>
    users.transact(async (em) => {
      const user = await lockUser(em, id);
      user.disabled = !user.disabled;
      await recordUserEvent(em, user, { type: 'user-changed', data: { user: factsOf(user) } }, metadata);
      await em.flush();
      if (fail) throw new Error('the last step fails');
    });
  const stored = async () => {
    const { disabled, version } = await users.get(id);
    const [row] = await orm.em
      .getConnection()
      .execute<{ events: number }[]>('SELECT count(*)::int AS events FROM events');
    return { disabled, version, events: row?.events ?? 0 };
  };

  it('are there together, or neither is', async () => {
    const before = await stored();
    await expect(disable(true)).rejects.toThrow('the last step fails');
    expect(await stored()).toEqual(before);
    await disable(false);
    expect(await stored()).toEqual({
      disabled: !before.disabled,
      version: before.version + 1,
      events: before.events + 1,
    });
  });

  it('go one after another: the user’s version is that of its stream, and nothing is lost', async () => {
    const { version } = await stored();
    await Promise.all(Array.from({ length: 10 }, () => disable(false)));
    expect(await stored()).toMatchObject({ version: version + 10 });
  });

  it('do not overwrite those of somebody who was faster', async () => {
    const stale = await users.get(id);
    await disable(false);
    const attempt = users.transact((em) =>
      recordUserEvent(em, stale, { type: 'user-changed', data: { user: factsOf(stale) } }, metadata),
    );
    await expect(attempt).rejects.toThrow(ConcurrencyError);
  });
});
