import { Migration } from '@mikro-orm/migrations';
import { TOKENS_DATABASE } from '../config/database-part.js';

const { role } = TOKENS_DATABASE;

/** A static key is known again under every pepper. */
export class StaticKeyFingerprints extends Migration {
  static override readonly name = '2026-11-26-static-key-fingerprints';

  override up(): void {
    // Null: imported before this column, and not met since under a pepper that was known.
    this.addSql('ALTER TABLE static_keys ADD COLUMN fingerprint bytea');
    this.addSql('CREATE UNIQUE INDEX static_keys_fingerprint ON static_keys (fingerprint)');
    this.addSql(`GRANT UPDATE (fingerprint) ON static_keys TO ${role}`);
    // 122 random bits, made once.
    this.addSql('CREATE TABLE static_key_salt (salt bytea NOT NULL)');
    this.addSql('INSERT INTO static_key_salt VALUES (uuid_send(gen_random_uuid()))');
    this.addSql(`GRANT SELECT ON static_key_salt TO ${role}`);
  }
}
