import type { CommandBus } from '@nestjs/cqrs';
import type { Request, Response } from 'express';
import { type Configuration, fetchUserInfo, randomNonce, randomState } from 'openid-client';
import { Strategy } from 'openid-client/passport';
import type { ExternalLoginSettings } from '../config/external-login-settings.js';
import type { Login } from '../login/login-session.js';
import { personOf } from '../user/external-identity.js';
import type { ExternalLoginCookie } from './external-login-cookie.js';
import { LogInExternally } from './log-in-externally.js';

const SESSION_KEY = 'login';

/**
 * Passport's strategy of the client library, which checks PKCE, state, nonce, issuer and audience. Here it is given a state
 * and a nonce always, the public address instead of a guess from headers, and a cookie in the place of a server's session.
 */
export class ExternalLoginStrategy extends Strategy {
  constructor(
    provider: Configuration,
    private readonly settings: ExternalLoginSettings,
    private readonly cookie: ExternalLoginCookie,
    commands: CommandBus,
  ) {
    const { redirectUrl: callbackURL, scopes: scope } = settings;
    super(
      { config: provider, name: 'oidc', sessionKey: SESSION_KEY, callbackURL, scope, passReqToCallback: true },
      async (request, tokens, done) => {
        const claims = tokens.claims();
        if (!claims) throw new Error('an answer without an ID token passed the checks');
        // Many providers tell roles and contact there alone.
        const more = provider.serverMetadata().userinfo_endpoint
          ? await fetchUserInfo(provider, tokens.access_token, claims.sub)
          : {};
        const person = personOf({ ...claims, ...more, sub: claims.sub }, settings);
        const login: Login = await commands.execute(new LogInExternally(person, request.ip ?? null));
        done(null, login);
      },
    );
  }

  override authorizationRequestParams(): Record<string, string> {
    return { state: randomState(), nonce: randomNonce() };
  }

  override currentUrl(request: Request): URL {
    const url = new URL(this.settings.redirectUrl);
    const question = request.originalUrl.indexOf('?');
    url.search = question < 0 ? '' : request.originalUrl.slice(question);
    return url;
  }

  override shouldInitiateAuthRequest(request: Request): boolean {
    return !request.path.endsWith('/callback');
  }

  /** Makes the request's session, as the library calls it, out of the cookie; `next` is kept beside what it keeps. */
  giveSession(request: Request, response: Response, next: string): void {
    const { cookie } = this;
    const session = {
      get [SESSION_KEY]() {
        return cookie.read(request);
      },
      set [SESSION_KEY](started) {
        if (started) cookie.write(response, { ...started, next });
      },
    };
    Object.assign(request, { session });
  }
}
