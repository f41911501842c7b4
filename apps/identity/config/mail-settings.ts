import { ConfigError } from '@tokenlog/platform/config.js';
import { z } from 'zod';

/** Injection token of `MailSettings | null`. */
export const MAIL_SETTINGS = Symbol('MAIL_SETTINGS');

/** By which server mail goes out, and whom it is from. */
export interface MailSettings {
  readonly smtpUrl: string;
  readonly from: { readonly name: string; readonly address: string };
  /** This deployment's name, for mails to say where they come from. */
  readonly serverName: string;
}

const SENDER = /^(?:(?<name>[^<>"\p{Cc}]*)<(?<bracketed>[^<>\s]+)>|(?<bare>[^<>\s]+))$/u;

/** The variables of mail: both or neither. */
export const mailVariables = {
  SMTP_URL: z
    .url({
      protocol: /^smtps?$/,
      error: 'must be smtp://host:port or smtps://host:port, with user:password@ if need be',
    })
    .refine((text) => URL.parse(text)?.hostname, 'has no host')
    .optional(),
  MAIL_FROM: z
    .string()
    .transform((text) => {
      const { name = '', bracketed, bare } = SENDER.exec(text.trim())?.groups ?? {};
      return { name: name.trim(), address: bracketed ?? bare ?? '' };
    })
    .refine(({ address }) => z.email().safeParse(address).success, {
      error: 'must be an address, as in tokens@example.org or Tokenlog <tokens@example.org>',
    })
    .optional(),
};

/**
 * The mail settings that the variables describe, or null where they describe none.
 * @throws ConfigError naming the one that is missing beside the other
 */
export function mailSettingsOf(
  variables: z.infer<z.ZodObject<typeof mailVariables>> & { readonly SERVER_NAME: string },
): MailSettings | null {
  const { SMTP_URL: smtpUrl, MAIL_FROM: from, SERVER_NAME: serverName } = variables;
  if (smtpUrl && !from) throw new ConfigError('MAIL_FROM is not set: SMTP_URL needs to know whom mail is from');
  if (from && !smtpUrl) throw new ConfigError('SMTP_URL is not set: MAIL_FROM is of no use without it');
  return smtpUrl && from ? { smtpUrl, from, serverName } : null;
}
