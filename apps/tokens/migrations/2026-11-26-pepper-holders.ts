import { Migration } from '@mikro-orm/migrations';
import { TOKENS_DATABASE } from '../config/database-part.js';

const { role } = TOKENS_DATABASE;

/** Which services run, and which peppers they have. */
export class PepperHolders extends Migration {
  static override readonly name = '2026-11-26-pepper-holders';

  override up(): void {
    // The token services that run, and the names of the keys of the stored hashes that each of them has.
    this.addSql(`CREATE TABLE pepper_holders (
        instance uuid PRIMARY KEY,
        peppers text[] NOT NULL,
        renewed_at timestamptz NOT NULL
      )`);
    this.addSql(`GRANT SELECT, INSERT, UPDATE, DELETE ON pepper_holders TO ${role}`);
  }
}
