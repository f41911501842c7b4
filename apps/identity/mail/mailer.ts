import { Inject, Injectable } from '@nestjs/common';
import { createTransport } from 'nodemailer';
import { MAIL_SETTINGS, type MailSettings } from '../config/mail-settings.js';
import type { MailText } from './expiry-mail.js';

const CONNECT_MS = 10_000;
const SILENCE_MS = 20_000;
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];

/** The server took the mail, or said for good that it does not take it. */
export type SendOutcome = 'sent' | 'refused';

/** Sends plain mail by SMTP, one connection a mail: they are few. */
@Injectable()
export class Mailer {
  constructor(@Inject(MAIL_SETTINGS) private readonly settings: MailSettings | null) {}

  /**
   * Sends one mail to one address, dated `now`. `id` makes the Message-ID: a mail that is sent again is known for the same one.
   * @throws Error when it may go through at another time
   */
  async send(id: string, address: string, { subject, text }: MailText, now: Date): Promise<SendOutcome> {
    if (!this.settings) throw new Error('SMTP_URL is not set');
    const { from } = this.settings;
    const transport = createTransport(transportOptions(this.settings.smtpUrl));
    try {
      await transport.sendMail({
        messageId: `<${id}@${from.address.slice(from.address.lastIndexOf('@') + 1)}>`,
        from,
        // An object is taken as it is, where a text would be read as a list of addresses.
        to: { name: '', address },
        envelope: { from: from.address, to: [address] },
        date: now,
        subject,
        text,
        // RFC 3834: no out-of-office replies to this.
        headers: { 'Auto-Submitted': 'auto-generated' },
        disableFileAccess: true,
        disableUrlAccess: true,
      });
      return 'sent';
    } catch (error) {
      const { permanent, command } = error as { permanent?: boolean; command?: string };
      // Of the address or the text alone. A sender or a login that is refused can be put right, and is tried again.
      if (permanent && (command === 'RCPT TO' || command === 'DATA')) return 'refused';
      throw error;
    } finally {
      transport.close();
    }
  }
}

function transportOptions(smtpUrl: string) {
  const { hostname, username } = new URL(smtpUrl);
  return {
    url: smtpUrl,
    connectionTimeout: CONNECT_MS,
    greetingTimeout: CONNECT_MS,
    socketTimeout: SILENCE_MS,
    // A password is for TLS alone, unless it never leaves this machine.
    requireTLS: username !== '' && !LOOPBACK.includes(hostname),
  };
}
