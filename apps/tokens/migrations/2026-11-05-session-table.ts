import { Migration } from '@mikro-orm/migrations';
import { TOKENS_DATABASE } from '../config/database-part.js';

const { role } = TOKENS_DATABASE;

/** Sessions, those of tokens and those of passwords. */
export class SessionTable extends Migration {
  static override readonly name = '2026-11-05-session-table';

  override up(): void {
    this.addSql(`CREATE TABLE sessions (
        id uuid PRIMARY KEY,
        user_id uuid NOT NULL,
        token_id uuid,
        started_at timestamptz(3) NOT NULL,
        expires_at timestamptz(3) NOT NULL,
        ended_at timestamptz(3),
        ip text
      )`);
    this.addSql('CREATE INDEX sessions_user ON sessions (user_id) WHERE ended_at IS NULL');
    this.addSql('CREATE INDEX sessions_token ON sessions (token_id) WHERE ended_at IS NULL');
    this.addSql(`GRANT SELECT, INSERT, UPDATE ON sessions TO ${role}`);
  }
}
