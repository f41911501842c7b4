import { Migration } from '@mikro-orm/migrations';
import { TOKENS_DATABASE } from '../config/database-part.js';

const { role } = TOKENS_DATABASE;

/** Answers to requests that may come again. */
export class KeptAnswers extends Migration {
  static override readonly name = '2026-11-30-kept-answers';

  override up(): void {
    // What was answered to requests with an `Idempotency-Key`, under names and keys that are made of that and not kept.
    this.addSql(`CREATE TABLE kept_answers (
        id bytea PRIMARY KEY,
        fingerprint bytea NOT NULL,
        pepper text NOT NULL,
        holder uuid,
        answer bytea,
        ends_at timestamptz NOT NULL
      )`);
    this.addSql('CREATE INDEX kept_answers_end ON kept_answers (ends_at)');
    this.addSql(`GRANT SELECT, INSERT, UPDATE, DELETE ON kept_answers TO ${role}`);
  }
}
