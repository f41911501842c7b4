import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { DatabaseClock } from '@tokenlog/platform/clock.js';
import type { Request, Response } from 'express';
import {
  allowInsecureRequests,
  ClientSecretBasic,
  ClientSecretPost,
  Configuration,
  clockTolerance,
  discovery,
  enableNonRepudiationChecks,
} from 'openid-client';
import { Passport } from 'passport';
import { EXTERNAL_LOGIN, type ExternalLoginSettings } from '../config/external-login-settings.js';
import type { Login } from '../login/login-session.js';
import { ExternalLoginStrategy } from './external-login.strategy.js';
import { ExternalLoginCookie } from './external-login-cookie.js';
import { externalLoginFailure, externalLoginOff, loginDenied, loginNotStarted } from './external-login-failure.js';

const PROVIDER_SECONDS = 5;
const CLOCK_SECONDS = 30;
const NAME = 'oidc';

/** Logs people in with the configured provider (S17). The provider may be away when this service starts. */
@Injectable()
export class ExternalLogin implements OnApplicationBootstrap {
  private readonly cookie: ExternalLoginCookie | null;
  /** Used by its name: passport would let requests at the same time share a strategy that it is handed. */
  private readonly passport = new Passport();
  private strategy: Promise<ExternalLoginStrategy> | null = null;

  constructor(
    @Inject(EXTERNAL_LOGIN) private readonly settings: ExternalLoginSettings | null,
    private readonly commands: CommandBus,
    clock: DatabaseClock,
  ) {
    this.cookie = settings && new ExternalLoginCookie(settings, clock);
  }

  /** The address where a browser begins, or null where there is no external login. */
  get startUrl(): URL | null {
    return this.settings && new URL(this.settings.redirectUrl.href.replace(/\/callback$/, ''));
  }

  /** Looks for the provider at once, so that a wrong `OIDC_ISSUER` stands in the log before somebody tries to log in. */
  onApplicationBootstrap(): void {
    if (this.settings && this.cookie) this.useStrategy(this.settings, this.cookie).catch(externalLoginFailure);
  }

  /** Answers with a redirect to the provider. @throws Problem 404 `external-login-off`, 502, 503 */
  async start(request: Request, response: Response, next: string): Promise<void> {
    const { settings, cookie } = this.required();
    const strategy = await this.useStrategy(settings, cookie).catch(rethrow);
    strategy.giveSession(request, response, next);
    await new Promise<void>((resolve, reject) => {
      response.once('close', resolve);
      this.passport.authenticate(NAME, { session: false }, reject)(request, response, reject);
    }).catch(rethrow);
  }

  /**
   * Finishes what `start` began in the same browser.
   * @throws Problem 400 `login-not-started` or `login-invalid`, 401 `login-denied`, 404, 502, 503, and what `LogInExternally` throws
   */
  async finish(request: Request, response: Response): Promise<Login & { next: string }> {
    const { settings, cookie, startUrl } = this.required();
    const started = cookie.read(request);
    if (!started) throw loginNotStarted(startUrl);
    cookie.clear(response);
    const strategy = await this.useStrategy(settings, cookie).catch(rethrow);
    strategy.giveSession(request, response, started.next);
    const login = await new Promise<Login>((resolve, reject) => {
      const done = (error: unknown, login?: unknown) => {
        if (error) reject(error);
        else if (login) resolve(login as Login);
        else reject(loginDenied('access_denied'));
      };
      this.passport.authenticate(NAME, { session: false }, done)(request, response, reject);
    }).catch(rethrow);
    return { ...login, next: started.next };
  }

  private required() {
    const { settings, cookie, startUrl } = this;
    if (settings && cookie && startUrl) return { settings, cookie, startUrl };
    throw externalLoginOff();
  }

  /** Made once the provider has told about itself; asked again by the next login if it has not. */
  private useStrategy(settings: ExternalLoginSettings, cookie: ExternalLoginCookie): Promise<ExternalLoginStrategy> {
    this.strategy ??= this.makeStrategy(settings, cookie).catch((error) => {
      this.strategy = null;
      throw error;
    });
    return this.strategy;
  }

  private async makeStrategy(
    settings: ExternalLoginSettings,
    cookie: ExternalLoginCookie,
  ): Promise<ExternalLoginStrategy> {
    const provider = await discover(settings);
    const strategy = new ExternalLoginStrategy(provider, settings, cookie, this.commands);
    this.passport.use(NAME, strategy);
    return strategy;
  }
}

async function discover({ issuer, clientId, clientSecret }: ExternalLoginSettings): Promise<Configuration> {
  const isPlain = issuer.protocol === 'http:';
  const found = await discovery(issuer, clientId, undefined, undefined, {
    timeout: PROVIDER_SECONDS,
    execute: isPlain ? [allowInsecureRequests] : [],
  });
  const metadata = found.serverMetadata();
  // The default of OpenID Connect wherever the provider does not say otherwise.
  const methods = metadata.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
  const authentication = methods.includes('client_secret_basic') ? ClientSecretBasic : ClientSecretPost;
  const client = { client_secret: clientSecret, [clockTolerance]: CLOCK_SECONDS };
  const provider = new Configuration(metadata, clientId, client, authentication(clientSecret));
  provider.timeout = PROVIDER_SECONDS;
  if (isPlain) allowInsecureRequests(provider);
  enableNonRepudiationChecks(provider);
  return provider;
}

function rethrow(error: unknown): never {
  throw externalLoginFailure(error);
}
