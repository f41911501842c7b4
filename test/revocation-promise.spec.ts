import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { dist } from '../tools/paths.js';
import { choosePort } from '../tools/ports.js';
import { startService } from '../tools/service.js';
import type { Running } from '../tools/supervise.js';
import { type System, startSystem } from '../tools/system.js';
import { newDataDir } from './support/data-dir.js';
import { eventually } from './support/eventually.js';
import { Admin, carryOut, client, type Http, type Target } from './support/promise/changes.js';
import { Guard } from './support/promise/guard.js';
import type { Direction } from './support/promise/nats-path.js';
import { type Change, examine, type Findings, now, type Verification } from './support/promise/trace.js';

/**
 * When a revocation has answered, no verification that starts anywhere afterwards is accepted, cached guards included:
 * two token services and four caching guards, each a process, under load and under faults. Every verification and every
 * answer is recorded by one clock, and examined afterwards.
 */
const ADMIN_PASSWORD = 'promise-admin-password';
const GUARDS = 4;
const WAVES = 4;
const ROUNDS_AFTER = 10;
/** A revocation answers within two leases; a machine that is busy with other things gets this long. */
const TIMEOUT_MS = 30_000;

describe('the revocation promise', () => {
  let system: System;
  let second: Running | undefined;
  let startSecond: () => Promise<Running>;
  let services: [Http, Http];
  let admin: Admin;
  let userId: string;
  let otherId: string;
  const guards: Guard[] = [];
  const told: string[] = [];

  beforeAll(async () => {
    const dataDir = await newDataDir('promise');
    const shared = {
      ...process.env,
      TOKEN_PEPPER: 'a pepper of the promise',
      POLICY_REQUIRE_PASSWORD: 'none',
      POLICY_OWNER_ROLES: 'operator,admin',
    };
    const env = { ...shared, ADMIN_PASSWORD, DATABASE_URL: '', NATS_URL: '' };
    system = await startSystem({ dataDir, ports: 'free', fsync: false, env });
    const port = await choosePort();
    startSecond = async () => {
      const environment = {
        DATABASE_URL: system.databaseUrl,
        NATS_URL: system.natsUrls.tokens,
        TOKENS_PORT: `${port}`,
      };
      const service = await startService({
        name: 'tokens-2',
        main: join(dist, 'apps', 'tokens', 'main.js'),
        env: { ...shared, ...environment },
        url: `http://127.0.0.1:${port}`,
        logFile: join(system.logDir, 'tokens-2.log'),
        output: () => undefined,
      });
      second = service;
      await service.ready;
      return service;
    };
    await startSecond();
    services = [client(system.tokens.url), client(`http://127.0.0.1:${port}`)];
    admin = await Admin.logIn(client(system.identity.url), services[0], ADMIN_PASSWORD);
    [userId, otherId] = [await admin.user(), await admin.user()];
    await Promise.all(Array.from({ length: GUARDS }, (_, index) => startGuard(index)));
  });
  afterEach(() => {
    for (const guard of guards) {
      guard.path.release();
      guard.signal('SIGCONT');
    }
  });
  afterAll(async () => {
    await Promise.all(guards.map((guard) => guard.kill()));
    await second?.stop();
    await system?.stop();
    process.stdout.write(`${told.join('\n')}\n`);
  });

  const startGuard = async (index: number) => {
    guards[index] = await Guard.start(`guard-${index}`, system.natsUrls.guard);
  };
  const revocations = (count: number) =>
    Promise.all(Array.from({ length: count }, () => admin.token('revocation', userId)));
  /** Has all of them verified by these guards, and waits until they are held in memory. */
  const warm = async (targets: Target[], who = guards) => {
    const watched = targets.map((target) => target.watched);
    await Promise.all(who.map((guard) => guard.watch(watched)));
    await Promise.all(who.map((guard) => guard.warm()));
  };
  /** Changes go to one service and to the other, by turns. */
  const carryOutAll = (targets: Target[]) =>
    Promise.all(targets.map((target, index) => carryOut(target, services[index % 2]!, services[(index + 1) % 2]!)));
  const traces = async (who = guards) => (await Promise.all(who.map((guard) => guard.trace()))).flat();
  const rounds = (who = guards) => Promise.all(who.map((guard) => guard.rounds(ROUNDS_AFTER)));
  const tell = (what: string, changes: readonly Change[], findings: Findings) => {
    const took = changes
      .map(({ startedAt, answeredAt }) => (answeredAt - startedAt) / 1e6)
      .filter(Number.isFinite)
      .sort((a, b) => a - b);
    const ms = (share: number) => `${took[Math.floor(share * (took.length - 1))]?.toFixed(0)} ms`;
    const share = ((100 * findings.fromMemory) / findings.accepted).toFixed(0);
    told.push(
      `${what}: ${changes.length} changes, answered in ${ms(0.5)} (median) to ${ms(1)}; ${findings.accepted} accepted, ` +
        `${share} % from memory; ${findings.refusedAfter} refused afterwards. Of changes times guards, ` +
        `accepted from memory right before: ${findings.warmPairs}; while it was under way: ${findings.racingPairs}`,
    );
  };
  const expectKept = (what: string, changes: readonly Change[], verifications: readonly Verification[]) => {
    const findings = examine(changes, verifications);
    tell(what, changes, findings);
    expect(findings.violations.slice(0, 10)).toEqual([]);
    // Not because nothing was accepted, nor because nothing was held, nor because nobody asked.
    expect(findings.fromMemory).toBeGreaterThan(findings.accepted / 2);
    expect(findings.refusedAfter).toBeGreaterThanOrEqual(changes.length);
    expect(findings.warmPairs).toBeGreaterThan(changes.length);
    return findings;
  };

  it('S21 is kept under load, whatever the change, and each use is counted once', async () => {
    const all: { targets: Target[]; changes: Change[]; verifications: Verification[] } = {
      targets: [],
      changes: [],
      verifications: [],
    };
    for (let wave = 0; wave < WAVES; wave++) {
      const targets = await Promise.all([
        admin.token('revocation', userId),
        admin.token('revocation', userId),
        admin.token('refresh', userId),
        admin.token('deletion', userId),
        admin.token('reassignment', userId, otherId),
        admin.token('scope edit', userId),
        admin.token('expiry', userId),
        admin.session('ended session', userId),
        admin.session('session of a revoked token', userId),
        admin.tokenOfUser('disabled user'),
        admin.tokenOfUser('lost role'),
        admin.tokenOfUser('deleted user'),
      ]);
      await warm(targets);
      all.targets.push(...targets);
      all.changes.push(...(await carryOutAll(targets)));
      await rounds();
      all.verifications.push(...(await traces()));
    }
    await Promise.all(guards.map((guard) => guard.watch([])));
    expectKept('load', all.changes, all.verifications);

    await eventually(async () => {
      for (const { watched, tokenId, what } of all.targets.filter(({ counted }) => counted)) {
        const mine = all.verifications.filter(({ key }) => key === watched.key);
        const accepted = mine.filter(({ outcome }) => outcome === 'memory' || outcome === 'asked').length;
        const unavailable = mine.filter(({ outcome }) => outcome === 'unavailable').length;
        const { useCount } = await admin.read(tokenId);
        // One that was not answered in time may have been counted, or not.
        expect({ what, useCount, isRight: useCount >= accepted && useCount <= accepted + unavailable }).toEqual({
          what,
          useCount: unavailable === 0 ? accepted : useCount,
          isRight: true,
        });
      }
    });
  }, 60_000);

  it(
    'is kept by a guard that is frozen, and wakes when its lease is out or before',
    async () => {
      const frozen = guards[3]!;
      const changes: Change[] = [];
      const verifications: Verification[] = [];
      for (const wakes of ['before', 'after']) {
        const targets = await revocations(4);
        await warm(targets);
        frozen.signal('SIGSTOP');
        const answered = carryOutAll(targets);
        const early = targets.map((target) => frozen.ask(target.watched));
        if (wakes === 'before') {
          await delay(200);
          frozen.signal('SIGCONT');
        }
        changes.push(...(await answered));
        const late = targets.map((target) => frozen.ask(target.watched));
        frozen.signal('SIGCONT');
        await Promise.all([...early, ...late]);
        await rounds();
        verifications.push(...(await traces()));
      }
      expectKept('a frozen guard', changes, verifications);
    },
    TIMEOUT_MS,
  );

  it.each<[string, Direction[]]>([
    ['altogether', ['toGuard', 'toServer']],
    ['so that it hears nothing', ['toGuard']],
    ['so that it is not heard', ['toServer']],
  ])(
    'is kept by a guard that is cut off from NATS %s',
    async (name, directions) => {
      const cut = guards[2]!;
      const targets = await revocations(4);
      await warm(targets);
      cut.path.hold(...directions);
      const changes = await carryOutAll(targets);
      const late = targets.map((target) => cut.ask(target.watched));
      await Promise.all(late);
      cut.path.release();
      await rounds();
      const { racingPairs } = expectKept(`cut off ${name}`, changes, await traces());
      // It went on from memory meanwhile: it was right to wait for it.
      if (directions.includes('toGuard')) expect(racingPairs).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );

  it(
    'S32 S14 is kept for users who change while a guard is cut off, or the answer is 202',
    async () => {
      const cut = guards[2]!;
      const targets = await Promise.all([
        admin.tokenOfUser('disabled user'),
        admin.tokenOfUser('lost role'),
        admin.tokenOfUser('disabled user'),
        admin.tokenOfUser('deleted user'),
      ]);
      await warm(targets);
      cut.path.hold('toGuard');
      const changes = await carryOutAll(targets);
      await rounds(guards.filter((guard) => guard !== cut));
      cut.path.release();
      const verifications = await traces();
      // What was answered with 202 holds in the end.
      await eventually(async () => {
        await rounds();
        const latest = await traces();
        verifications.push(...latest);
        expect(latest.filter(({ outcome }) => outcome === 'memory' || outcome === 'asked')).toEqual([]);
      });
      const findings = examine(changes, verifications);
      tell('users change while a guard is cut off', changes, findings);
      expect(findings.violations.slice(0, 10)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    'is kept when a token service is killed in the middle of a revocation, which is asked for again at the other',
    async () => {
      const held = guards[1]!;
      const targets = await revocations(4);
      await warm(targets);
      held.path.hold();
      const changes = Promise.all(targets.map((target) => carryOut(target, services[1], services[0])));
      await eventually(async () => {
        for (const { tokenId } of targets) expect((await admin.read(tokenId)).state).toBe('revoked');
      });
      process.kill(second!.pid, 'SIGKILL');
      await second!.exited;
      const killedAt = now();
      const answered = await changes;
      held.path.release();
      await rounds();
      const verifications = await traces();
      expectKept('a killed token service', answered, verifications);
      // The other one was right to wait, although it found everything done.
      const gone = verifications.filter(({ outcome, startedAt }) => outcome === 'memory' && startedAt > killedAt);
      expect(gone.map(({ guard }) => guard)).toContain(held.name);
      await startSecond();
    },
    TIMEOUT_MS,
  );

  it(
    'is kept when a guard is killed, and answers without it',
    async () => {
      const targets = await revocations(4);
      await warm(targets);
      const before = await traces();
      await guards[0]!.kill();
      const alive = guards.slice(1);
      const changes = await carryOutAll(targets);
      await rounds(alive);
      expectKept('a killed guard', changes, [...before, ...(await traces(alive))]);
      await startGuard(0);
    },
    TIMEOUT_MS,
  );

  it(
    'is kept when NATS is started again under load',
    async () => {
      const targets = await revocations(8);
      await warm(targets);
      const restarted = system.restart('nats');
      const changes = await carryOutAll(targets);
      await restarted;
      await rounds();
      expectKept('NATS started again', changes, await traces());
    },
    TIMEOUT_MS,
  );

  it(
    'is kept over a path that breaks again and again',
    async () => {
      const changes: Change[] = [];
      const verifications: Verification[] = [];
      const breaks = guards.map(({ path }, index) => setInterval(() => path.tear(), 400 + 90 * index));
      try {
        for (let wave = 0; wave < 3; wave++) {
          const targets = await revocations(4);
          await warm(targets);
          changes.push(...(await carryOutAll(targets)));
          await rounds();
          verifications.push(...(await traces()));
        }
      } finally {
        for (const each of breaks) clearInterval(each);
      }
      expectKept('a path that breaks', changes, verifications);
    },
    TIMEOUT_MS,
  );

  it.each(['ignores-its-lease', 'acknowledges-without-forgetting'] as const)(
    'is seen to be broken by a guard that %s',
    async (defect) => {
      const broken = await Guard.start('broken', system.natsUrls.guard, defect);
      try {
        const targets = await revocations(4);
        await warm(targets, [...guards, broken]);
        if (defect === 'ignores-its-lease') broken.path.hold();
        const changes = await carryOutAll(targets);
        await rounds([...guards, broken]);
        const findings = examine(changes, await traces([...guards, broken]));
        tell(defect, changes, findings);
        expect(findings.violations.length).toBeGreaterThan(0);
        expect(findings.violations.filter((line) => !line.startsWith('broken '))).toEqual([]);
      } finally {
        await broken.kill();
      }
    },
    TIMEOUT_MS,
  );
});
