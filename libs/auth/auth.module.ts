import {
  type DynamicModule,
  type FactoryProvider,
  Global,
  Module,
  type ModuleMetadata,
  type Provider,
} from '@nestjs/common';
import { APP_GUARD, ModulesContainer } from '@nestjs/core';
import { AuthFigures } from './auth-figures.js';
import { AuthHealthIndicator } from './auth-health.indicator.js';
import { AuthMetrics } from './auth-metrics.js';
import { type AuthOptions, resolveAuthOptions } from './auth-options.js';
import { AuthProblemFilter } from './auth-problem.filter.js';
import { AuthStatus } from './auth-status.js';
import { DocumentedRequirements } from './documented-requirements.js';
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

/**
 * `TokenGuard`, `TokenVerifier`, `AuthStatus` and `AuthHealthIndicator` for the whole application. Imported once, in its root
 * module.
 */
@Global()
@Module({})
export class AuthModule {
  /** Wrong options stop the start with an error that names them. */
  static forRoot(options: AuthOptions): DynamicModule {
    return moduleOf({ useFactory: () => resolveAuthOptions(options) }, ASKS_OVER_NATS);
  }

  /** The same, with options that come from other providers. */
  static forRootAsync({ imports, inject, useFactory }: AuthModuleAsyncOptions): DynamicModule {
    return moduleOf(
      { inject, useFactory: async (...parts: never[]) => resolveAuthOptions(await useFactory(...parts)) },
      ASKS_OVER_NATS,
      imports,
    );
  }
}

const ASKS_OVER_NATS = made(TokenVerifier, [OPTIONS, NatsLink, AuthFigures]);

/** The module with what `verifier` provides as `TokenVerifier`. */
export function moduleOf(
  options: { inject?: FactoryProvider['inject']; useFactory(...parts: never[]): unknown },
  verifier: Provider,
  imports: ModuleMetadata['imports'] = [],
): DynamicModule {
  return {
    module: AuthModule,
    imports,
    providers: [
      { provide: OPTIONS, ...options } as Provider,
      AuthFigures,
      AuthStatus,
      AuthProblemFilter,
      made(NatsLink, [OPTIONS, AuthStatus]),
      verifier,
      made(RequestAuthenticator, [OPTIONS, TokenVerifier, AuthFigures]),
      made(AuthHealthIndicator, [AuthStatus]),
      made(AuthMetrics, [OPTIONS, AuthFigures, AuthStatus, TokenVerifier]),
      made(DocumentedRequirements, [ModulesContainer]),
      RequestMarker,
      TokenGuard,
      { provide: APP_GUARD, useExisting: RequestMarker },
    ],
    exports: [TokenVerifier, TokenGuard, RequestAuthenticator, RequestMarker, AuthStatus, AuthHealthIndicator],
  };
}

/** A provider of what these make: by their names, no decorated types are needed. */
function made<Parts extends unknown[], Made>(
  Class: new (...parts: Parts) => Made,
  inject: FactoryProvider['inject'],
): FactoryProvider<Made> {
  return { provide: Class, inject, useFactory: (...parts) => new Class(...(parts as Parts)) };
}
