import {
  type DynamicModule,
  type FactoryProvider,
  Global,
  Module,
  type ModuleMetadata,
  type Provider,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { type AuthOptions, type ResolvedAuthOptions, resolveAuthOptions } from './auth-options.js';
import { NatsLink } from './nats-link.js';
import { RequestAuthenticator } from './request-authenticator.js';
import { RequestMarker, TokenGuard } from './token.guard.js';
import { TokenVerifier } from './token-verifier.js';

const OPTIONS = Symbol('AUTH_OPTIONS');

/** What `AuthModule.forRootAsync` takes: options made from other providers. */
export interface AuthModuleAsyncOptions extends Pick<ModuleMetadata, 'imports'> {
  readonly inject?: FactoryProvider['inject'];
  readonly useFactory: (...parts: never[]) => AuthOptions | Promise<AuthOptions>;
}

/** `TokenGuard` and `TokenVerifier` for the whole application. Imported once, in its root module. */
@Global()
@Module({})
export class AuthModule {
  /** Wrong options stop the start with an error that names them. */
  static forRoot(options: AuthOptions): DynamicModule {
    return moduleWith({ provide: OPTIONS, useFactory: () => resolveAuthOptions(options) });
  }

  /** The same, with options that come from other providers. */
  static forRootAsync({ imports, inject, useFactory }: AuthModuleAsyncOptions): DynamicModule {
    return moduleWith(
      {
        provide: OPTIONS,
        inject,
        useFactory: async (...parts: never[]) => resolveAuthOptions(await useFactory(...parts)),
      },
      imports,
    );
  }
}

function moduleWith(options: Provider, imports: ModuleMetadata['imports'] = []): DynamicModule {
  return {
    module: AuthModule,
    imports,
    providers: [
      options,
      { provide: NatsLink, inject: [OPTIONS], useFactory: (resolved: ResolvedAuthOptions) => new NatsLink(resolved) },
      {
        provide: TokenVerifier,
        inject: [OPTIONS, NatsLink],
        useFactory: (resolved: ResolvedAuthOptions, link: NatsLink) => new TokenVerifier(resolved, link),
      },
      {
        provide: RequestAuthenticator,
        inject: [OPTIONS, TokenVerifier],
        useFactory: (resolved: ResolvedAuthOptions, verifier: TokenVerifier) =>
          new RequestAuthenticator(resolved, verifier),
      },
      RequestMarker,
      TokenGuard,
      { provide: APP_GUARD, useExisting: RequestMarker },
    ],
    exports: [TokenVerifier, TokenGuard, RequestAuthenticator, RequestMarker],
  };
}
