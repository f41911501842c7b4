import { Migration } from '@mikro-orm/migrations';
import { placesInLog } from '@tokenlog/event-store/log.sql.js';
import { streamPlaces } from '@tokenlog/platform/stream-reader.js';
import { TOKENS_DATABASE } from '../config/database-part.js';

const { role } = TOKENS_DATABASE;

/** Places in the log are snapshots, and both services’ logs say which history they are. */
export class Places extends Migration {
  static override readonly name = '2026-11-10-places';

  override up(): void {
    for (const statement of placesInLog('tokens', role)) this.addSql(statement);
    for (const statement of streamPlaces('tokens', role)) this.addSql(statement);
    // Which history of identity's log is known here; 0: identity has not been asked yet.
    this.addSql('CREATE TABLE identity_epoch (epoch bigint NOT NULL)');
    this.addSql('INSERT INTO identity_epoch VALUES (0)');
    this.addSql(`GRANT SELECT, UPDATE ON identity_epoch TO ${role}`);
    // Facts may be known before the event that has them is read; what follows from an event is done once all the same.
    this.addSql(`ALTER TABLE users ADD COLUMN epoch bigint NOT NULL DEFAULT 0,
        ADD COLUMN applied_epoch bigint NOT NULL DEFAULT 0,
        ADD COLUMN applied_version integer NOT NULL DEFAULT 0,
        ADD COLUMN applied_event uuid`);
    this.addSql('UPDATE users SET applied_version = version');
    // Of sessions that a password started: which version of the user it was. Null: from before this column.
    this.addSql('ALTER TABLE sessions ADD COLUMN user_epoch bigint, ADD COLUMN user_version integer');
  }
}
