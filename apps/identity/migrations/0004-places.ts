import { Migration } from '@mikro-orm/migrations';
import { placesInLog } from '@tokenlog/event-store/log.sql.js';

/** Places in the log are snapshots, and the log says which history it is. */
export class Places extends Migration {
  static override readonly name = '0004-places';

  override up(): void {
    for (const statement of placesInLog('identity', 'tokenlog_identity')) this.addSql(statement);
  }
}
