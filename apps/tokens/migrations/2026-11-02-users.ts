import { Migration } from '@mikro-orm/migrations';
import { TOKENS_DATABASE } from '../config/database-part.js';

const { role } = TOKENS_DATABASE;

/** What is known here of identity’s users. */
export class Users extends Migration {
  static override readonly name = '2026-11-02-users';

  override up(): void {
    this.addSql(`CREATE TABLE users (
        id uuid PRIMARY KEY,
        version integer NOT NULL,
        deleted boolean NOT NULL,
        username text NOT NULL,
        kind text NOT NULL,
        roles text[] NOT NULL,
        disabled boolean NOT NULL,
        has_password boolean NOT NULL,
        must_change_password boolean NOT NULL,
        has_logged_in boolean NOT NULL
      )`);
    this.addSql(`GRANT SELECT, INSERT, UPDATE ON users TO ${role}`);
  }
}
