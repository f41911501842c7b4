import { Migration } from '@mikro-orm/migrations';

/** Who a user is at the external login: the provider's issuer and its name for the person, both or neither. */
export class ExternalIdentities extends Migration {
  static override readonly name = '0002-external-identities';

  override up(): void {
    this.addSql('ALTER TABLE identity.users ADD external_issuer text, ADD external_subject text');
    this.addSql(`ALTER TABLE identity.users
      ADD CHECK ((external_issuer IS NULL) = (external_subject IS NULL)),
      ADD CHECK (kind = 'person' OR external_subject IS NULL)`);
    this.addSql(`CREATE UNIQUE INDEX users_external_identity ON identity.users (external_issuer, external_subject)
      WHERE external_subject IS NOT NULL`);
  }
}
