import { Migration } from '@mikro-orm/migrations';
import { foldedSql } from '@tokenlog/event-store/folded.sql.js';

/** Users are found by their names as these are compared. */
export class FoldedUsernames extends Migration {
  static override readonly name = '2026-11-27-folded-usernames';

  override up(): void {
    this.addSql(`CREATE INDEX users_folded_username ON users (${foldedSql('username')})`);
  }
}
