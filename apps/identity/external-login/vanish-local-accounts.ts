import { type EntityManager, LockMode } from '@mikro-orm/postgresql';
import { Inject, Logger } from '@nestjs/common';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { EXTERNAL_LOGIN, type ExternalLoginSettings } from '../config/external-login-settings.js';
import { eraseUser } from '../user/delete-user.js';
import { User } from '../user/user.entity.js';
import { lockAdmins, Users } from '../user/users.js';

/**
 * Erases the people whom the provider does not know, as a deletion does (S17, S30). Local admins stay, as the way in, until
 * an enabled admin has logged in through the provider. Applications stay. A second time finds nothing left to do.
 */
export class VanishLocalAccounts extends Command<{ vanished: number; kept: number }> {}

@CommandHandler(VanishLocalAccounts)
export class VanishLocalAccountsHandler implements ICommandHandler<VanishLocalAccounts> {
  private readonly logger = new Logger(VanishLocalAccounts.name);

  constructor(
    private readonly users: Users,
    @Inject(EXTERNAL_LOGIN) private readonly settings: ExternalLoginSettings | null,
  ) {}

  async execute() {
    const local = await this.users.transact((em) => em.find(User, { kind: 'person', externalSubject: null }));
    const count = { vanished: 0, kept: 0 };
    for (const { id } of local) {
      const outcome = await this.users.transact((em) => this.vanish(em, id));
      if (outcome) count[outcome]++;
    }
    this.logger.log(`LOCAL_ACCOUNTS=vanish: ${count.vanished} local accounts erased, ${count.kept} local admins kept`);
    return count;
  }

  /** One transaction each: whoever logs in or changes a user meanwhile waits for that user alone. */
  private async vanish(em: EntityManager, id: string): Promise<'vanished' | 'kept' | null> {
    await lockAdmins(em);
    const user = await em.findOne(User, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE });
    // Another instance was faster, or the account has become the provider's.
    if (!user || user.externalSubject !== null) return null;
    if (user.roles.includes('admin') && !(await this.hasExternalAdmin(em))) return 'kept';
    await eraseUser(em, user, { by: { kind: 'system' } });
    return 'vanished';
  }

  private async hasExternalAdmin(em: EntityManager): Promise<boolean> {
    const admins = await em.count(User, {
      externalIssuer: this.settings?.issuer.href ?? null,
      externalSubject: { $ne: null },
      // An account that was linked and never used proves no way in.
      lastLoginAt: { $ne: null },
      disabled: false,
      roles: { $contains: ['admin'] },
    });
    return admins > 0;
  }
}
