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
import { boundedPool } from '@tokenlog/platform/bounded-client.js';
import { Problem } from '@tokenlog/platform/problem.js';
import { Pool } from 'pg';
import { CONFIG, type Config } from './config.js';
import { TOKENS_DATABASE } from './migrations.js';
import { Peppers } from './peppers.js';
import { keyedHash } from './secrets.js';
import { StaticKeys } from './static-keys.js';
import { type DecidedRow, NOTE_REFUSALS, VERIFIER_SETTINGS, VERIFY_BATCH } from './verification.sql.js';

/** The most questions that one statement takes; what waits beyond them goes with the next. */
const MAX_BATCH = 512;
/** Batches under way at once: while the database works on one, the next is hashed and sent. */
const MAX_UNDER_WAY = 2;
/** The most that wait: while the database stands still, whoever asked gives up after seconds, and memory would fill. */
export const MOST_WAITING = 50_000;
/** A version is a 32-bit integer; a stream of uses that comes near starts another. */
const MAX_VERSION = 2_000_000_000;
const RETRIED = new Set(['40001', '40P01']);
const NO_PARTITION = '23514';

/** One question, and everyone who has asked it since the last batch. */
interface Question {
  readonly id: string;
  readonly proof: string;
  readonly request: VerifyRequest;
  readonly firstAt: string;
  lastAt: string;
  readonly waiting: { readonly resolve: (reply: VerifyReply) => void; readonly reject: (error: unknown) => void }[];
}

/**
 * Verifies credentials. Verifications that arrive together share one statement, and so one commit; each is answered after
 * it. Batching waits for the database, never for a timer: a single verification on an idle service goes at once.
 */
@Injectable()
export class Verifier implements OnApplicationShutdown {
  private readonly logger = new Logger(Verifier.name);
  /** A pool of its own: no list or report keeps a verification waiting. Each of its statements is planned once. */
  private readonly pool: Pool;
  private readonly queue = new Map<string, Question>();
  /** All who have asked and are in no batch yet. */
  private waiting = 0;
  private scheduled = false;
  private underWay = 0;
  private uses = new UseStream(new Date());

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly store: EventStore,
    private readonly staticKeys: StaticKeys,
    private readonly peppers: Peppers,
  ) {
    this.pool = new Pool({
      ...boundedPool,
      connectionString: config.databaseUrl,
      max: MAX_UNDER_WAY,
      application_name: 'tokenlog-verifier',
      options: `-c role=${TOKENS_DATABASE.role} -c search_path=${TOKENS_DATABASE.schema} ${VERIFIER_SETTINGS}`,
    });
    this.pool.on('error', (error) => this.logger.warn(`idle connection lost: ${error.message}`));
  }

  /**
   * Decides one credential. An accepted one is a use, committed to the log before this resolves (S34).
   * @throws Problem 503 `overloaded` when too many wait already, `pepper-unknown` for what may be good under a key that is not here
   */
  verify(request: VerifyRequest): Promise<VerifyReply> {
    const presented = presentedBy(request);
    const proven = presented && this.staticKeys.owned(presented);
    if (!proven) {
      const hidden = presented ? this.staticKeys.hiddenPeppers : [];
      if (hidden.length > 0) return Promise.reject(this.peppers.missing(hidden));
      return Promise.resolve({ active: false, reason: 'malformed' });
    }
    if (this.waiting >= MOST_WAITING) return Promise.reject(overloaded());
    const { id, proof } = proven;
    const key = JSON.stringify([
      id,
      proof,
      request.scopes,
      request.roles,
      request.service,
      request.ip,
      request.username,
    ]);
    return new Promise((resolve, reject) => {
      const lastAt = new Date().toISOString();
      const question = this.queue.get(key) ?? { id, proof, request, firstAt: lastAt, lastAt, waiting: [] };
      question.lastAt = lastAt;
      question.waiting.push({ resolve, reject });
      this.waiting++;
      this.queue.set(key, question);
      this.schedule();
    });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.pool.end();
  }

  /** Everything that came with the same read of the socket joins the same batch. */
  private schedule(): void {
    if (this.scheduled || this.underWay >= MAX_UNDER_WAY) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      const batch = this.take();
      if (batch.length > 0) void this.run(batch);
    });
  }

  private take(): Question[] {
    const batch: Question[] = [];
    for (const [key, question] of this.queue) {
      if (batch.length === MAX_BATCH) break;
      batch.push(question);
      this.queue.delete(key);
      this.waiting -= question.waiting.length;
    }
    return batch;
  }

  private async run(batch: Question[]): Promise<void> {
    this.underWay++;
    try {
      const rows = await this.verifyBatch(batch);
      const refused = rows.filter(isNoted);
      for (const row of rows) if (row.reason === PEPPER_UNKNOWN) this.rejectUnproved(batch, row);
      for (const row of rows) if (row.reason !== PEPPER_UNKNOWN && !isNoted(row)) answer(batch, row);
      if (refused.length > 0) await this.noteRefusals(batch, refused);
      for (const row of refused) answer(batch, row);
      if (refused.length > 0 || rows.some(isUse)) this.store.appended();
      await this.rehash(batch, rows);
    } catch (error) {
      for (const { waiting } of batch) for (const { reject } of waiting) reject(error);
    } finally {
      this.underWay--;
      this.schedule();
    }
  }

  private rejectUnproved(batch: readonly Question[], { n, hiddenPeppers }: DecidedRow): void {
    const problem = this.peppers.missing(hiddenPeppers ?? []);
    for (const { reject } of batch[n]?.waiting ?? []) reject(problem);
  }

  private verifyBatch(batch: Question[]): Promise<DecidedRow[]> {
    const { policy } = this.config;
    return this.execute<DecidedRow>('verify-batch', VERIFY_BATCH, batch.length, [
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
    ]);
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

  /** Runs a statement that may append so many events to the stream of uses, whose place are its last parameters. */
  private async execute<Row extends object>(
    name: string,
    text: string,
    events: number,
    values: unknown[],
  ): Promise<Row[]> {
    for (let attempt = 1; ; attempt++) {
      const { stream, version, period } = this.uses.take(events);
      try {
        const { rows } = await this.pool.query<Row>({ name, text, values: [...values, stream, version, period] });
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
  take(events: number): { stream: string; version: number; period: string } {
    if (this.month !== monthOf(new Date()) || this.version > MAX_VERSION) {
      Object.assign(this, new UseStream(new Date()));
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

function overloaded(): Problem {
  return new Problem(503, 'overloaded', 'Too many verifications wait for the database; try again.', {
    headers: { 'Retry-After': '1' },
  });
}

function answer(batch: readonly Question[], row: DecidedRow): void {
  const reply = replyOf(row);
  for (const { resolve } of batch[row.n]?.waiting ?? []) resolve(reply);
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
