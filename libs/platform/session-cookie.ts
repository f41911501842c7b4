import type { Request, Response } from 'express';

/** The name of the cookie that carries a session's credential. */
export const SESSION_COOKIE = 'session';

/**
 * Hands a session's credential to a browser: out of reach of scripts, never sent by another site, over TLS only where there
 * is TLS. `lax`: sent with a link from another site too, for a session that begins with one.
 */
export function setSessionCookie(
  request: Request,
  response: Response,
  credential: string,
  expires: Date,
  sameSite: 'strict' | 'lax' = 'strict',
): void {
  response.cookie(SESSION_COOKIE, credential, { ...attributes(request), sameSite, expires });
}

/** Takes it back. */
export function clearSessionCookie(request: Request, response: Response): void {
  response.clearCookie(SESSION_COOKIE, attributes(request));
}

function attributes(request: Request) {
  return { httpOnly: true, sameSite: 'strict', secure: request.secure, path: '/' } as const;
}
