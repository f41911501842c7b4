import { Migration } from '@mikro-orm/migrations';
import { TOKENS_DATABASE } from '../config/database-part.js';

const { role } = TOKENS_DATABASE;

/** Guards with a name: what they were told, and how they stand. */
export class GuardNames extends Migration {
  static override readonly name = '2026-11-26-guard-names';

  override up(): void {
    // Null: of a guard that shares its NATS user.
    this.addSql('ALTER TABLE guard_leases ADD COLUMN name text');
    // It has shown that it acknowledges; asked for where another one of its name did not.
    this.addSql('ALTER TABLE guard_leases ADD COLUMN proven boolean NOT NULL DEFAULT false');
    // Of a name, or of all guards that have none ('').
    this.addSql(`CREATE TABLE guard_standing (
        name text PRIMARY KEY,
        faults integer NOT NULL,
        barred_until timestamptz NOT NULL
      )`);
    // Which tokens a guard with a name was told are good: it reports uses of no others.
    this.addSql(`CREATE TABLE guard_answers (
        name text NOT NULL,
        token_id uuid NOT NULL,
        first_at timestamptz NOT NULL,
        last_at timestamptz NOT NULL,
        PRIMARY KEY (name, token_id)
      )`);
    this.addSql(`GRANT SELECT, INSERT, UPDATE, DELETE ON guard_standing, guard_answers TO ${role}`);
  }
}
