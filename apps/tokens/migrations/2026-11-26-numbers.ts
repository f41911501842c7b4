import { Migration } from '@mikro-orm/migrations';
import { numbersInLog } from '@tokenlog/event-store/log.sql.js';
import { TOKENS_DATABASE } from '../config/database-part.js';

const { role } = TOKENS_DATABASE;

/** A log that was restored into another cluster goes on behind what it has. */
export class Numbers extends Migration {
  static override readonly name = '2026-11-26-numbers';

  override up(): void {
    for (const statement of numbersInLog('tokens', role)) this.addSql(statement);
  }
}
