import { randomUUID } from 'node:crypto';
import { Inject, Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { type Proof, prove } from '@tokenlog/contracts/credential.js';
import {
  PEPPER_UNKNOWN,
  type RefusalReason,
  type VerifyReply,
  type VerifyRequest,
} from '@tokenlog/contracts/tokens/verify.js';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { answering, ownPool, timeLeft } from '@tokenlog/platform/bounded-client.js';
import { DatabaseClock } from '@tokenlog/platform/clock.js';
import { databaseConnection } from '@tokenlog/platform/database-url.js';
import { Problem, unavailable } from '@tokenlog/platform/problem.js';
import { type Cause, causeOf, databaseAway, noteRefused } from '@tokenlog/platform/unavailable.js';
import type { Pool } from 'pg';
import { CONFIG, type Config } from '../config/config.js';
import { Peppers } from '../secret/peppers.js';
import { keyedHash } from '../secret/secrets.js';
import { StaticKeys } from '../secret/static-keys.js';
import { type DecidedRow, NOTE_REFUSALS, VERIFIER_SETTINGS, VERIFY_BATCH } from './verification.sql.js';
import { measured, type Way } from './verification-metrics.js';
import { ANSWER_MS, type Question, refuse, VerificationQueue } from './verification-queue.js';

/** The most questions that one statement takes; what waits beyond them goes with the next. */
const MAX_BATCH = 512;
/** Batches under way at once: while the database works on one, the next is hashed and sent. */
const MAX_UNDER_WAY = 2;
/** Where no batch has come back for so long, it is the database that is waited for, and not those who came before. */
const STALL_MS = 1_000;
const LATE = 'late';
/** How often PostgreSQL looks whether a statement that takes long still has a client, in ms. */
const CONNECTION_CHECK = { client_connection_check_interval: '200' };
/** A version is a 32-bit integer; a stream of uses that comes near starts another. */
const MAX_VERSION = 2_000_000_000;
const RETRIED = new Set(['40001', '40P01']);
const NO_PARTITION = '23514';

/**
 * Verifies credentials. Verifications that arrive together share one statement, and so one commit; each is answered after
 * it. Batching waits for the database, never for a timer: a single verification on an idle service goes at once.
 */
@Injectable()
export class Verifier implements OnApplicationShutdown {
  private readonly logger = new Logger(Verifier.name);
  /** A pool of its own: no list or report keeps a verification waiting. Each of its statements is planned once. */
  readonly pool: Pool;
  private readonly queue = new VerificationQueue((answers) => this.late(answers));
  private scheduled = false;
  private underWay = 0;
  private uses: UseStream;
  /** When a batch came back last. */
  private answeredAt = Number.NEGATIVE_INFINITY;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly store: EventStore,
    private readonly staticKeys: StaticKeys,
    private readonly clock: DatabaseClock,
    private readonly peppers: Peppers,
  ) {
    this.uses = new UseStream(clock.now());
    const { role, schema } = config.databasePart;
    const session = { role, search_path: schema, ...VERIFIER_SETTINGS, ...CONNECTION_CHECK };
    this.pool = ownPool(
      databaseConnection(config.databaseUrl, session),
      {
        max: MAX_UNDER_WAY,
        application_name: 'tokenlog-verifier',
        // What waits for a lock is not committed when nobody hears of it any more.
        statement_timeout: ANSWER_MS,
      },
      this.logger,
    );
  }

  /**
   * Decides one credential. An accepted one is a use, committed to the log before this resolves (S34).
   * Within 1.8 s, or what its caller waits if that is less: what is not decided by then is neither decided nor counted.
   * @param via by which way it came in
   * @throws Problem 503 `overloaded` when too many wait already, `database-unavailable`, `pepper-unknown` for what may
   * be good under a key that is not here
   */
  verify(request: VerifyRequest, via: Way = 'in-process'): Promise<VerifyReply> {
    return measured(via, this.ask(request));
  }

  /** How many wait for their batch. */
  get queueLength(): number {
    return this.queue.length;
  }

  private async ask(request: VerifyRequest): Promise<VerifyReply> {
    const presented = presentedBy(request);
    const proven = presented && this.staticKeys.owned(presented);
    if (!proven) return { active: false, reason: 'malformed' };
    if (this.queue.isFull) throw refusal(OVERLOADED, 'too many wait already', 1);
    const answer = this.queue.add(proven, request, this.clock.now().toISOString(), timeLeft());
    this.schedule();
    return answer;
  }

  async onApplicationShutdown(): Promise<void> {
    this.queue.stop();
    await this.pool.end();
  }

  /** Everything that came with the same read of the socket joins the same batch. */
  private schedule(): void {
    if (this.scheduled || this.underWay >= MAX_UNDER_WAY) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      const batch = this.queue.take(MAX_BATCH);
      if (batch.length > 0) void this.run(batch);
    });
  }

  private late(answers: number): Problem {
    const isStall = performance.now() - this.answeredAt > STALL_MS;
    return isStall ? stalled(answers) : refusal(OVERLOADED, 'they waited too long for those before them', answers);
  }

  private async run(batch: Question[]): Promise<void> {
    this.underWay++;
    const left = Math.min(...batch.map(({ answerBy }) => answerBy)) - performance.now();
    // A connection may be waited for as well, and a statement be given up only after a while.
    const timer = setTimeout(() => refuse(batch, stalled), left);
    try {
      // A time of its own: what is done now may have been begun by another batch's end.
      await answering(left, () => this.decide(batch));
      this.answeredAt = performance.now();
    } catch (error) {
      refuse(batch, (answers) => this.failure(error as Error, answers));
    } finally {
      clearTimeout(timer);
      this.underWay--;
      this.schedule();
    }
  }

  private failure(error: Error, answers: number): Problem {
    const cause = causeOf(error);
    if (cause) return refusal(cause, error.message, answers);
    this.logger.error(`${answers} verifications failed: ${error.stack}`);
    return new Problem('internal-error', 'The service failed to answer; the failure is in its log.');
  }

  private async decide(batch: Question[]): Promise<void> {
    const decided = await this.verifyBatch(batch);
    const late = decided.filter(({ reason }) => reason === LATE);
    const rows = decided.filter(({ reason }) => reason !== LATE);
    const refused = rows.filter(isNoted);
    for (const row of rows) if (row.reason === PEPPER_UNKNOWN) this.rejectUnproved(batch, row);
    for (const row of rows) if (row.reason !== PEPPER_UNKNOWN && !isNoted(row)) answer(batch, row);
    const lateOnes = late.flatMap(({ n }) => batch[n] ?? []);
    if (lateOnes.length > 0) await this.decideLate(lateOnes);
    if (refused.length > 0) await this.noteRefusals(batch, refused);
    for (const row of refused) answer(batch, row);
    if (refused.length > 0 || rows.some(isUse)) this.store.appended();
    await this.rehash(batch, rows);
  }

  /** What is not late by the monotonic clock was decided by what was known of the database's before that was set. */
  private async decideLate(batch: Question[]): Promise<void> {
    const now = performance.now();
    const isLate = batch.some(({ decideBy }) => decideBy <= now);
    if (isLate) refuse(batch, stalled);
    else await this.decide(batch);
  }

  private rejectUnproved(batch: readonly Question[], { n, hiddenPeppers }: DecidedRow): void {
    const question = batch[n];
    if (question) refuse([question], () => this.peppers.missing(hiddenPeppers ?? []));
  }

  private async verifyBatch(batch: Question[]): Promise<DecidedRow[]> {
    const decideBy = this.clock.earliest(Math.min(...batch.map(({ decideBy }) => decideBy)));
    const rows = await this.decidedRows(batch, decideBy);
    if (rows.some(({ reason }) => reason === LATE)) await this.clock.measure();
    return rows;
  }

  private decidedRows(batch: Question[], decideBy: Date): Promise<DecidedRow[]> {
    const { policy } = this.config;
    const values = [
      batch.map((_, n) => n),
      batch.map(({ id }) => id),
      batch.map(({ request }) => request.scopes?.join(',') ?? null),
      batch.map(({ request }) => request.service ?? null),
      batch.map(({ request }) => request.ip ?? null),
      batch.map(({ firstAt }) => firstAt),
      batch.map(({ lastAt }) => lastAt),
      batch.map(({ waiting }) => waiting.length),
      batch.map(({ proof }) => Buffer.concat(this.peppers.all.map((pepper) => keyedHash(pepper, proof)))),
      batch.map(({ request }) => request.username ?? null),
      policy.ownerRoles,
      policy.allowAdminTokens,
      policy.scopes,
      batch.map(({ request }) => request.roles?.join(',') ?? null),
      this.peppers.ids,
    ];
    return this.execute<DecidedRow>('verify-batch', VERIFY_BATCH, batch.length, values, [decideBy]);
  }

  private async noteRefusals(batch: Question[], rows: DecidedRow[]): Promise<void> {
    const refusals = [...new Map(rows.map((row) => [`${row.tokenId} ${row.reason}`, row])).values()];
    const requests = refusals.map(({ n }) => batch[n]?.request);
    await this.execute('note-refusals', NOTE_REFUSALS, refusals.length, [
      refusals.map(({ tokenId }) => tokenId),
      refusals.map(({ reason }) => reason),
      requests.map((request) => request?.service ?? null),
      requests.map((request) => request?.ip ?? null),
    ]);
  }

  /** Runs a statement that may append so many events to the stream of uses, whose place is parameters between `values` and `more`. */
  private async execute<Row extends object>(
    name: string,
    text: string,
    events: number,
    values: unknown[],
    more: unknown[] = [],
  ): Promise<Row[]> {
    for (let attempt = 1; ; attempt++) {
      const { stream, version, period } = this.uses.take(events, this.clock.now());
      try {
        const { rows } = await this.pool.query<Row>({
          name,
          text,
          values: [...values, stream, version, period, ...more],
        });
        return rows;
      } catch (error) {
        const { code } = error as { code?: string };
        if (attempt === 3 || !code) throw error;
        if (code === NO_PARTITION) await this.pool.query('SELECT ensure_periods()');
        else if (!RETRIED.has(code)) throw error;
      }
    }
  }

  /** Moves secrets that were proved under a retired pepper to the current one, once every running service has it. */
  private async rehash(batch: Question[], rows: DecidedRow[]): Promise<void> {
    const { current } = this.peppers;
    const old = rows.filter(
      ({ reason, pepper }) => reason === null && pepper !== null && this.peppers.isToMove(pepper),
    );
    if (old.length === 0) return;
    const owners = old.map(({ n }) => batch[n] as Question);
    await this.pool
      .query(
        `UPDATE secrets SET hash = new.hash, pepper = $4
         FROM unnest($1::uuid[], $2::int[], $3::bytea[]) AS new(owner, generation, hash)
         WHERE secrets.owner = new.owner AND secrets.generation = new.generation`,
        [
          owners.map(({ id }) => id),
          old.map(({ generation }) => generation),
          owners.map(({ proof }) => keyedHash(current, proof)),
          current.id,
        ],
      )
      .catch((error: Error) => this.logger.warn(`rehash put off to the next use: ${error.message}`));
  }
}

/** What a request presents, or `null` for what is no credential. */
function presentedBy(request: VerifyRequest): Proof | null {
  return 'credential' in request ? prove(request.credential) : request;
}

/** The stream that this process writes its uses to: no other writes it, so replicas never contend for a version. */
class UseStream {
  private readonly instance = randomUUID();
  private readonly month: string;
  private version = 0;

  constructor(now: Date) {
    this.month = monthOf(now);
  }

  /** Reserves versions for so many events. A batch that fails leaves a gap. */
  take(events: number, now: Date): { stream: string; version: number; period: string } {
    if (this.month !== monthOf(now) || this.version > MAX_VERSION) {
      Object.assign(this, new UseStream(now));
    }
    const { version } = this;
    this.version += events;
    return { stream: `uses-${this.instance}-${this.month}`, version, period: `${this.month}-01` };
  }
}

function monthOf(now: Date): string {
  return now.toISOString().slice(0, 7);
}

/** Whether the history of a token tells of it: a token of which some secret was proved was refused. */
function isNoted({ reason, tokenId, sessionId }: DecidedRow): boolean {
  return reason !== null && reason !== 'unknown' && reason !== PEPPER_UNKNOWN && tokenId !== null && sessionId === null;
}

function isUse({ reason, sessionId }: DecidedRow): boolean {
  return reason === null && sessionId === null;
}

const OVERLOADED: Cause = { code: 'overloaded', detail: 'Too many verifications wait for the database; try again.' };

function stalled(answers: number): Problem {
  return refusal(databaseAway('does not answer'), 'PostgreSQL did not answer verifications in time', answers);
}

/** One for all who are answered with it, and noted as so many. */
function refusal(cause: Cause, why: string, answers: number): Problem {
  if (answers > 0) noteRefused(cause, why, answers);
  return unavailable(cause);
}

function answer(batch: readonly Question[], row: DecidedRow): void {
  const reply = replyOf(row);
  for (const { resolve } of batch[row.n]?.waiting.splice(0) ?? []) resolve(reply);
}

function replyOf(row: DecidedRow): VerifyReply {
  if (row.reason === 'role') return { active: false, reason: 'scope', missing: 'role' };
  if (row.reason !== null) return { active: false, reason: row.reason as RefusalReason };
  return {
    active: true,
    kind: row.sessionId ? 'session' : 'token',
    token: row.tokenId
      ? {
          id: row.tokenId,
          description: row.description,
          scopes: row.granted,
          expiresAt: row.expiresAt?.toISOString() ?? null,
          secretGeneration: row.secretGeneration,
        }
      : null,
    user: { id: row.userId, username: row.username, roles: row.roles },
    scopes: row.granted,
    checkedAt: row.checkedAt.toISOString(),
    validUntil: row.validUntil?.toISOString() ?? null,
    ...(row.sessionId && {
      session: {
        id: row.sessionId,
        expiresAt: row.sessionExpiresAt.toISOString(),
        startedWith: row.sessionToken ? 'token' : 'password',
        mustChangePassword: row.mustChangePassword,
      },
    }),
  };
}
