import { Migration } from '@mikro-orm/migrations';

/** The events that were mailed: one that comes again is not mailed again. */
export class MailedEvents extends Migration {
  static override readonly name = '0003-mailed-events';

  override up(): void {
    this.addSql(`CREATE TABLE identity.mailed_events (
      event_id uuid PRIMARY KEY,
      mailed_at timestamptz(3) NOT NULL DEFAULT now()
    )`);
    this.addSql('GRANT SELECT, INSERT ON identity.mailed_events TO tokenlog_identity');
  }
}
