import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MikroORM } from '@mikro-orm/postgresql';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { DatabaseClock } from '@tokenlog/platform/clock.js';
import { databaseOptions, poolOf } from '@tokenlog/platform/database.js';
import { testFolder } from '../../../test/support/folder.js';
import { type Postgres, startPostgres } from '../../../tools/embedded-postgres.js';
import { generateSecret } from '../../../tools/secrets.js';
import { identityPart } from '../config/database-part.js';
import { migrate } from '../migrate.js';
import { ListUsers } from './list-users.js';
import { hashPassword } from './passwords.js';
import { register, registration } from './register-user.js';
import { User } from './user.entity.js';
import { Users } from './users.js';

const metadata = { by: { kind: 'system' as const } };
const email = "o'byron@example.org";
/** Whatever could be taken for a placeholder or a quotation. */
const displayName = `Ada ? ?? $1 "{}" \\ O'Byron`;

describe('on a server that logs every statement, and no parameter', () => {
  let postgres: Postgres;
  let orm: MikroORM;
  let users: Users;
  let clock: DatabaseClock;
  let logFile: string;

  beforeAll(async () => {
    const folder = await testFolder('logging-server');
    logFile = join(folder, 'postgres.log');
    const settings = {
      log_statement: 'all',
      log_min_error_statement: 'error',
      log_parameter_max_length: '0',
      log_error_verbosity: 'terse',
    };
    postgres = await startPostgres({
      dataDir: join(folder, 'postgres'),
      logFile,
      password: generateSecret(),
      fsync: false,
      wantedPorts: [],
      settings,
    });
    await postgres.createDatabase('tokenlog');
    await migrate(postgres.url('tokenlog'));
    orm = await MikroORM.init(databaseOptions(postgres.url('tokenlog'), identityPart, [User]));
    clock = await DatabaseClock.read(await poolOf(orm));
    users = new Users(orm, new EventStore(await poolOf(orm)));
  });
  afterAll(async () => {
    await orm?.close();
    await postgres?.stop();
  });

  it('nothing that was entered stands in its log, when it is stored and when it is refused', async () => {
    const passwordHash = await hashPassword('a password of a user');
    const ada = registration.parse({
      username: 'ada',
      displayName,
      email,
      phone: '+44 20 7946 0000',
      roles: ['operator', 'a'],
    });
    const add = () => users.transact((em) => register(em, clock, ada, passwordHash, metadata));
    const { user } = await add();
    expect(await users.get(user.id)).toMatchObject({ displayName });
    await expect(add()).rejects.toMatchObject({ code: 'username-taken' });
    await users.transact(async (em) => {
      const found = await em.findOneOrFail(User, { id: user.id });
      em.assign(found, { displayName: 'Augusta Ada', lastLoginAt: new Date('2026-11-25T10:00:00.123Z') });
    });

    const kept = await users.findByUsername('ADA');
    expect(kept).toMatchObject({
      email,
      passwordHash,
      phone: '+44 20 7946 0000',
      roles: ['operator', 'a'],
      displayName: 'Augusta Ada',
      lastLoginAt: new Date('2026-11-25T10:00:00.123Z'),
      disabled: false,
      organization: null,
    });
    const listed = await new ListUsers(orm).execute({ q: 'augusta', limit: 50 });
    expect(listed.items.map(({ username }) => username)).toEqual(['ada']);

    const log = await readFile(logFile, 'utf8');
    expect(log).toContain('insert into "users"');
    expect(log).toMatch(/ERROR:.*duplicate key/);
    for (const secret of [
      passwordHash.slice(0, 40),
      'example.org',
      "O''Byron",
      '7946',
      'Augusta',
      'augusta',
      user.id,
    ]) {
      expect(log).not.toContain(secret);
    }
  });
});
