import { MikroORM } from '@mikro-orm/postgresql';
import type { NatsConnection } from '@nats-io/transport-node';
import { type DynamicModule, Inject, Module, type OnApplicationBootstrap } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { CommandBus, CqrsModule } from '@nestjs/cqrs';
import { PassportModule } from '@nestjs/passport';
import { AuthModule, TokenGuard } from '@tokenlog/auth';
import { IDENTITY_STREAM } from '@tokenlog/contracts/identity/identity-events.js';
import { checkDatabase, checkStream } from '@tokenlog/platform/checks.js';
import { poolOf } from '@tokenlog/platform/database.js';
import { ErrorsModule } from '@tokenlog/platform/errors-page.js';
import { HealthModule } from '@tokenlog/platform/health.js';
import { logSettings } from '@tokenlog/platform/logging.js';
import { MetricsModule } from '@tokenlog/platform/metrics.js';
import { askNats, NATS } from '@tokenlog/platform/nats.js';
import { CHECK_MS } from '@tokenlog/platform/readiness.js';
import type { ServiceDefinition } from '@tokenlog/platform/service.js';
import type { IdentityConfig } from './config/config.js';
import { EXTERNAL_LOGIN, type ExternalLoginSettings } from './config/external-login-settings.js';
import { MAIL_SETTINGS } from './config/mail-settings.js';
import { ConnectionsModule } from './connections.module.js';
import { ExternalLoginController } from './external-login/external-login.controller.js';
import { ExternalLogin } from './external-login/external-login.js';
import { LinkExternalIdentityHandler } from './external-login/link-external-identity.js';
import { LogInExternallyHandler } from './external-login/log-in-externally.js';
import { VanishLocalAccounts, VanishLocalAccountsHandler } from './external-login/vanish-local-accounts.js';
import { CheckPasswordController } from './http/check-password.controller.js';
import { MeController } from './http/me.controller.js';
import { SessionController } from './http/session.controller.js';
import { StandingController } from './http/standing.controller.js';
import { UsersController } from './http/users.controller.js';
import { ChangePasswordHandler } from './login/change-password.js';
import { EnteredPassword } from './login/check-entered-password.js';
import { LocalStrategy } from './login/local.strategy.js';
import { LogInHandler } from './login/log-in.js';
import { LogOutHandler } from './login/log-out.js';
import { SetPasswordHandler } from './login/set-password.js';
import { ExpiringTokensConsumer } from './mail/expiring-tokens-consumer.js';
import { MailUserWhenTokenExpiresHandler } from './mail/mail-user-when-token-expires.js';
import { Mailer } from './mail/mailer.js';
import { migrations } from './migrations/migrations.js';
import { ServiceMetrics } from './service-metrics.js';
import { ChangeUserHandler } from './user/change-user.js';
import { DeleteUserHandler } from './user/delete-user.js';
import { ListUsers } from './user/list-users.js';
import { RegisterUserHandler } from './user/register-user.js';
import { UpdateProfileHandler } from './user/update-profile.js';
import { Users } from './user/users.js';

const commands = [
  RegisterUserHandler,
  ChangeUserHandler,
  DeleteUserHandler,
  UpdateProfileHandler,
  ChangePasswordHandler,
  SetPasswordHandler,
  LogInHandler,
  LogInExternallyHandler,
  LogOutHandler,
  LinkExternalIdentityHandler,
  VanishLocalAccountsHandler,
];
/** Commands that follow from the token service's events. */
const reactions = [MailUserWhenTokenExpiresHandler];
const queries = [Users, ListUsers];
const routes = [SessionController, ExternalLoginController, MeController, UsersController];
const requests = [CheckPasswordController, StandingController];

/** Users, passwords and logins. What runs beside the requests, the publisher, is started in `ConnectionsModule`. */
@Module({})
export class IdentityModule implements OnApplicationBootstrap {
  constructor(
    private readonly commands: CommandBus,
    @Inject(EXTERNAL_LOGIN) private readonly externalLogin: ExternalLoginSettings | null,
  ) {}

  static forRoot(config: IdentityConfig): DynamicModule {
    return {
      module: IdentityModule,
      imports: [
        ConnectionsModule.forRoot(config),
        CqrsModule.forRoot(),
        PassportModule,
        AuthModule.forRootAsync({
          inject: [NATS],
          useFactory: (nats: NatsConnection) => ({ nats, service: 'identity', natsUser: 'identity' }),
        }),
        HealthModule.forRootAsync({
          inject: [MikroORM, NATS],
          useFactory: (orm: MikroORM, nats: NatsConnection) => ({
            database: async () => checkDatabase(await poolOf(orm)),
            nats: () => askNats(nats, CHECK_MS),
            streams: { check: () => checkStream(nats, IDENTITY_STREAM), optional: true },
          }),
        }),
        MetricsModule,
        ErrorsModule,
      ],
      controllers: [...routes, ...requests],
      providers: [
        ...commands,
        ...reactions,
        ...queries,
        EnteredPassword,
        LocalStrategy,
        ExternalLogin,
        Mailer,
        ExpiringTokensConsumer,
        ServiceMetrics,
        { provide: MAIL_SETTINGS, useValue: config.mail },
        { provide: EXTERNAL_LOGIN, useValue: config.externalLogin },
        { provide: APP_GUARD, useExisting: TokenGuard },
      ],
    };
  }

  /** Before the first request: nobody whose account is to vanish logs in once more. */
  async onApplicationBootstrap(): Promise<void> {
    if (this.externalLogin?.localAccounts === 'vanish') await this.commands.execute(new VanishLocalAccounts());
  }
}

/** The service as a whole. */
export function identityService(config: IdentityConfig): ServiceDefinition {
  return {
    name: 'identity',
    description: 'Users, passwords, roles and login. Errors are RFC 9457 problems with a stable `code`.',
    module: IdentityModule.forRoot(config),
    port: config.IDENTITY_PORT,
    bindAddress: config.BIND_ADDRESS,
    natsUrl: config.NATS_URL,
    databaseUrl: config.DATABASE_URL,
    databasePart: config.databasePart,
    migrations,
    trustedProxies: config.TRUSTED_PROXIES,
    log: logSettings(config),
  };
}
