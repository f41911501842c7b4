import { MikroORM } from '@mikro-orm/postgresql';
import type { NatsConnection } from '@nats-io/transport-node';
import { type DynamicModule, Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { CqrsModule } from '@nestjs/cqrs';
import { PassportModule } from '@nestjs/passport';
import { AuthModule, TokenGuard } from '@tokenlog/auth';
import { HealthModule } from '@tokenlog/platform/health.js';
import { MetricsModule } from '@tokenlog/platform/metrics.js';
import { NATS } from '@tokenlog/platform/nats.js';
import { ChangePasswordHandler } from './change-password.js';
import { ChangeUserHandler } from './change-user.js';
import { EnteredPassword } from './check-entered-password.js';
import { CheckPasswordController } from './check-password.controller.js';
import type { IdentityConfig } from './config.js';
import { ConnectionsModule } from './connections.module.js';
import { DeleteUserHandler } from './delete-user.js';
import { ListUsers } from './list-users.js';
import { LocalStrategy } from './local.strategy.js';
import { LogInHandler } from './log-in.js';
import { LogOutHandler } from './log-out.js';
import { MeController } from './me.controller.js';
import { RegisterUserHandler } from './register-user.js';
import { SessionController } from './session.controller.js';
import { SetPasswordHandler } from './set-password.js';
import { UpdateProfileHandler } from './update-profile.js';
import { UsersController } from './users.controller.js';
import { Users } from './users.js';

const commands = [
  RegisterUserHandler,
  ChangeUserHandler,
  DeleteUserHandler,
  UpdateProfileHandler,
  ChangePasswordHandler,
  SetPasswordHandler,
  LogInHandler,
  LogOutHandler,
];
const queries = [Users, ListUsers];
const routes = [SessionController, MeController, UsersController];
const requests = [CheckPasswordController];

/** Users, passwords and logins. What runs beside the requests, the publisher, is started in `ConnectionsModule`. */
@Module({})
export class IdentityModule {
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
            database: () => orm.em.getConnection().execute('SELECT 1'),
            nats: () => nats.rtt(),
          }),
        }),
        MetricsModule,
      ],
      controllers: [...routes, ...requests],
      providers: [
        ...commands,
        ...queries,
        EnteredPassword,
        LocalStrategy,
        { provide: APP_GUARD, useExisting: TokenGuard },
      ],
    };
  }
}
