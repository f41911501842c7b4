import { randomUUID } from 'node:crypto';
import { Inject, Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { parseCredential, proofOf } from '@tokenlog/contracts/credential.js';
import type { RefusalReason, VerifyReply, VerifyRequest } from '@tokenlog/contracts/tokens/verify.js';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { Pool } from 'pg';
import { CONFIG, type Config } from './config.js';
import { TOKENS_DATABASE } from './migrations.js';
import { keyedHash } from './secrets.js';
import { StaticKeys } from './static-keys.js';
import { type DecidedRow, VERIFY_BATCH } from './verification.sql.js';

/** The largest batch that one statement takes; what waits beyond it goes with the next. */
const MAX_BATCH = 512;
/** Batches under way at once: while the database works on one, the next is hashed and sent. */
const MAX_UNDER_WAY = 2;
/** A version is a 32-bit integer; a stream of uses that comes near starts another. */
const MAX_VERSION = 2_000_000_000;
/** The one plan is kept: made while the tables were small, it must not scan them when they have grown. */
const BY_KEYS = '-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off';
const RETRIED = new Set(['40001', '40P01']);
const NO_PARTITION = '23514';

interface Waiting {
  readonly id: string;
  readonly proof: string;
  readonly request: VerifyRequest;
  readonly arrivedAt: string;
  readonly resolve: (reply: VerifyReply) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Verifies credentials. Verifications that arrive together share one statement, and so one commit; each is answered after
 * it. Batching waits for the database, never for a timer: a single verification on an idle service goes at once.
 */
@Injectable()
export class Verifier implements OnApplicationShutdown {
  private readonly logger = new Logger(Verifier.name);
  /** A pool of its own: no list or report keeps a verification waiting. Its one statement is planned once. */
  private readonly pool: Pool;
  private queue: Waiting[] = [];
  private scheduled = false;
  private underWay = 0;
  private uses = new UseStream(new Date());

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly store: EventStore,
    private readonly staticKeys: StaticKeys,
  ) {
    this.pool = new Pool({
      connectionString: config.databaseUrl,
      max: MAX_UNDER_WAY,
      application_name: 'tokenlog-verifier',
      options: `-c role=${TOKENS_DATABASE.role} -c search_path=${TOKENS_DATABASE.schema} -c plan_cache_mode=force_generic_plan ${BY_KEYS}`,
    });
    this.pool.on('error', (error) => this.logger.warn(`idle connection lost: ${error.message}`));
  }

  /** Decides one credential. An accepted one is a use, committed to the log before this resolves (S34). */
  verify(request: VerifyRequest): Promise<VerifyReply> {
    const proven = this.provenBy(request);
    if (!proven) return Promise.resolve({ active: false, reason: 'malformed' });
    return new Promise((resolve, reject) => {
      this.queue.push({ ...proven, request, arrivedAt: new Date().toISOString(), resolve, reject });
      this.schedule();
    });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.pool.end();
  }

  /** What a request proves, or `null` for what is no credential: no I/O. */
  private provenBy(request: VerifyRequest): { id: string; proof: string } | null {
    if ('id' in request) return request;
    if ('credential' in request) {
      const credential = parseCredential(request.credential);
      if (credential) return { id: credential.id, proof: proofOf(credential.secret) };
    }
    const proof = 'proof' in request ? request.proof : proofOf(request.credential);
    const id = this.staticKeys.idOf(proof);
    return id === null ? null : { id, proof };
  }

  /** Everything that came with the same read of the socket joins the same batch. */
  private schedule(): void {
    if (this.scheduled || this.underWay >= MAX_UNDER_WAY) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      if (this.queue.length > 0) void this.run(this.queue.splice(0, MAX_BATCH));
    });
  }

  private async run(batch: Waiting[]): Promise<void> {
    this.underWay++;
    try {
      const rows = await this.execute(batch);
      for (const row of rows) batch[row.n]?.resolve(replyOf(row));
      if (rows.some(({ reason }) => reason !== 'unknown')) this.store.appended();
      await this.rehash(batch, rows);
    } catch (error) {
      for (const waiting of batch) waiting.reject(error);
    } finally {
      this.underWay--;
      this.schedule();
    }
  }

  private async execute(batch: Waiting[]): Promise<DecidedRow[]> {
    const { peppers, policy } = this.config;
    for (let attempt = 1; ; attempt++) {
      const uses = this.uses.take(batch.length * 2);
      try {
        const { rows } = await this.pool.query<DecidedRow>({
          name: 'verify-batch',
          text: VERIFY_BATCH,
          values: [
            batch.map((_, n) => n),
            batch.map(({ id }) => id),
            batch.map(({ request }) => request.scopes?.join(',') ?? null),
            batch.map(({ request }) => request.service ?? null),
            batch.map(({ request }) => request.ip ?? null),
            batch.map(({ arrivedAt }) => arrivedAt),
            batch.map(({ proof }) => Buffer.concat(peppers.map((pepper) => keyedHash(pepper, proof)))),
            batch.map(({ request }) => request.username ?? null),
            policy.ownerRoles,
            policy.allowAdminTokens,
            policy.scopes,
            uses.stream,
            uses.version,
            uses.period,
          ],
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

  /** Moves secrets that were proved under a retired pepper to the current one. */
  private async rehash(batch: Waiting[], rows: DecidedRow[]): Promise<void> {
    const [current] = this.config.peppers;
    const old = rows.filter((row) => row.reason === null && row.pepper !== current.id);
    if (old.length === 0) return;
    const owners = old.map(({ n }) => batch[n] as Waiting);
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

function replyOf(row: DecidedRow): VerifyReply {
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
