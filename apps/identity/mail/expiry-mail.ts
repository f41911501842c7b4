import type { TokenExpiring } from '@tokenlog/contracts/tokens/token-expiring.js';

/** A mail's subject and plain text. */
export interface MailText {
  readonly subject: string;
  readonly text: string;
}

const SUBJECT_LENGTH = 60;
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]+/gu;

/** What a user is told of a token that ends soon: which, when, and what to do. Never anything of its secret. */
export function expiryMail(
  event: TokenExpiring,
  user: { readonly displayName: string | null },
  serverName: string,
): MailText {
  const description = oneLine(event.description);
  const server = oneLine(serverName);
  const ends = `${event.expiresAt.slice(0, 10)} ${event.expiresAt.slice(11, 16)} UTC`;
  return {
    subject: `Access token ends on ${event.expiresAt.slice(0, 10)}: ${cut(description)}`,
    text: [
      `Hello ${oneLine(user.displayName ?? '') || event.username},`,
      '',
      `your access token on ${server} ends soon. Then whatever uses it is refused.`,
      '',
      `  Token: ${description}`,
      `  Id:    ${event.tokenId}`,
      `  Ends:  ${ends}`,
      '',
      'If it is still needed, do one of these before then:',
      '',
      '- In the console, under your tokens: Refresh, and choose a later expiry.',
      '  The new secret is shown once; put it where the old one is. Or edit the',
      '  expiry alone: the secret stays as it is.',
      '- On the command line:',
      `  tokenlog tokens refresh ${event.tokenId} --expires 90d`,
      '- A program can renew its secret itself, but not how long it lasts.',
      '',
      'If it is not needed any more, there is nothing to do.',
      '',
      `So it was on ${event.at.slice(0, 10)}. If the token was changed since, this is out of date.`,
      '',
    ].join('\n'),
  };
}

/** A text that users chose, made unable to end a line, hide what it says or reverse it. */
export function oneLine(text: string): string {
  return text.replaceAll(UNPRINTABLE, ' ').replaceAll(/\s+/gu, ' ').trim();
}

function cut(text: string): string {
  const characters = [...text];
  return characters.length > SUBJECT_LENGTH ? `${characters.slice(0, SUBJECT_LENGTH - 1).join('')}…` : text;
}
