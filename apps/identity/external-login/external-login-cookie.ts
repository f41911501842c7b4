import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import type { DatabaseClock } from '@tokenlog/platform/clock.js';
import { parseCookie } from 'cookie';
import type { Request, Response } from 'express';
import { z } from 'zod';
import type { ExternalLoginSettings } from '../config/external-login-settings.js';

export const LOGIN_COOKIE = 'external-login';
/** How long somebody may take at the provider. */
export const LOGIN_MS = 10 * 60_000;
const CIPHER = 'aes-256-gcm';
const IV_BYTES = 12;
const TAG_BYTES = 16;

const started = z.object({
  state: z.string(),
  nonce: z.string(),
  code_verifier: z.string(),
  next: z.string(),
  expires: z.number(),
});

/** What is kept of a login between its start and its callback, with the field names of the client library. */
export type StartedLogin = Omit<z.infer<typeof started>, 'expires'>;

/**
 * Keeps a started login in the browser that started it, and nowhere else: any instance can finish it, and nobody can finish
 * it in another browser. It is sealed (AES-256-GCM, a key derived from the client secret), so that what comes back is what
 * was sent, and no script or log reads the PKCE verifier.
 */
export class ExternalLoginCookie {
  private readonly key: Buffer;
  private readonly attributes;

  /** @param clock all instances share: one may write what another reads */
  constructor(
    { clientSecret, redirectUrl }: Pick<ExternalLoginSettings, 'clientSecret' | 'redirectUrl'>,
    private readonly clock: Pick<DatabaseClock, 'nowMs'>,
  ) {
    this.key = Buffer.from(hkdfSync('sha256', clientSecret, '', 'tokenlog external login cookie', 32));
    this.attributes = {
      httpOnly: true,
      // The provider sends the browser back from another site: a strict cookie would stay behind.
      sameSite: 'lax',
      secure: redirectUrl.protocol === 'https:',
      path: redirectUrl.pathname.replace(/\/callback$/, ''),
    } as const;
  }

  /** Hands it to the browser; a login that was started there before is forgotten. */
  write(response: Response, login: StartedLogin, now = this.clock.nowMs()): void {
    const sealed = this.seal(JSON.stringify({ ...login, expires: now + LOGIN_MS }));
    response.cookie(LOGIN_COOKIE, sealed, { ...this.attributes, maxAge: LOGIN_MS });
  }

  /** What the browser was given; null when it has none, or one that is not whole, not ours or too old. */
  read(request: Request, now = this.clock.nowMs()): StartedLogin | null {
    const sealed = parseCookie(request.headers.cookie ?? '')[LOGIN_COOKIE];
    const login = sealed === undefined ? null : this.open(sealed);
    return login && login.expires > now ? login : null;
  }

  clear(response: Response): void {
    response.clearCookie(LOGIN_COOKIE, this.attributes);
  }

  private seal(text: string): string {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv(CIPHER, this.key, iv);
    return Buffer.concat([iv, cipher.update(text), cipher.final(), cipher.getAuthTag()]).toString('base64url');
  }

  private open(sealed: string): z.infer<typeof started> | null {
    try {
      const bytes = Buffer.from(sealed, 'base64url');
      const decipher = createDecipheriv(CIPHER, this.key, bytes.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES });
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
      const text = Buffer.concat([decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()]);
      return started.parse(JSON.parse(text.toString()));
    } catch {
      // Changed, cut short, or sealed with another secret.
      return null;
    }
  }
}
