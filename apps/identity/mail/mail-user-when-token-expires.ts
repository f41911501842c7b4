import { Inject, Logger } from '@nestjs/common';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { TokenExpiring } from '@tokenlog/contracts/tokens/token-expiring.js';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { z } from 'zod';
import { MAIL_SETTINGS, type MailSettings } from '../config/mail-settings.js';
import { countMail } from '../login/login-metrics.js';
import { Users } from '../user/users.js';
import { expiryMail } from './expiry-mail.js';
import { Mailer } from './mailer.js';

/** What became of a warning. */
export type MailOutcome = 'mailed' | 'mailed-before' | 'expired' | 'nobody' | 'refused';

/** Tells a token's user that it ends soon (S41). Fails when the mail cannot be sent now. */
export class MailUserWhenTokenExpires extends Command<MailOutcome> {
  constructor(
    readonly event: TokenExpiring,
    readonly now: Date,
  ) {
    super();
  }
}

@CommandHandler(MailUserWhenTokenExpires)
export class MailUserWhenTokenExpiresHandler implements ICommandHandler<MailUserWhenTokenExpires> {
  private readonly logger = new Logger('Mail');

  constructor(
    private readonly users: Users,
    private readonly store: EventStore,
    private readonly mailer: Mailer,
    @Inject(MAIL_SETTINGS) private readonly settings: MailSettings | null,
  ) {}

  execute(command: MailUserWhenTokenExpires): Promise<MailOutcome> {
    return countMail(this.mail(command));
  }

  private async mail({ event, now }: MailUserWhenTokenExpires): Promise<MailOutcome> {
    // A warning that comes after the end, from a stream read anew or a mail server long away, helps nobody.
    if (new Date(event.expiresAt) < now) return 'expired';
    const sql = this.store.pool;
    const { rows } = await sql.query('SELECT FROM mailed_events WHERE event_id = $1', [event.id]);
    if (rows.length > 0) return 'mailed-before';
    const user = await this.users.find(event.userId);
    if (!user || user.disabled || !z.email().safeParse(user.email).success) return 'nobody';
    const mail = expiryMail(event, user, this.settings?.serverName ?? '');
    const outcome = await this.mailer.send(event.id, user.email as string, mail, now);
    if (outcome === 'refused') {
      // The address is personal data, which logs are not made to forget.
      this.logger.warn(`event ${event.id}: the mail server refuses the address of user ${user.id} for good`);
      return 'refused';
    }
    // After the mail, not before: whoever dies in between mails once more, and loses none.
    await sql.query('INSERT INTO mailed_events (event_id) VALUES ($1) ON CONFLICT DO NOTHING', [event.id]);
    return 'mailed';
  }
}
