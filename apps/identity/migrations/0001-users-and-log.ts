import { Migration } from '@mikro-orm/migrations';
import { createLog } from '@tokenlog/event-store/log.sql.js';

/** The users, the log of what happened to them, and the counts of wrong passwords. */
export class UsersAndLog extends Migration {
  static override readonly name = '0001-users-and-log';

  override up(): void {
    for (const statement of createLog('identity', 'tokenlog_identity')) this.addSql(statement);
    this.addSql(`CREATE TABLE identity.users (
      id uuid PRIMARY KEY,
      kind text NOT NULL CHECK (kind IN ('person', 'application')),
      username text NOT NULL,
      password_hash text,
      must_change_password boolean NOT NULL,
      roles text[] NOT NULL,
      organization text,
      display_name text,
      email text,
      phone text,
      disabled boolean NOT NULL,
      last_login_at timestamptz(3),
      created_at timestamptz(3) NOT NULL,
      version integer NOT NULL CHECK (version > 0),
      CHECK (kind = 'person' OR password_hash IS NULL)
    )`);
    this.addSql('CREATE UNIQUE INDEX users_username ON identity.users (lower(username))');
    this.addSql('GRANT SELECT, INSERT, UPDATE, DELETE ON identity.users TO tokenlog_identity');
    // The layout is that of rate-limiter-flexible.
    this.addSql(`CREATE TABLE identity.wrong_passwords (
      key varchar(255) PRIMARY KEY,
      points integer NOT NULL DEFAULT 0,
      expire bigint
    )`);
    this.addSql('GRANT SELECT, INSERT, UPDATE, DELETE ON identity.wrong_passwords TO tokenlog_identity');
  }
}
