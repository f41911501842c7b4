import type { NatsConnection } from '@nats-io/transport-node';
import {
  type BeforeApplicationShutdown,
  type DynamicModule,
  Inject,
  Logger,
  Module,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { CqrsModule } from '@nestjs/cqrs';
import { AuthModule, TokenGuard } from '@tokenlog/auth';
import { TOKENS_STREAM } from '@tokenlog/contracts/tokens/token-events.js';
import type { VerifyRequest } from '@tokenlog/contracts/tokens/verify.js';
import { EventStore, type Projection } from '@tokenlog/event-store/event-store.js';
import { Subscription } from '@tokenlog/event-store/subscription.js';
import { checkDatabase, checkStream } from '@tokenlog/platform/checks.js';
import { DatabaseModule, POOL } from '@tokenlog/platform/database.module.js';
import { Presence, readDeployment } from '@tokenlog/platform/deployment.js';
import { ErrorsModule } from '@tokenlog/platform/errors-page.js';
import { HealthModule } from '@tokenlog/platform/health.js';
import { MetricsModule } from '@tokenlog/platform/metrics.js';
import { askNats, NATS } from '@tokenlog/platform/nats.js';
import { NatsModule } from '@tokenlog/platform/nats.module.js';
import { CHECK_MS } from '@tokenlog/platform/readiness.js';
import type { ServiceDefinition } from '@tokenlog/platform/service.js';
import type { Pool } from 'pg';
import { CONFIG, type Config } from './config/config.js';
import { ExpirySweep } from './expiry/expiry-sweep.js';
import { WarnOfExpiryHandler } from './expiry/warn-of-expiry.js';
import { CachingGuards, forgottenWith } from './guards/caching-guards.js';
import { CountGuardUsesHandler } from './guards/count-guard-uses.js';
import { GuardAnswers } from './guards/guard-answers.js';
import { GuardUsesConsumer } from './guards/guard-uses-consumer.js';
import { GuardsController } from './guards/guards.controller.js';
import { VerifyController } from './guards/verify.controller.js';
import { publishTokenEvents } from './history/publish-token-events.js';
import { AdminTokensController } from './http/admin-tokens.controller.js';
import { AuditController } from './http/audit.controller.js';
import { EnterController } from './http/enter.controller.js';
import { OwnTokensController } from './http/own-tokens.controller.js';
import { PolicyController } from './http/policy.controller.js';
import { ServersController } from './http/servers.controller.js';
import { Servers } from './http/servers.js';
import { SessionsController } from './http/sessions.controller.js';
import { TokenSelfController } from './http/token-self.controller.js';
import { ApplyIdentityEventsHandler } from './identity/apply-identity-events.js';
import { IdentityConsumer } from './identity/identity-consumer.js';
import { IdentityStanding } from './identity/identity-standing.js';
import { InternalRequestsController } from './identity/internal-requests.controller.js';
import { UserImpactQuery } from './identity/user-impact.js';
import { ImportAccessKeysHandler } from './import-keys/import-access-keys.js';
import { ImportAtStart } from './import-keys/import-at-start.js';
import { migrations } from './migrations/migrations.js';
import { ForgetAnswers } from './repeated-requests/forget-answers.js';
import { KeptAnswers } from './repeated-requests/kept-answers.js';
import { Peppers } from './secret/peppers.js';
import { StaticKeys } from './secret/static-keys.js';
import { ServiceMetrics } from './service-metrics.js';
import { EndSessionHandler } from './session/end-session.js';
import { StartSessionHandler } from './session/start-session.js';
import { ForwardAuthController } from './standards/forward-auth.controller.js';
import { IntrospectController } from './standards/introspect.controller.js';
import { OAuthErrorFilter } from './standards/oauth-error.filter.js';
import { OAuthMetadataController } from './standards/oauth-metadata.controller.js';
import { OAuthRevokeController } from './standards/oauth-revoke.controller.js';
import { entities } from './table/entities.js';
import { expiryTable } from './table/expiry-table.js';
import { ListTokensHandler } from './table/list-tokens.js';
import { sessionTable } from './table/session-table.js';
import { tokenTable } from './table/token-table.js';
import { UnknownUsers } from './user/unknown-users.js';
import { CreateTokenHandler } from './verbs/create-token.js';
import { DeleteTokenHandler } from './verbs/delete-token.js';
import { EditTokenHandler } from './verbs/edit-token.js';
import { ReassignTokenHandler } from './verbs/reassign-token.js';
import { ReenteredPassword } from './verbs/reentered-password.js';
import { RefreshTokenHandler } from './verbs/refresh-token.js';
import { RevokeTokenHandler } from './verbs/revoke-token.js';
import { ownWay } from './verification/verification-metrics.js';
import { Verifier } from './verification/verifier.js';

/** Every command has its one handler here; the specs hold that none is missing. */
export const commandHandlers = [
  CreateTokenHandler,
  EditTokenHandler,
  RefreshTokenHandler,
  RevokeTokenHandler,
  ReassignTokenHandler,
  DeleteTokenHandler,
  StartSessionHandler,
  EndSessionHandler,
  ImportAccessKeysHandler,
  WarnOfExpiryHandler,
];

/** Commands that follow from what others report: identity's events, each of which `reaction.ts` names, and guards' uses. */
export const reactions = [ApplyIdentityEventsHandler, CountGuardUsesHandler];

export const queryHandlers = [ListTokensHandler];

/** Inline: in the transaction of each append. */
export const inlineProjections: readonly Projection[] = [tokenTable, sessionTable, expiryTable];

/** Async: after the commit, in the order of commits, one process at a time. */
export const subscriptions = { publisher: publishTokenEvents };

/** HTTP routes; `tokens/self` stands before `tokens/:id`. */
export const httpControllers = [
  TokenSelfController,
  OwnTokensController,
  AdminTokensController,
  AuditController,
  PolicyController,
  SessionsController,
  EnterController,
  IntrospectController,
  OAuthRevokeController,
  OAuthMetadataController,
  ForwardAuthController,
  ServersController,
];

export const natsControllers = [GuardsController, VerifyController, InternalRequestsController];

const PUBLISHER = Symbol('PUBLISHER');
const PERIODS_EVERY_MS = 86_400_000;

@Module({})
export class TokensModule implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly store: EventStore,
    @Inject(PUBLISHER) private readonly publisher: Subscription,
  ) {}

  static with(config: Config): DynamicModule {
    return {
      module: TokensModule,
      imports: [
        CqrsModule.forRoot(),
        DatabaseModule.forRoot(config.databaseUrl, config.databasePart, entities),
        NatsModule.forRoot(config.natsUrl, 'tokens'),
        AuthModule.forRootAsync({
          inject: [NATS, Verifier],
          useFactory: (nats: NatsConnection, verifier: Verifier) => ({
            nats,
            service: 'tokens',
            natsUser: 'tokens',
            verify: (request: VerifyRequest) => verifier.verify(request, ownWay()),
          }),
        }),
        HealthModule.forRootAsync({
          inject: [EventStore, NATS],
          useFactory: (store: EventStore, nats: NatsConnection) => ({
            database: () => checkDatabase(store.pool),
            nats: () => askNats(nats, CHECK_MS),
            streams: { check: () => checkStream(nats, TOKENS_STREAM), optional: true },
          }),
        }),
        MetricsModule,
        ErrorsModule,
      ],
      controllers: [...httpControllers, ...natsControllers],
      providers: [
        { provide: CONFIG, useValue: config },
        { provide: APP_GUARD, useExisting: TokenGuard },
        {
          provide: EventStore,
          inject: [POOL, CachingGuards],
          useFactory: (pool: Pool, guards: CachingGuards) =>
            new EventStore(pool, inlineProjections, (touched) => guards.forget(forgottenWith(touched))),
        },
        CachingGuards,
        GuardAnswers,
        GuardUsesConsumer,
        {
          provide: PUBLISHER,
          inject: [EventStore, NATS, Presence],
          useFactory: (store: EventStore, nats: NatsConnection, presence: Presence) =>
            new Subscription(store, subscriptions.publisher(nats, presence)),
        },
        {
          provide: Presence,
          inject: [POOL, NATS],
          useFactory: async (pool: Pool, nats: NatsConnection) =>
            Presence.join(nats, await readDeployment(pool, config.serverName)),
        },
        Peppers,
        Verifier,
        StaticKeys,
        ImportAtStart,
        ReenteredPassword,
        UserImpactQuery,
        IdentityStanding,
        { provide: UnknownUsers, useExisting: IdentityStanding },
        IdentityConsumer,
        ExpirySweep,
        KeptAnswers,
        ForgetAnswers,
        Servers,
        ServiceMetrics,
        ...commandHandlers,
        ...reactions,
        ...queryHandlers,
      ],
      exports: [EventStore, Verifier],
      global: true,
    };
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.store.pool.query('SELECT ensure_periods()');
    this.timer = setInterval(() => void this.ensurePeriods(), PERIODS_EVERY_MS);
    this.publisher.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.publisher.stop();
  }

  /** Partitions are made months ahead: a day on which this fails is made up for on the next. */
  private async ensurePeriods(): Promise<void> {
    await this.store.pool
      .query('SELECT ensure_periods()')
      .catch((error: Error) => new Logger('Log').error(error.message));
  }
}

/** The service as a whole. */
export function tokensService(config: Config): ServiceDefinition {
  return {
    name: 'tokens',
    description: 'Issues access tokens, verifies them, and keeps the log of their whole life.',
    module: TokensModule.with(config),
    port: config.port,
    bindAddress: config.bindAddress,
    natsUrl: config.natsUrl,
    databaseUrl: config.databaseUrl,
    databasePart: config.databasePart,
    migrations,
    trustedProxies: config.trustedProxies,
    log: config.log,
    errors: new OAuthErrorFilter(),
    start: async (app) => {
      app.get(IdentityConsumer).start();
      app.get(GuardUsesConsumer).start();
      app.get(ExpirySweep).start();
      app.get(ForgetAnswers).start();
      await app.get(ImportAtStart).start();
    },
  };
}
