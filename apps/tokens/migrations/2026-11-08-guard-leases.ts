import { Migration } from '@mikro-orm/migrations';
import { TOKENS_DATABASE } from '../config/database-part.js';

const { role } = TOKENS_DATABASE;

/** Which guards keep answers, and how long. */
export class GuardLeases extends Migration {
  static override readonly name = '2026-11-08-guard-leases';

  override up(): void {
    this.addSql(`CREATE TABLE guard_leases (
        guard uuid PRIMARY KEY,
        service text NOT NULL,
        version text NOT NULL,
        entries integer NOT NULL,
        hits bigint NOT NULL,
        misses bigint NOT NULL,
        expires_at timestamptz NOT NULL,
        fenced boolean NOT NULL DEFAULT false
      )`);
    this.addSql(`GRANT SELECT, INSERT, UPDATE, DELETE ON guard_leases TO ${role}`);
  }
}
