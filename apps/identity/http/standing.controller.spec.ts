import { usersStanding } from '@tokenlog/contracts/internal/users-standing.js';
import { request } from '@tokenlog/platform/nats-request.js';
import { v7 } from 'uuid';
import { IdentityUnderTest } from '../testing/identity-under-test.js';

const USERS = 700;

describe('what identity says of all its users', () => {
  let identity: IdentityUnderTest;

  beforeAll(async () => {
    identity = await IdentityUnderTest.start();
  });
  afterAll(() => identity?.stop());

  it('comes whole, page by page, however many roles they have', async () => {
    const roles = Array.from({ length: 256 }, (_, n) => `${'x'.repeat(58)}-${n}`);
    const ids = Array.from({ length: USERS }, () => v7()).sort();
    await identity.sql.query(
      `INSERT INTO identity.users (id, kind, username, must_change_password, roles, disabled, created_at, version)
       SELECT id, 'person', 'user-' || n, false, CASE WHEN n % 3 = 0 THEN $2::text[] ELSE '{}' END, false, now(), 1
       FROM unnest($1::uuid[]) WITH ORDINALITY AS users(id, n)`,
      [ids, roles],
    );
    const told: string[] = [];
    let after: string | null = null;
    do {
      const page: { users: { id: string }[]; next: string | null } = await request(identity.tokensNats, usersStanding, {
        after,
      });
      told.push(...page.users.map(({ id }) => id));
      after = page.next;
    } while (after !== null);
    // And the first admin.
    expect(told).toHaveLength(USERS + 1);
    expect(told).toEqual(expect.arrayContaining(ids));
    expect(told).toEqual([...told].sort());
  });
});
