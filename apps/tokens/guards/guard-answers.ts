import { Inject, Injectable } from '@nestjs/common';
import type { VerifyReply } from '@tokenlog/contracts/tokens/verify.js';
import type { Sql } from '@tokenlog/event-store/sql.js';
import { POOL } from '@tokenlog/platform/database.module.js';
import { LRUCache } from 'lru-cache';
import type { Pool } from 'pg';

/** How long this process takes what it has noted for noted, and how many of them. */
const NOTED_MS = 3_600_000;
const MOST_NOTED = 200_000;
/** Longer than a report can wait in its stream. */
const FORGET_AFTER = '14 days';

/** Which tokens each guard with a name was told are good: it can report uses of no others. */
@Injectable()
export class GuardAnswers {
  private readonly noted = new LRUCache<string, true>({ max: MOST_NOTED, ttl: NOTED_MS });

  constructor(@Inject(POOL) private readonly pool: Pool) {}

  /** To be called before the answer goes out: the guard's first report may follow at once. */
  async note(name: string, reply: VerifyReply): Promise<void> {
    if (!reply.active || reply.kind !== 'token' || reply.token === null) return;
    const key = `${name} ${reply.token.id}`;
    if (this.noted.has(key)) return;
    await this.pool.query(
      `INSERT INTO guard_answers (name, token_id, first_at, last_at) VALUES ($1, $2, now(), now())
       ON CONFLICT (name, token_id) DO UPDATE SET last_at = excluded.last_at`,
      [name, reply.token.id],
    );
    this.noted.set(key, true);
  }
}

/** Forgets what no report can be about any more. */
export async function forgetOldAnswers(sql: Sql): Promise<void> {
  await sql.query(`DELETE FROM guard_answers WHERE last_at < now() - interval '${FORGET_AFTER}'`);
}
