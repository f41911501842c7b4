import { Migration } from '@mikro-orm/migrations';
import { TOKENS_DATABASE } from '../config/database-part.js';

const { role } = TOKENS_DATABASE;

/** Which tokens have a key that somebody chose. */
export class StaticKeys extends Migration {
  static override readonly name = '2026-11-06-static-keys';

  override up(): void {
    this.addSql('CREATE TABLE static_keys (token_id uuid PRIMARY KEY)');
    this.addSql(`GRANT SELECT, INSERT ON static_keys TO ${role}`);
  }
}
