import { type DynamicModule, Module } from '@nestjs/common';
import { AuthModule, TokenVerifier } from '@tokenlog/auth';
import { HealthModule } from '@tokenlog/platform/health.js';
import { MetricsModule } from '@tokenlog/platform/metrics.js';
import type { ExampleConfig } from './config.js';
import { WhoamiController } from './whoami.controller.js';

/** A service that has nothing of its own but its routes: the guard as its users meet it. */
@Module({})
export class ExampleModule {
  static with(config: ExampleConfig): DynamicModule {
    return {
      module: ExampleModule,
      imports: [
        AuthModule.forRoot({ nats: config.NATS_URL, service: 'example-api' }),
        HealthModule.forRootAsync({ inject: [TokenVerifier], useFactory: readiness }),
        MetricsModule,
      ],
      controllers: [WhoamiController],
    };
  }
}

function readiness(verifier: TokenVerifier) {
  return {
    nats: async () => {
      if (!verifier.connected) throw new Error('not connected');
    },
  };
}
