import { type DynamicModule, Module } from '@nestjs/common';
import { SwaggerModule } from '@nestjs/swagger';
import { AuthModule, TokenVerifier } from '@tokenlog/auth';
import { ErrorsModule } from '@tokenlog/platform/errors-page.js';
import { HealthModule } from '@tokenlog/platform/health.js';
import { logSettings } from '@tokenlog/platform/logging.js';
import { MetricsModule } from '@tokenlog/platform/metrics.js';
import { createDocument } from '@tokenlog/platform/openapi.js';
import { NotReady, type ReadinessChecks } from '@tokenlog/platform/readiness.js';
import type { Program, Start } from '@tokenlog/platform/run.js';
import { createHttpApplication, listen, placeOfNats, programOf, sayStarted } from '@tokenlog/platform/service.js';
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
        ErrorsModule,
      ],
      controllers: [WhoamiController],
    };
  }
}

function readiness(verifier: TokenVerifier): ReadinessChecks {
  return {
    nats: async () => {
      if (!verifier.connected) throw new NotReady('not connected');
    },
    verification: () =>
      verifier.check().catch((error: Error) => {
        throw new NotReady(error.message);
      }),
  };
}

/** Starts the service. */
export async function startExample(config: ExampleConfig, began: Start['began']): Promise<Program> {
  const app = await createHttpApplication(ExampleModule.with(config), {
    trustedProxies: config.TRUSTED_PROXIES,
    log: logSettings(config),
  });
  const document = createDocument(app, { title: 'Tokenlog example-api', description: 'Says who calls, and no more.' });
  SwaggerModule.setup('docs', app, document, { jsonDocumentUrl: 'openapi.json' });
  const program = programOf('example-api', app);
  await app.init();
  began(program);
  await listen(app, { port: config.EXAMPLE_PORT, bindAddress: config.BIND_ADDRESS });
  await sayStarted('example-api', app, [`NATS ${placeOfNats(config.NATS_URL)}`]);
  return program;
}
