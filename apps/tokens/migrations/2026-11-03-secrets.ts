import { Migration } from '@mikro-orm/migrations';
import { TOKENS_DATABASE } from '../config/database-part.js';

const { role } = TOKENS_DATABASE;

/** The hashes of the secrets of tokens and sessions, and under which pepper each stands. */
export class Secrets extends Migration {
  static override readonly name = '2026-11-03-secrets';

  override up(): void {
    this.addSql(`CREATE TABLE secrets (
        owner uuid NOT NULL,
        generation integer NOT NULL,
        hash bytea NOT NULL,
        pepper text NOT NULL,
        PRIMARY KEY (owner, generation)
      )`);
    this.addSql(`GRANT SELECT, INSERT, UPDATE ON secrets TO ${role}`);
  }
}
