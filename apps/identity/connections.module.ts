import { MikroORM } from '@mikro-orm/postgresql';
import type { NatsConnection } from '@nats-io/transport-node';
import {
  type DynamicModule,
  Global,
  Inject,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { Subscription } from '@tokenlog/event-store/subscription.js';
import { DatabaseClock } from '@tokenlog/platform/clock.js';
import { closeDatabase, databaseOptions, poolOf } from '@tokenlog/platform/database.js';
import { Presence, readDeployment } from '@tokenlog/platform/deployment.js';
import { closeNats, connectNats, NATS } from '@tokenlog/platform/nats.js';
import type { IdentityConfig } from './config/config.js';
import { LoginAddresses } from './login/login-addresses.js';
import { LoginThrottle } from './login/login-throttle.js';
import { AppliedEvents } from './user/applied-events.js';
import { publishUserEvents } from './user/publish-user-events.js';
import { User } from './user/user.entity.js';

/** The database, NATS, and what runs on them from the service's start to its end. */
@Global()
@Module({})
export class ConnectionsModule implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly publisher: Subscription;

  constructor(
    private readonly orm: MikroORM,
    @Inject(NATS) private readonly nats: NatsConnection,
    private readonly applied: AppliedEvents,
    presence: Presence,
    store: EventStore,
  ) {
    this.publisher = new Subscription(store, publishUserEvents(nats, presence));
  }

  static forRoot(config: IdentityConfig): DynamicModule {
    return {
      module: ConnectionsModule,
      providers: [
        {
          provide: MikroORM,
          useFactory: () => MikroORM.init(databaseOptions(config.DATABASE_URL, config.databasePart, [User])),
        },
        { provide: NATS, useFactory: () => connectNats(config.NATS_URL, 'identity', 'identity') },
        {
          provide: EventStore,
          inject: [MikroORM],
          useFactory: async (orm: MikroORM) => new EventStore(await poolOf(orm)),
        },
        {
          provide: DatabaseClock,
          inject: [EventStore],
          useFactory: ({ pool }: EventStore) => DatabaseClock.read(pool),
        },
        {
          provide: Presence,
          inject: [EventStore, NATS],
          useFactory: async ({ pool }: EventStore, nats: NatsConnection) =>
            Presence.join(nats, await readDeployment(pool, config.SERVER_NAME)),
        },
        { provide: AppliedEvents, inject: [NATS], useFactory: (nats: NatsConnection) => new AppliedEvents(nats) },
        {
          provide: LoginThrottle,
          inject: [EventStore],
          useFactory: (store: EventStore) =>
            new LoginThrottle(store, {
              perPair: config.LOGIN_ATTEMPTS_PER_ACCOUNT,
              perAddress: config.LOGIN_ATTEMPTS_PER_ADDRESS,
              perAccount: config.LOGIN_ATTEMPTS_PER_ACCOUNT_HOURLY,
            }),
        },
        {
          provide: LoginAddresses,
          inject: [EventStore],
          useFactory: ({ pool }: EventStore) => new LoginAddresses(pool),
        },
      ],
      exports: [MikroORM, NATS, EventStore, DatabaseClock, AppliedEvents, LoginAddresses, LoginThrottle],
    };
  }

  onApplicationBootstrap(): void {
    this.publisher.start();
  }

  /** After the last request has been answered. */
  async onApplicationShutdown(): Promise<void> {
    await this.publisher.stop();
    this.applied.stop();
    await closeNats(this.nats);
    await closeDatabase(this.orm);
  }
}
