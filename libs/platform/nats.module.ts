import type { NatsConnection } from '@nats-io/transport-node';
import { type DynamicModule, Global, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { closeNats, connectNats, NATS, type NatsUser } from './nats.js';

/** The service's NATS connection, under the token `NATS`; drained at the end. */
@Global()
@Module({})
export class NatsModule implements OnApplicationShutdown {
  constructor(@Inject(NATS) private readonly nats: NatsConnection) {}

  static forRoot(url: string, user: NatsUser): DynamicModule {
    return {
      module: NatsModule,
      providers: [{ provide: NATS, useFactory: () => connectNats(url, user, user) }],
      exports: [NATS],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await closeNats(this.nats);
  }
}
