import { Migration } from '@mikro-orm/migrations';
import { createLog } from '@tokenlog/event-store/log.sql.js';
import { TOKENS_DATABASE } from '../config/database-part.js';

const { role } = TOKENS_DATABASE;

/** The log of what happened to tokens and sessions. */
export class Log extends Migration {
  static override readonly name = '2026-11-01-log';

  override up(): void {
    for (const statement of createLog('tokens', role)) this.addSql(statement);
  }
}
