import { setTimeout as delay } from 'node:timers/promises';
import { ConfigError } from '@tokenlog/platform/config.js';
import pg from 'pg';
import { v7 } from 'uuid';
import { eventually } from '../../../test/support/eventually.js';
import { statementsOf } from '../../../test/support/migrations.js';
import { readTokensConfig } from '../config/config.js';
import { DAY_MS, DUE_EXPIRIES, dueThreshold } from '../config/expiry-thresholds.js';
import { Expiries } from '../migrations/2026-11-07-expiries.js';
import { rebuildProjection } from '../rebuild.js';
import { call, sessionOf } from '../testing/http.js';
import { startTokenService, type TestTokenService, type TestUser } from '../testing/token-service.js';
import { CreateToken } from '../verbs/create-token.js';
import { DeleteToken } from '../verbs/delete-token.js';
import { EditToken } from '../verbs/edit-token.js';
import { RefreshToken } from '../verbs/refresh-token.js';
import { RevokeToken } from '../verbs/revoke-token.js';
import { ExpirySweep } from './expiry-sweep.js';
import { WarnOfExpiry } from './warn-of-expiry.js';

describe('S41 warnings before expiry', () => {
  let service: TestTokenService;
  let ada: TestUser;

  beforeAll(async () => {
    service = await startTokenService();
    ada = await service.register('ada');
  });
  afterAll(() => service.stop());

  const inDays = (days: number) => new Date(Date.now() + days * DAY_MS);
  const issue = async (lifetimeDays: number, owner = ada) => {
    const expiresAt = inDays(lifetimeDays).toISOString();
    const token = { userId: owner.id, description: 'export', scopes: ['rest'], expiresAt };
    const { tokenId } = await service.commands.execute(new CreateToken(service.caller(owner), token, 'right'));
    return { tokenId, daysBefore: (days: number) => new Date(Date.parse(expiresAt) - days * DAY_MS), expiresAt };
  };
  /** Waits for the sweep that each start makes. */
  const sweep = (now: Date) => eventually(() => service.app.get(ExpirySweep).sweep(now));
  const warnings = async (tokenId: string) =>
    (
      await service.store.pool.query<{ days: number }>(
        `SELECT (data->>'thresholdDays')::int AS days FROM events
         WHERE type = 'token-expiring' AND entity = $1 ORDER BY version`,
        [tokenId],
      )
    ).rows.map(({ days }) => days);

  it('come once for each threshold', async () => {
    const { tokenId, daysBefore } = await issue(100);
    const seen: number[][] = [];
    for (const days of [31, 30, 29, 8, 6.5, 6, 1, 0.5, 0, -1]) {
      await sweep(daysBefore(days));
      seen.push(await warnings(tokenId));
    }
    const [first, second, third] = [[30], [30, 7], [30, 7, 1]];
    expect(seen).toEqual([[], first, first, first, second, second, third, third, third, third]);
  });

  it('after a downtime come as one, for the nearest threshold', async () => {
    const { tokenId, daysBefore } = await issue(100);
    await sweep(daysBefore(5));
    await sweep(daysBefore(4));
    expect(await warnings(tokenId)).toEqual([7]);
  });

  it('stand in the history, by the system, and do not move Last Updated', async () => {
    const { tokenId, daysBefore, expiresAt } = await issue(50);
    const session = await sessionOf(service, ada);
    const before = (await call(service, 'GET', `/tokens/${tokenId}`, { as: session })).body;
    await sweep(daysBefore(20));
    const after = (await call(service, 'GET', `/tokens/${tokenId}`, { as: session })).body;
    expect(after.token).toEqual({ ...before.token, secondsTilExpiry: expect.any(Number) });
    const { items } = (await call(service, 'GET', `/tokens/${tokenId}/history`, { as: session })).body;
    expect(items[0]).toMatchObject({
      type: 'token-expiring',
      by: '<system>',
      changes: { userId: ada.id, username: 'ada', description: 'export', expiresAt, thresholdDays: 30 },
    });
  });

  it('are never of a token that is expired, revoked, deleted or invalid', async () => {
    const [revoked, deleted, expired] = [await issue(50), await issue(50), await issue(50)];
    const gone = await service.register('gone');
    const invalid = await issue(50, gone);
    const caller = service.caller(ada);
    await service.commands.execute(new RevokeToken(caller, revoked.tokenId, ada.id, { password: 'right' }));
    await service.commands.execute(new DeleteToken(caller, deleted.tokenId, ada.id, 'right'));
    await service.delete(gone);
    await sweep(expired.daysBefore(-0.001));
    for (const { tokenId, daysBefore } of [revoked, deleted, invalid, expired]) {
      await service.commands.execute(
        new WarnOfExpiry(tokenId, tokenId === expired.tokenId ? inDays(51) : daysBefore(5)),
      );
      expect(await warnings(tokenId)).toEqual([]);
    }
  });

  it('are not of thresholds that lay behind at the birth of the token', async () => {
    const { tokenId, daysBefore } = await issue(20);
    await sweep(new Date());
    expect(await warnings(tokenId)).toEqual([]);
    await sweep(daysBefore(7));
    expect(await warnings(tokenId)).toEqual([7]);
  });

  it('come anew when the expiry is moved, by an edit or a refresh, and not when it stays', async () => {
    const { tokenId, daysBefore } = await issue(60);
    const caller = service.caller(ada);
    await sweep(daysBefore(30));
    await service.commands.execute(new EditToken(caller, tokenId, ada.id, { description: 'renamed' }));
    await service.commands.execute(new RefreshToken(caller, tokenId, ada.id, { password: 'right' }));
    await sweep(daysBefore(29));
    expect(await warnings(tokenId)).toEqual([30]);

    await service.commands.execute(new EditToken(caller, tokenId, ada.id, { expiresAt: inDays(80).toISOString() }));
    await sweep(inDays(50.1));
    expect(await warnings(tokenId)).toEqual([30, 30]);

    const expiresAt = inDays(70).toISOString();
    await service.commands.execute(new RefreshToken(caller, tokenId, ada.id, { password: 'right', expiresAt }));
    await sweep(inDays(40.1));
    await sweep(inDays(63.1));
    expect(await warnings(tokenId)).toEqual([30, 30, 30, 7]);

    await service.commands.execute(new EditToken(caller, tokenId, ada.id, { expiresAt: null }));
    await sweep(inDays(69.5));
    expect(await warnings(tokenId)).toEqual([30, 30, 30, 7]);
  });

  it('are given once by two replicas that look at once', async () => {
    const tokens = await Promise.all(Array.from({ length: 60 }, () => issue(200)));
    const replica = await service.start();
    try {
      const now = inDays(175);
      await Promise.all([sweep(now), eventually(() => replica.get(ExpirySweep).sweep(now))]);
      for (const { tokenId } of tokens) expect(await warnings(tokenId)).toEqual([30]);
    } finally {
      await replica.close();
    }
  });

  it('are looked for by one process at a time: another leaves it to the one that has the lock', async () => {
    const { tokenId, daysBefore } = await issue(600);
    const other = await service.store.pool.connect();
    const key = `hashtextextended(current_schema() || '.expiry-sweep', 0)`;
    await eventually(
      async () => (await other.query(`SELECT pg_try_advisory_lock(${key}) AS locked`)).rows[0].locked === true,
    );
    expect(await service.app.get(ExpirySweep).sweep(daysBefore(30))).toBe(false);
    expect(await warnings(tokenId)).toEqual([]);
    await other.query(`SELECT pg_advisory_unlock(${key})`);
    other.release();
    await sweep(daysBefore(30));
    expect(await warnings(tokenId)).toEqual([30]);
  });

  it('are given once by commands that race, and one that an edit beats is decided on the new expiry', async () => {
    const { tokenId, daysBefore } = await issue(300);
    const race = Array.from({ length: 12 }, () => service.commands.execute(new WarnOfExpiry(tokenId, daysBefore(3))));
    await Promise.all(race);
    expect(await warnings(tokenId)).toEqual([7]);

    const moved = await issue(300);
    const later = inDays(400).toISOString();
    const edit = new EditToken(service.caller(ada), moved.tokenId, ada.id, { expiresAt: later });
    await Promise.all([
      service.commands.execute(edit),
      ...Array.from({ length: 4 }, () =>
        service.commands.execute(new WarnOfExpiry(moved.tokenId, moved.daysBefore(3))),
      ),
    ]);
    expect((await warnings(moved.tokenId)).length).toBeLessThanOrEqual(1);
    await sweep(moved.daysBefore(3));
    expect((await warnings(moved.tokenId)).length).toBeLessThanOrEqual(1);
  });

  it('go on where a sweep was broken off, none lost and none twice', async () => {
    const tokens = await Promise.all(Array.from({ length: 40 }, () => issue(500)));
    const now = inDays(475);
    const sweeping = sweep(now);
    await delay(20);
    await service.restart();
    await sweeping;
    await sweep(now);
    for (const { tokenId } of tokens) expect(await warnings(tokenId)).toEqual([30]);
    expect((await rebuildProjection(service.database.url, 'expiry-table')).differences).toEqual({ expiries: 0 });
  });

  it('what is looked for in the table is what the decision says', async () => {
    const owner = new pg.Client(service.database.url);
    await owner.connect();
    try {
      await owner.query('SET search_path = tokens');
      await owner.query('BEGIN');
      const thresholds = [30, 7, 1];
      const now = inDays(1000);
      const at = (days: number) => new Date(now.getTime() + days * DAY_MS);
      const grid = [-1, 0, 0.5, 1, 1.5, 7, 7.5, 30, 31].flatMap((end) =>
        [-40, -0.2, -23, -6.5].flatMap((set) =>
          [null, 1, 7, 30].map((warnedDays) => ({ expiresAt: at(end), setAt: at(set), warnedDays })),
        ),
      );
      const due: unknown[] = [];
      for (const row of grid) {
        await owner.query(
          `WITH copy AS (
             INSERT INTO tokens SELECT (jsonb_populate_record(t, jsonb_build_object('id', $4::uuid))).*
             FROM tokens AS t WHERE status = 'active' LIMIT 1 RETURNING id)
           INSERT INTO expiries SELECT id, $1, $2, $3 FROM copy`,
          [row.expiresAt, row.setAt, row.warnedDays, v7()],
        );
        if (dueThreshold(row, thresholds, now) !== null) due.push(row);
      }
      const { rows } = await owner.query(
        `SELECT e.expires_at AS "expiresAt", e.set_at AS "setAt", e.warned_days AS "warnedDays"
         FROM (${DUE_EXPIRIES}) AS due JOIN expiries e ON e.token_id = due.id`,
        [thresholds, now],
      );
      const sorted = (list: unknown[]) => list.map((row) => JSON.stringify(row)).sort();
      expect(due.length).toBeGreaterThan(10);
      expect(sorted(rows)).toEqual(sorted(due));
    } finally {
      await owner.query('ROLLBACK');
      await owner.end();
    }
  });

  it('the migration fills the table with what the log says', async () => {
    const owner = new pg.Client(service.database.url);
    await owner.connect();
    try {
      await owner.query('SET search_path = tokens');
      await owner.query('BEGIN');
      const read = async () =>
        (await owner.query('SELECT token_id, expires_at, set_at FROM expiries ORDER BY token_id')).rows;
      const before = await read();
      await owner.query('DELETE FROM expiries');
      await owner.query(statementsOf(Expiries).at(-1)!);
      expect(await read()).toEqual(before);
    } finally {
      await owner.query('ROLLBACK');
      await owner.end();
    }
  });
});

describe('EXPIRY_WARNING_DAYS', () => {
  const read = (value: string) =>
    readTokensConfig({
      DATABASE_URL: 'postgres://x',
      NATS_URL: 'nats://x',
      TOKEN_PEPPER: 'a pepper for tests only',
      EXPIRY_WARNING_DAYS: value,
    }).expiryWarningDays;

  it.each([
    ['', [30, 7, 1]],
    ['none', []],
    ['1, 14,3', [14, 3, 1]],
  ])('%j is %j', (value, days) => expect(read(value)).toEqual(days));

  it.each(['0', '-1', '1.5', '7,7', 'soon', '3651', '1e2', 'none,7'])('%j stops the start and is named', (value) => {
    expect(() => read(value)).toThrow(ConfigError);
    expect(() => read(value)).toThrow(/^EXPIRY_WARNING_DAYS is wrong: must be none, or up to 16/);
  });
});
