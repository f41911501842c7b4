import { randomUUID } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import type { Sql } from '@tokenlog/event-store/sql.js';
import { withHeaders } from '@tokenlog/platform/answer-headers.js';
import { Problem } from '@tokenlog/platform/problem.js';
import type { Pepper } from '../config/config.js';
import { Peppers } from '../secret/peppers.js';
import { Token } from '../token/token.js';
import { findToken, type TokenView, tagOf } from '../token/token-view.js';
import { type Caller, metadataOf } from '../user/caller.js';
import type { RepeatableRequest } from './idempotency-key.js';
import { fingerprintOf, idOf, open, seal } from './sealed-answer.js';

/** How long whoever answers a request keeps others from it: a service that was killed does so for no longer. */
const HOLD = "interval '10 seconds'";
const KEEP = "interval '1 day'";
/** Somebody else's hold that is given up between two looks at it is taken at the next one. */
const MOST_LOOKS = 5;

/** A token, as it is once it has this secret, and its text, which is handed out this once (S7). */
export interface TokenWithSecret {
  readonly tokenId: string;
  readonly secret: string;
  readonly token: TokenView;
}

/** The body of an answer that has a secret. */
export interface AnswerWithSecret {
  readonly token: TokenView;
  readonly secret: string;
}

/** The right to answer a request that may be repeated. */
export interface Claim {
  readonly request: RepeatableRequest;
  readonly userId: string;
  readonly id: Buffer;
  readonly pepper: Pepper;
  readonly holder: string;
}

interface Row {
  readonly fingerprint: Buffer;
  readonly pepper: string;
  readonly answer: Buffer | null;
}

/**
 * Answers of requests with an `Idempotency-Key`, for a day. An answer is written in the transaction of the events that it tells of:
 * a repetition finds it whenever they stand, and makes them where they do not. The rows are of no use without the keys.
 */
@Injectable()
export class KeptAnswers {
  private readonly logger = new Logger(KeptAnswers.name);

  constructor(
    private readonly store: EventStore,
    private readonly peppers: Peppers,
  ) {}

  /**
   * Runs a request that makes a secret, once for its key. Refusals are not kept.
   * @param tokenId of the token that is changed; null: a new one
   * @throws Problem 409 `request-under-way`, 422 `idempotency-key-reused`, and what the run throws
   */
  async once(
    request: RepeatableRequest | null,
    caller: Caller,
    tokenId: string | null,
    run: (claim: Claim | null) => Promise<TokenWithSecret>,
  ): Promise<AnswerWithSecret> {
    if (request === null) return bodyOf(await run(null));
    const claim = await this.claim(request, caller, tokenId);
    if ('secret' in claim) return claim;
    try {
      return bodyOf(await run(claim));
    } catch (error) {
      await this.giveUp(claim);
      throw error;
    }
  }

  /**
   * Makes the answer, and keeps it where the request may be repeated. In the transaction of the command, after its events.
   * @throws Problem 409 `request-under-way` where another repetition has taken this one's place meanwhile
   */
  async answer(
    sql: Sql,
    { tokenId, secret }: Omit<TokenWithSecret, 'token'>,
    claim: Claim | null,
  ): Promise<TokenWithSecret> {
    const token = await findToken(sql, tokenId, 'anyone');
    if (claim === null) return { tokenId, secret, token };
    const { request, userId, id, pepper, holder } = claim;
    const sealed = seal(JSON.stringify({ tag: tagOf(token), body: { token, secret } }), request, userId, pepper);
    const { rows } = await sql.query(
      `UPDATE kept_answers SET answer = $3, holder = NULL, ends_at = clock_timestamp() + ${KEEP}
       WHERE id = $1 AND holder = $2 RETURNING id`,
      [id, holder, sealed],
    );
    if (rows.length === 0) throw underWay();
    return { tokenId, secret, token };
  }

  private async claim(
    request: RepeatableRequest,
    caller: Caller,
    tokenId: string | null,
  ): Promise<Claim | AnswerWithSecret> {
    const { id: userId } = caller;
    const [id, holder] = [idOf(request, userId), randomUUID()];
    for (let look = 0; look < MOST_LOOKS; look++) {
      const pepper = this.peppers.current;
      const taken = await this.store.pool.query(
        `INSERT INTO kept_answers AS kept (id, fingerprint, pepper, holder, ends_at)
         VALUES ($1, $2, $3, $4, clock_timestamp() + ${HOLD})
         ON CONFLICT (id) DO UPDATE SET fingerprint = excluded.fingerprint, pepper = excluded.pepper,
           holder = excluded.holder, ends_at = excluded.ends_at, answer = NULL
         WHERE kept.ends_at < clock_timestamp()
         RETURNING id`,
        [id, fingerprintOf(request, userId, tokenId, pepper), pepper.id, holder],
      );
      if (taken.rows.length > 0) return { request, userId, id, pepper, holder };
      const { rows } = await this.store.pool.query<Row>(
        'SELECT fingerprint, pepper, answer FROM kept_answers WHERE id = $1 AND ends_at >= clock_timestamp()',
        [id],
      );
      if (rows[0]) return this.repeat(rows[0], request, caller, tokenId);
    }
    throw underWay();
  }

  private async repeat(
    row: Row,
    request: RepeatableRequest,
    caller: Caller,
    tokenId: string | null,
  ): Promise<AnswerWithSecret> {
    const pepper = this.peppers.all.find(({ id }) => id === row.pepper);
    if (!pepper) throw this.peppers.missing([row.pepper]);
    if (!fingerprintOf(request, caller.id, tokenId, pepper).equals(row.fingerprint)) {
      const detail = 'Idempotency-Key: this key came with another request before.';
      throw new Problem('idempotency-key-reused', detail, { errors: [{ field: 'Idempotency-Key', detail }] });
    }
    if (row.answer === null) throw underWay();
    const { tag, body } = JSON.parse(open(row.answer, request, caller.id, pepper)) as {
      tag: string;
      body: AnswerWithSecret;
    };
    await this.tellGuards(body.token.id, caller);
    withHeaders(body.token, { ETag: tag });
    return withHeaders(body, { 'Idempotent-Replayed': 'true' });
  }

  /** Whoever answered first may have been killed before every guard had heard of it: this answer waits for them too. */
  private async tellGuards(tokenId: string, caller: Caller): Promise<void> {
    await this.store.transact(async (work) => {
      await work.load(Token, tokenId);
      work.append(Token, tokenId, [], metadataOf(caller));
    });
  }

  /** Lets the next repetition run at once. An answer that was kept stays: the error was one of telling it. */
  private async giveUp({ id, holder }: Claim): Promise<void> {
    await this.store.pool
      .query('DELETE FROM kept_answers WHERE id = $1 AND holder = $2', [id, holder])
      .catch((error: Error) => this.logger.warn(`a repetition has to wait for 10 s: ${error.message}`));
  }
}

function bodyOf({ token, secret }: TokenWithSecret): AnswerWithSecret {
  return { token, secret };
}

function underWay(): Problem {
  return new Problem('request-under-way', 'The same request is being answered just now.', { retryAfterSeconds: 1 });
}
