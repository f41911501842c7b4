import { Migration } from '@mikro-orm/migrations';
import { TOKENS_DATABASE } from '../config/database-part.js';

const { role } = TOKENS_DATABASE;

/** How long each replaced secret goes on working. */
export class SecretGraces extends Migration {
  static override readonly name = '2026-11-25-secret-graces';

  override up(): void {
    this.addSql(`CREATE TABLE secret_graces (
        token_id uuid NOT NULL,
        generation integer NOT NULL,
        ends_at timestamptz(3) NOT NULL,
        PRIMARY KEY (token_id, generation)
      )`);
    this.addSql(`GRANT SELECT, INSERT, UPDATE ON secret_graces TO ${role}`);
    // What the projection makes of the log so far, in which each new secret ended the grace of all but the one before it.
    this.addSql(`INSERT INTO secret_graces (token_id, generation, ends_at)
       SELECT entity, generation - 1, CASE WHEN is_last THEN ends_at ELSE '-infinity' END FROM (
         SELECT entity, (data->>'secretGeneration')::int AS generation, (data->>'gracePeriodEndsAt')::timestamptz AS ends_at,
           version = max(version) OVER (PARTITION BY stream) AS is_last
         FROM events WHERE stream IN (SELECT 'token-' || id FROM tokens WHERE secret_generation > 1)
           AND type IN ('token-refreshed', 'token-reassigned')
       ) AS replacements
       WHERE ends_at IS NOT NULL`);
    // They stay for a service of an earlier version that is still running, and nothing else reads or writes them.
    this.addSql('UPDATE tokens SET grace_generation = NULL, grace_ends_at = NULL WHERE grace_generation IS NOT NULL');
  }
}
