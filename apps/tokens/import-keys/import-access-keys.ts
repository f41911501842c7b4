import { Inject } from '@nestjs/common';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { proofOf } from '@tokenlog/contracts/credential.js';
import { EventStore, type Work } from '@tokenlog/event-store/event-store.js';
import { foldedParameter, foldedSql } from '@tokenlog/event-store/folded.sql.js';
import { DatabaseClock } from '@tokenlog/platform/clock.js';
import { CONFIG, type Config } from '../config/config.js';
import type { AccessKey, RefusedLine } from '../secret/access-keys-file.js';
import { fingerprintsOf } from '../secret/key-fingerprints.js';
import { Peppers } from '../secret/peppers.js';
import { keyedHash } from '../secret/secrets.js';
import { StaticKeys } from '../secret/static-keys.js';
import { Token } from '../token/token.js';

/** What an import came to. */
export interface ImportReport {
  readonly imported: number;
  /** Imported before. */
  readonly known: number;
  readonly refused: readonly RefusedLine[];
}

/** Makes a token of each key of a file (S37), once, in one transaction. The table shows `<system>` as who created it. */
export class ImportAccessKeys extends Command<ImportReport> {
  constructor(readonly keys: readonly AccessKey[]) {
    super();
  }
}

/** Such a line could make a key alive that somebody has revoked. */
const CANNOT_BE_TOLD =
  'it cannot be told from keys that were imported before under another TOKEN_PEPPER: start once with that one in TOKEN_PEPPERS_RETIRED';

type ProvedKey = AccessKey & { readonly proof: string };

/** A key with its fingerprint; null: what is known of it has one. */
type Candidate = ProvedKey & { readonly fingerprint: Buffer | null };

@CommandHandler(ImportAccessKeys)
export class ImportAccessKeysHandler implements ICommandHandler<ImportAccessKeys> {
  constructor(
    private readonly store: EventStore,
    private readonly staticKeys: StaticKeys,
    private readonly clock: DatabaseClock,
    private readonly peppers: Peppers,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async execute({ keys }: ImportAccessKeys): Promise<ImportReport> {
    const candidates = await this.fingerprint(keys.map((key) => ({ ...key, proof: proofOf(key.key) })));
    const report = await this.store.transact(async (work) => {
      // Replicas start together, and read the same file.
      await work.sql.query(`SELECT pg_advisory_xact_lock(hashtextextended('import-access-keys', 0))`);
      const refused: RefusedLine[] = [];
      let [imported, known] = [0, 0];
      const untold = await this.someCannotBeTold(work);
      for (const key of candidates) {
        const owner = await findOwner(work, key.username);
        if (await this.isKnown(work, key)) known++;
        else if (untold) refused.push({ line: key.line, reason: CANNOT_BE_TOLD });
        else if (!owner) refused.push({ line: key.line, reason: 'there is no such user' });
        else {
          await this.importKey(work, key, owner);
          imported++;
        }
      }
      return { imported, known, refused };
    });
    await this.staticKeys.reload();
    return report;
  }

  /** Adds the fingerprints of those that need one: outside the transaction, since each takes its time. */
  private async fingerprint(keys: readonly ProvedKey[]): Promise<Candidate[]> {
    const { rows } = await this.store.pool.query<{ hash: Buffer }>(
      'SELECT hash FROM static_keys JOIN secrets ON owner = token_id WHERE generation = 1 AND fingerprint IS NOT NULL',
    );
    const remembered = new Set(rows.map(({ hash }) => hash.toString('base64')));
    const isRemembered = ({ proof }: ProvedKey) =>
      this.hashesOf(proof).some((hash) => remembered.has(hash.toString('base64')));
    const missing = keys.filter((key) => !isRemembered(key)).map(({ proof }) => proof);
    const fingerprints = await fingerprintsOf(this.store.pool, missing);
    return keys.map((key) => ({ ...key, fingerprint: fingerprints.get(key.proof) ?? null }));
  }

  /**
   * Whether it was imported before, whatever has become of it since: by its hash, or by its fingerprint, where its pepper is gone.
   * What was found by the one is made to be found by the other from now on.
   */
  private async isKnown(work: Work, { proof, fingerprint }: Candidate): Promise<boolean> {
    const { rows } = await work.sql.query<{ tokenId: string; pepper: string; isRemembered: boolean }>(
      `SELECT token_id AS "tokenId", pepper, fingerprint IS NOT NULL AS "isRemembered"
       FROM static_keys JOIN secrets ON owner = token_id AND generation = 1
       WHERE hash = ANY($1) OR fingerprint = $2`,
      [this.hashesOf(proof), fingerprint],
    );
    const [known] = rows;
    if (!known) return false;
    if (!known.isRemembered && fingerprint) {
      await work.sql.query('UPDATE static_keys SET fingerprint = $2 WHERE token_id = $1', [known.tokenId, fingerprint]);
    }
    if (!this.peppers.ids.includes(known.pepper)) {
      const { current } = this.peppers;
      await work.sql.query('UPDATE secrets SET hash = $2, pepper = $3 WHERE owner = $1 AND generation = 1', [
        known.tokenId,
        keyedHash(current, proof),
        current.id,
      ]);
    }
    return true;
  }

  /** Whether a key that looks new may be one that was imported before there were fingerprints, under a pepper that is gone. */
  private async someCannotBeTold(work: Work): Promise<boolean> {
    const { rows } = await work.sql.query(
      `SELECT FROM static_keys JOIN secrets ON owner = token_id AND generation = 1
       WHERE fingerprint IS NULL AND pepper <> ALL($1) LIMIT 1`,
      [this.peppers.ids],
    );
    return rows.length > 0;
  }

  private hashesOf(proof: string): Buffer[] {
    return this.peppers.all.map((pepper) => keyedHash(pepper, proof));
  }

  private async importKey(work: Work, { proof, line, fingerprint }: Candidate, owner: Owner): Promise<void> {
    const tokenId = this.clock.newId();
    const { current } = this.peppers;
    await work.load(Token, tokenId);
    const data = {
      userId: owner.id,
      username: owner.username,
      description: `access key, line ${line} of the imported file`,
      scopes: [...this.config.accessKeyScopes],
      expiresAt: null,
      secretGeneration: 1,
    };
    work.append(Token, tokenId, [{ type: 'token-created', data }], { by: { kind: 'system' } });
    await work.sql.query('INSERT INTO static_keys (token_id, fingerprint) VALUES ($1, $2)', [tokenId, fingerprint]);
    await work.sql.query('INSERT INTO secrets (owner, generation, hash, pepper) VALUES ($1, 1, $2, $3)', [
      tokenId,
      keyedHash(current, proof),
      current.id,
    ]);
  }
}

interface Owner {
  readonly id: string;
  readonly username: string;
}

async function findOwner(work: Work, username: string): Promise<Owner | undefined> {
  const { rows } = await work.sql.query<Owner>(
    `SELECT id, username FROM users WHERE ${foldedSql('username')} = ${foldedParameter('$1')} AND NOT deleted FOR SHARE`,
    [username],
  );
  return rows[0];
}
