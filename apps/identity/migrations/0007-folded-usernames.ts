import { Migration } from '@mikro-orm/migrations';
import { foldedSql } from '@tokenlog/event-store/folded.sql.js';

const folded = foldedSql('username');

/** Account names are unique as they are compared, whatever the database's locale makes of upper and lower case. */
export class FoldedUsernames extends Migration {
  static override readonly name = '0007-folded-usernames';

  override up(): void {
    // Only under a locale in which I and i are two letters could both have been registered.
    this.addSql(`DO $$ DECLARE twice text; BEGIN
      SELECT string_agg(username, ' and ' ORDER BY username) INTO twice
        FROM identity.users GROUP BY ${folded} HAVING count(*) > 1 LIMIT 1;
      IF twice IS NOT NULL THEN
        RAISE EXCEPTION 'the account names % count as the same from this version on: delete all but one with the version before it', twice;
      END IF;
    END $$`);
    this.addSql(`CREATE UNIQUE INDEX users_folded_username ON identity.users (${folded})`);
    this.addSql('DROP INDEX identity.users_username');
  }
}
