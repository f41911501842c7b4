import { createHash } from 'node:crypto';
import { networkOf } from '@tokenlog/contracts/address.js';
import { foldedName } from '@tokenlog/contracts/folded-name.js';
import type { EventStore } from '@tokenlog/event-store/event-store.js';
import { perHour, perQuarterHour, type Rule, takeTry } from './meter.js';

/** How many entered passwords are tried that turn out wrong. */
export interface LoginLimits {
  /** For one account from one address, in 15 minutes. */
  readonly perPair: number;
  /** From one address where the account has not logged in before, for all accounts, in 15 minutes. */
  readonly perAddress: number;
  /** For one account, from all addresses where it has not logged in before, in an hour. */
  readonly perAccount: number;
}

/** Whose password is tried, and from where. */
export interface Attempt {
  /** The account's name, whether there is such an account or not. */
  readonly account: string;
  /** As `readAddress` spells it. */
  readonly ip: string | null;
  /** Whether the account has logged in from there before: then nobody elsewhere can use up its tries. */
  readonly isKnown: boolean;
  /** Tries of another kind are counted apart. */
  readonly kind: 'password' | 'token-text';
}

/** A try that is counted already; exactly one of the two must be called. */
export interface Turn {
  readonly granted: true;
  /** It was right: it does not count, and the account's wrong ones from this address are forgotten. */
  right(): Promise<void>;
  /** It stays counted. */
  wrong(): void;
}

/** There is no try left. */
export interface Denied {
  readonly granted: false;
  readonly retryAfterSeconds: number;
}

interface Bucket {
  readonly key: string;
  readonly rule: Rule;
}

type Taken = Denied & { readonly full: string };

const SWEEP_EVERY_MS = 10 * 60_000;

const milliseconds = (time: string) => `(extract(epoch FROM ${time}) * 1000)::float8`;

/**
 * Counts tries before they are made, in the database and by its clock, so that all instances share them and none is made that
 * was not counted. A right one is given back. So as many at once as one likes are tried one after another, as long as they
 * turn out right: who finds no try left waits for those that are under way here.
 */
export class LoginThrottle {
  /** The tries that this process makes just now, by the buckets that they are counted in. */
  private readonly underWay = new Map<string, Set<Promise<void>>>();
  /** The last who asks for a pair of account and address: the next one comes after. */
  private readonly last = new Map<string, Promise<unknown>>();
  private sweptAt = performance.now();

  constructor(
    private readonly store: EventStore,
    private readonly limits: LoginLimits,
  ) {}

  /** Counts a try, which may then be made, or says when there is one. */
  async enter(attempt: Attempt): Promise<Turn | Denied> {
    await this.sweep();
    const buckets = this.bucketsOf(attempt);
    const pair = buckets[0].key;
    const turn = (this.last.get(pair) ?? Promise.resolve()).then(() => this.await(buckets));
    const done = turn.then(
      () => undefined,
      () => undefined,
    );
    this.last.set(pair, done);
    try {
      return await turn;
    } finally {
      if (this.last.get(pair) === done) this.last.delete(pair);
    }
  }

  private bucketsOf({ account, ip, isKnown, kind }: Attempt): readonly [Bucket, ...Bucket[]] {
    const name = foldedName(account);
    const network = ip === null ? '' : networkOf(ip);
    const { perPair, perAddress, perAccount } = this.limits;
    const pair = { key: keyOf(kind, 'pair', name, network), rule: perQuarterHour(perPair) };
    if (isKnown) return [pair];
    const all = { key: keyOf(kind, 'account', name), rule: perHour(perAccount) };
    if (ip === null) return [pair, all];
    return [pair, all, { key: keyOf(kind, 'address', network), rule: perQuarterHour(perAddress) }];
  }

  private async await(buckets: readonly [Bucket, ...Bucket[]]): Promise<Turn | Denied> {
    for (;;) {
      const taken = await this.take(buckets);
      if (taken === null) return this.begin(buckets);
      const others = this.underWay.get(taken.full);
      if (!others) return taken;
      await Promise.race(others);
    }
  }

  /** In one transaction: of each bucket one, or of none. `null`: taken. Nobody waits for the disk for this. */
  private take(buckets: readonly Bucket[]): Promise<Taken | null> {
    const rules = new Map(buckets.map(({ key, rule }) => [key, rule]));
    return this.store.transact(async ({ sql }) => {
      await sql.query('SET LOCAL synchronous_commit = off');
      // Locks them, in the same order for all.
      const { rows } = await sql.query<{ key: string; points: number; since: number; now: number }>(
        `INSERT INTO wrong_passwords (key, points, since) SELECT key, 0, clock_timestamp() FROM unnest($1::text[]) AS key ORDER BY key
         ON CONFLICT (key) DO UPDATE SET points = wrong_passwords.points
         RETURNING key, points, ${milliseconds('since')} AS since, ${milliseconds('clock_timestamp()')} AS now`,
        [[...rules.keys()]],
      );
      const tried = rows.map(({ key, points, since, now }) => ({
        key,
        ...takeTry(rules.get(key) as Rule, { points, since }, now),
      }));
      const full = tried.filter((each) => 'waitMs' in each).sort((a, b) => b.waitMs - a.waitMs)[0];
      if (full)
        return { granted: false, retryAfterSeconds: Math.max(1, Math.ceil(full.waitMs / 1000)), full: full.key };
      const meters = tried.flatMap((each) => ('meter' in each ? [{ key: each.key, ...each.meter }] : []));
      await sql.query(
        `UPDATE wrong_passwords SET points = taken.points, since = to_timestamp(taken.since / 1000)
         FROM unnest($1::text[], $2::float8[], $3::float8[]) AS taken(key, points, since)
         WHERE wrong_passwords.key = taken.key`,
        [meters.map(({ key }) => key), meters.map(({ points }) => points), meters.map(({ since }) => since)],
      );
      return null;
    });
  }

  private begin(buckets: readonly [Bucket, ...Bucket[]]): Turn {
    let end: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    for (const { key } of buckets) this.underWay.set(key, (this.underWay.get(key) ?? new Set()).add(ended));
    const settle = () => {
      for (const { key } of buckets) {
        const others = this.underWay.get(key);
        others?.delete(ended);
        if (others?.size === 0) this.underWay.delete(key);
      }
      end();
    };
    return {
      granted: true,
      right: () => this.giveBack(buckets).finally(settle),
      wrong: settle,
    };
  }

  /** The address and the account's total do not start from nothing: others may be trying there. */
  private async giveBack([pair, ...others]: readonly [Bucket, ...Bucket[]]): Promise<void> {
    await this.store.transact(async ({ sql }) => {
      await sql.query('SET LOCAL synchronous_commit = off');
      await sql.query(
        `UPDATE wrong_passwords SET points = greatest(0, points - CASE key WHEN $1 THEN points ELSE 1 END)
         WHERE key IN (SELECT key FROM wrong_passwords WHERE key = ANY($2) ORDER BY key FOR UPDATE)`,
        [pair.key, [pair, ...others].map(({ key }) => key)],
      );
    });
  }

  /** Takes away what is over by any rule. */
  private async sweep(): Promise<void> {
    if (performance.now() - this.sweptAt < SWEEP_EVERY_MS) return;
    this.sweptAt = performance.now();
    await this.store.pool.query(
      `DELETE FROM wrong_passwords WHERE key IN (
         SELECT key FROM wrong_passwords WHERE since < now() - interval '2 hours' FOR UPDATE SKIP LOCKED
       )`,
    );
  }
}

/** A digest: what people type into the wrong field, and where they are, must not stand in the database. */
function keyOf(...parts: string[]): string {
  return `${parts[1]}:${createHash('sha256').update(JSON.stringify(parts)).digest('base64url')}`;
}
