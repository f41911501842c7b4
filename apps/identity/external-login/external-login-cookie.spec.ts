import type { Request, Response } from 'express';
import { ExternalLoginCookie, LOGIN_COOKIE, LOGIN_MS } from './external-login-cookie.js';

const login = { state: 'S', nonce: 'N', code_verifier: 'V', next: '/tokens' };
const settings = {
  clientSecret: 'a client secret',
  redirectUrl: new URL('https://tokens.example/api/login/oidc/callback'),
};

function written(cookie: ExternalLoginCookie, now?: number) {
  const set: { name?: string; value?: string; options?: object } = {};
  const response = {
    cookie: (name: string, value: string, options: object) => Object.assign(set, { name, value, options }),
  };
  cookie.write(response as unknown as Response, login, now);
  return set;
}
const requestWith = (value: string) => ({ headers: { cookie: `a=b; ${LOGIN_COOKIE}=${value}` } }) as Request;

describe('the cookie of a started login', () => {
  const clock = { nowMs: Date.now };
  const cookie = new ExternalLoginCookie(settings, clock);

  it('is for the login’s own address, and over TLS where that is', () => {
    const { name, options } = written(cookie);
    expect(name).toBe(LOGIN_COOKIE);
    const expected = { httpOnly: true, sameSite: 'lax', secure: true, path: '/api/login/oidc', maxAge: LOGIN_MS };
    expect(options).toEqual(expected);
  });

  it('gives back what was put in, in any instance with the same client secret and in no other', () => {
    const { value = '' } = written(cookie);
    expect(new ExternalLoginCookie(settings, clock).read(requestWith(value))).toMatchObject(login);
    expect(new ExternalLoginCookie({ ...settings, clientSecret: 'other' }, clock).read(requestWith(value))).toBeNull();
  });

  it('shows nothing of it, and never looks the same twice', () => {
    const [one, other] = [written(cookie).value, written(cookie).value];
    expect(one).not.toBe(other);
    expect(Buffer.from(one ?? '', 'base64url').toString('latin1')).not.toContain('tokens');
  });

  it('is over after 10 minutes, whatever the browser keeps', () => {
    const { value = '' } = written(cookie, 1000);
    expect(cookie.read(requestWith(value), 999 + LOGIN_MS)).toMatchObject(login);
    expect(cookie.read(requestWith(value), 1000 + LOGIN_MS)).toBeNull();
  });

  it('with any one bit changed, or any part missing, is nothing', () => {
    const bytes = Buffer.from(written(cookie).value ?? '', 'base64url');
    for (let index = 0; index < bytes.length; index++) {
      const changed = Buffer.from(bytes);
      changed[index] = (changed[index] ?? 0) ^ 1;
      expect(cookie.read(requestWith(changed.toString('base64url')))).toBeNull();
      expect(cookie.read(requestWith(bytes.subarray(0, index).toString('base64url')))).toBeNull();
    }
  });
});
