import { Migration } from '@mikro-orm/migrations';

/** Which secret of a token started a session. */
export class SessionsOfSecrets extends Migration {
  static override readonly name = '2026-11-09-sessions-of-secrets';

  override up(): void {
    // Null: of a password, or from before this column; then any secret of the token will do.
    this.addSql('ALTER TABLE sessions ADD COLUMN secret_generation integer');
  }
}
