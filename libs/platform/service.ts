import 'reflect-metadata';
import { ConsoleLogger, type DynamicModule, type INestApplication, Logger, type LogLevel } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { readAddress } from '@tokenlog/contracts/address.js';
import type { NextFunction, Request, Response } from 'express';
import { ConfigError } from './config.js';
import { NatsRequestServer } from './nats-transport.js';
import { ProblemFilter, validationPipe } from './problem.js';

/** What `runService` needs to know of a service. */
export interface ServiceDefinition {
  readonly name: 'identity' | 'tokens';
  readonly description: string;
  readonly module: DynamicModule;
  readonly port: number;
  readonly natsUrl: string;
  readonly trustedProxies: number;
  /** Starts what the service does by itself, once everything it stands on is there. */
  readonly start?: (app: INestApplication) => Promise<void>;
  /** What to log; default: everything from `log` up. */
  readonly logLevels?: LogLevel[];
}

/** The largest body that is read; a larger one is a 413. */
const BODY_LIMIT = '64kb';

/** Creates a service's application: HTTP, NATS requests, problems, OpenAPI at `/openapi.json`, its pages at `/docs`. */
export async function createService(service: ServiceDefinition): Promise<INestApplication> {
  const app = await NestFactory.create<NestExpressApplication>(service.module, {
    logger: new ConsoleLogger({ json: true, logLevels: service.logLevels ?? ['log', 'warn', 'error', 'fatal'] }),
    abortOnError: false,
    forceCloseConnections: true,
  });
  app.set('trust proxy', service.trustedProxies);
  app.set('query parser', 'simple');
  app.disable('x-powered-by');
  app.disable('etag');
  app.use((request: Request, response: Response, next: NextFunction) => {
    // Answers are about people and their secrets.
    response.setHeader('Cache-Control', 'no-store');
    Object.defineProperty(request, 'ip', { value: readAddress(request.ip) ?? undefined });
    next();
  });
  app.useBodyParser('json', { limit: BODY_LIMIT });
  app.useBodyParser('urlencoded', { limit: BODY_LIMIT, extended: false });
  app.useGlobalPipes(validationPipe);
  app.useGlobalFilters(new ProblemFilter());
  app.enableShutdownHooks();
  app.connectMicroservice(
    { strategy: new NatsRequestServer(service.natsUrl, service.name) },
    { inheritAppConfig: false },
  );
  const document = SwaggerModule.createDocument(
    app,
    new DocumentBuilder()
      .setTitle(`Tokenlog ${service.name}`)
      .setDescription(service.description)
      .setVersion('1')
      .addBearerAuth()
      .addCookieAuth('session')
      .addSecurityRequirements('bearer')
      .addSecurityRequirements('cookie')
      .build(),
  );
  SwaggerModule.setup('docs', app, document, { jsonDocumentUrl: 'openapi.json' });
  await app.init();
  await app.startAllMicroservices();
  await service.start?.(app);
  return app;
}

/** Runs a service until it is told to stop. A start that fails says why in one line for each cause, and exits with 1. */
export async function runService(define: () => Promise<ServiceDefinition> | ServiceDefinition): Promise<void> {
  try {
    const service = await define();
    const app = await createService(service);
    await app.listen(service.port);
    new Logger('Service').log(`${service.name} listens on ${await app.getUrl()}`);
  } catch (error) {
    const lines = error instanceof ConfigError ? error.message : startFailure(error);
    process.stderr.write(`${lines}\n`);
    process.exit(1);
  }
}

function startFailure(error: unknown): string {
  const { code, port } = error as NodeJS.ErrnoException & { port?: number };
  if (code === 'EADDRINUSE') return `port ${port} is taken`;
  return error instanceof Error ? error.message || error.name : String(error);
}
