import { Migration } from '@mikro-orm/migrations';

/**
 * Where each account has logged in, from now on and by the log; it goes with the user. And meters for entered passwords that
 * count by the database's clock, beside the counts that older versions keep in the same table.
 */
export class LoginAddresses extends Migration {
  static override readonly name = '0005-login-addresses';

  override up(): void {
    this.addSql(`CREATE TABLE identity.login_addresses (
      user_id uuid NOT NULL REFERENCES identity.users ON DELETE CASCADE,
      network text NOT NULL,
      last_at timestamptz(3) NOT NULL,
      PRIMARY KEY (user_id, network)
    )`);
    this.addSql('GRANT SELECT, INSERT, UPDATE, DELETE ON identity.login_addresses TO tokenlog_identity');
    // As `networkOf` spells it. What older versions took for an address may be any text.
    this.addSql(`INSERT INTO identity.login_addresses (user_id, network, last_at)
      SELECT user_id, CASE family(ip) WHEN 4 THEN host(ip) ELSE text(network(set_masklen(ip, 64))) END, max(at)
      FROM (
        SELECT entity AS user_id, recorded_at AS at,
          CASE WHEN pg_input_is_valid(data->>'ip', 'inet') THEN (data->>'ip')::inet END AS ip
        FROM identity.events WHERE type = 'user-logged-in'
      ) AS logins
      JOIN identity.users ON users.id = user_id
      WHERE ip IS NOT NULL
      GROUP BY 1, 2`);
    this.addSql(`ALTER TABLE identity.wrong_passwords
      ALTER points TYPE double precision,
      ADD since timestamptz(3) NOT NULL DEFAULT now()`);
    this.addSql('CREATE INDEX wrong_passwords_since ON identity.wrong_passwords (since)');
  }
}
