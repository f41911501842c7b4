import { Inject } from '@nestjs/common';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { proofOf } from '@tokenlog/contracts/credential.js';
import { EventStore, type Work } from '@tokenlog/event-store/event-store.js';
import { foldedParameter, foldedSql } from '@tokenlog/event-store/folded.sql.js';
import { v7 } from 'uuid';
import type { AccessKey, RefusedLine } from './access-keys-file.js';
import { CONFIG, type Config } from './config.js';
import { keyedHash } from './secrets.js';
import { StaticKeys } from './static-keys.js';
import { Token } from './token.js';

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

@CommandHandler(ImportAccessKeys)
export class ImportAccessKeysHandler implements ICommandHandler<ImportAccessKeys> {
  constructor(
    private readonly store: EventStore,
    private readonly staticKeys: StaticKeys,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async execute({ keys }: ImportAccessKeys): Promise<ImportReport> {
    const report = await this.store.transact(async (work) => {
      // Replicas start together, and read the same file.
      await work.sql.query(`SELECT pg_advisory_xact_lock(hashtextextended('import-access-keys', 0))`);
      const refused: RefusedLine[] = [];
      let [imported, known] = [0, 0];
      for (const key of keys) {
        const owner = await findOwner(work, key.username);
        if (await this.isKnown(work, key)) known++;
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

  private async isKnown(work: Work, { key }: AccessKey): Promise<boolean> {
    const hashes = this.config.peppers.map((pepper) => keyedHash(pepper, proofOf(key)));
    const { rows } = await work.sql.query(
      'SELECT 1 FROM static_keys JOIN secrets ON owner = token_id WHERE generation = 1 AND hash = ANY($1)',
      [hashes],
    );
    return rows.length > 0;
  }

  private async importKey(work: Work, { key, line }: AccessKey, owner: Owner): Promise<void> {
    const tokenId = v7();
    const [pepper] = this.config.peppers;
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
    await work.sql.query('INSERT INTO static_keys (token_id) VALUES ($1)', [tokenId]);
    await work.sql.query('INSERT INTO secrets (owner, generation, hash, pepper) VALUES ($1, 1, $2, $3)', [
      tokenId,
      keyedHash(pepper, proofOf(key)),
      pepper.id,
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
