import { Migration } from '@mikro-orm/migrations';
import { numbersInLog } from '@tokenlog/event-store/log.sql.js';

/** A log that was restored into another cluster goes on behind what it has. */
export class Numbers extends Migration {
  static override readonly name = '0006-numbers';

  override up(): void {
    for (const statement of numbersInLog('identity', 'tokenlog_identity')) this.addSql(statement);
  }
}
