import { Migration } from '@mikro-orm/migrations';
import { TOKENS_DATABASE } from '../config/database-part.js';

const { role } = TOKENS_DATABASE;

/** Which threshold before its expiry each token was last warned of. */
export class Expiries extends Migration {
  static override readonly name = '2026-11-07-expiries';

  override up(): void {
    this.addSql(`CREATE TABLE expiries (
        token_id uuid PRIMARY KEY,
        expires_at timestamptz(3),
        set_at timestamptz(3) NOT NULL,
        warned_days integer
      )`);
    this.addSql('CREATE INDEX expiries_next ON expiries (expires_at)');
    this.addSql(`GRANT SELECT, INSERT, UPDATE ON expiries TO ${role}`);
    // What the projection would have made of the log so far: the event that set the expiry to what it is now.
    this.addSql(`INSERT INTO expiries (token_id, expires_at, set_at)
       SELECT DISTINCT ON (entity) entity, expires_at, recorded_at FROM (
         SELECT *, lag(expires_at) OVER (PARTITION BY stream ORDER BY version) AS before FROM (
           SELECT stream, version, type, entity, recorded_at, (data->>'expiresAt')::timestamptz AS expires_at
           FROM events WHERE type IN ('token-created', 'token-edited', 'token-refreshed')
         ) AS expiry_events
       ) AS changes
       WHERE type = 'token-created' OR expires_at IS DISTINCT FROM before
       ORDER BY entity, version DESC`);
  }
}
