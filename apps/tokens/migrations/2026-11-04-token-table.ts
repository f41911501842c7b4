import { Migration } from '@mikro-orm/migrations';
import { TOKENS_DATABASE } from '../config/database-part.js';

const { role } = TOKENS_DATABASE;

/** The admin table, the counts of uses, and which refusals stand in the log. */
export class TokenTable extends Migration {
  static override readonly name = '2026-11-04-token-table';

  override up(): void {
    this.addSql(`CREATE TABLE tokens (
        id uuid PRIMARY KEY,
        user_id uuid NOT NULL,
        description text NOT NULL,
        scopes text[] NOT NULL,
        status text NOT NULL,
        expires_at timestamptz(3),
        secret_generation integer NOT NULL,
        grace_generation integer,
        grace_ends_at timestamptz(3),
        created_at timestamptz(3) NOT NULL,
        created_by text NOT NULL,
        updated_at timestamptz(3) NOT NULL,
        updated_by text NOT NULL
      )`);
    this.addSql('CREATE INDEX tokens_user ON tokens (user_id)');
    this.addSql('CREATE INDEX tokens_created ON tokens (created_at, id)');
    // The counts change with every use; beside the table, not in it, so that a use never waits for a change of the token.
    this.addSql(`CREATE TABLE token_usage (
        token_id uuid PRIMARY KEY,
        use_count bigint NOT NULL,
        last_used_at timestamptz(3) NOT NULL
      ) WITH (fillfactor = 70)`);
    this.addSql(`CREATE TABLE token_refusals (
        token_id uuid NOT NULL,
        reason text NOT NULL,
        recorded_at timestamptz(3) NOT NULL,
        PRIMARY KEY (token_id, reason)
      )`);
    this.addSql(`GRANT SELECT, INSERT, UPDATE ON tokens, token_usage, token_refusals TO ${role}`);
  }
}
