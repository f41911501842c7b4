import 'reflect-metadata';
import { type DynamicModule, type INestApplication, Logger, type LogLevel, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { SwaggerModule } from '@nestjs/swagger';
import { readAddress } from '@tokenlog/contracts/address.js';
import { parseNatsUrl } from '@tokenlog/contracts/nats-url.js';
import type { Express, NextFunction, Request, Response } from 'express';
import { AnswerHeaders } from './answer-headers.js';
import { patiently } from './bounded-client.js';
import type { DatabasePart } from './database.js';
import { databaseConnection } from './database-url.js';
import { BoundedExpressAdapter } from './http-server.js';
import { type LogSettings, ServiceLogger } from './logging.js';
import { answerOptions } from './methods.js';
import type { MigrationStep } from './migration-steps.js';
import { NatsRequestServer } from './nats-transport.js';
import { createDocument } from './openapi.js';
import { ProblemFilter } from './problem.filter.js';
import { identifyRequest } from './request-id.js';
import type { Program, Start } from './run.js';
import { refuseUnknownFields } from './unknown-fields.js';
import { validationPipe } from './validation.js';
import { VERSION } from './version.js';
import { waitForServers } from './wait-for-servers.js';
import { refuseBadBytes, refuseBadEncoding, refuseBadForm } from './well-formed.js';

/** What `runService` needs to know of a service. */
export interface ServiceDefinition {
  readonly name: 'identity' | 'tokens';
  readonly description: string;
  readonly module: DynamicModule;
  readonly port: number;
  /** Where it listens; unset: on every address. */
  readonly bindAddress?: string;
  readonly natsUrl: string;
  /** Waited for at the start, where it is told; the line at the start has it without its password. */
  readonly databaseUrl?: string;
  /** What the service becomes there, and where. */
  readonly databasePart?: DatabasePart;
  /** What must have been done to that part. */
  readonly migrations?: readonly MigrationStep[];
  readonly trustedProxies: number;
  readonly log?: LogSettings;
  /** How errors are answered; `ProblemFilter` where it is left out. */
  readonly errors?: ProblemFilter;
  /** Starts what the service does by itself, once everything it stands on is there. */
  readonly start?: (app: INestApplication) => Promise<void>;
  /** What to log instead of what `log` says, by Nest's names. */
  readonly logLevels?: LogLevel[];
}

/** What an application over HTTP needs to begin with. */
export interface HttpSettings {
  readonly trustedProxies: number;
  readonly log?: LogSettings;
  readonly logLevels?: LogLevel[];
  readonly errors?: ProblemFilter;
  /** What else answers requests, and finishes at the end when HTTP does. */
  readonly alsoFinish?: () => Promise<unknown>;
}

/** The largest body that is read; a larger one is a 413. */
const BODY_LIMIT = '64kb';

/** An application with bounded connections, an end that cuts nobody off, request ids, our log and problems. Not yet initialized. */
export async function createHttpApplication(module: Type | DynamicModule, settings: HttpSettings) {
  const { trustedProxies, log = { level: 'info', format: 'json' }, logLevels } = settings;
  const app = await NestFactory.create<NestExpressApplication>(
    module,
    new BoundedExpressAdapter(settings.alsoFinish) as never,
    { logger: new ServiceLogger(log, logLevels), abortOnError: false },
  );
  app.set('trust proxy', trustedProxies);
  app.disable('x-powered-by');
  app.use(identifyRequest, noStore, refuseBadEncoding, answerOptions);
  readBodies(app);
  app.useGlobalFilters(settings.errors ?? new ProblemFilter());
  return app;
}

/** Answers are about people and their secrets. */
function noStore(_request: Request, response: Response, next: NextFunction): void {
  response.setHeader('Cache-Control', 'no-store');
  next();
}

/** Has bodies read, at most 64 KiB of each. */
function readBodies(app: NestExpressApplication): void {
  // What is JSON and no object is parsed too: it is the schema that refuses it.
  const json = { limit: BODY_LIMIT, strict: false, verify: refuseBadBytes };
  const form = { limit: BODY_LIMIT, extended: false, verify: refuseBadForm };
  app.useBodyParser('json', json);
  app.useBodyParser('urlencoded', form);
}

/** Creates a service's application: HTTP, NATS requests, problems, OpenAPI at `/openapi.json`, its pages at `/docs`. */
export async function createService(
  service: ServiceDefinition,
  /** Called when the application is there, before anybody can ask it anything. */
  onCreated: (app: INestApplication) => void = () => undefined,
): Promise<INestApplication> {
  const requests = new NatsRequestServer(service.natsUrl, service.name);
  const app = await createHttpApplication(service.module, { ...service, alsoFinish: () => requests.close() });
  app.set('query parser', 'simple');
  app.disable('etag');
  app.use((request: Request, _response: Response, next: NextFunction) => {
    // An entity tag stands for what can be changed; uses and times move without it, and a 304 would hide that.
    Object.defineProperty(request, 'fresh', { value: false });
    Object.defineProperty(request, 'ip', { value: readAddress(request.ip) ?? undefined });
    next();
  });
  app.useGlobalPipes(validationPipe);
  app.useGlobalInterceptors(new AnswerHeaders());
  refuseUnknownFields(app);
  app.connectMicroservice({ strategy: requests }, { inheritAppConfig: false });
  const document = createDocument(app, { title: `Tokenlog ${service.name}`, description: service.description });
  SwaggerModule.setup('docs', app, document, { jsonDocumentUrl: 'openapi.json' });
  // Relative: the console serves this service below a path of its own.
  const express: Express = app.getHttpAdapter().getInstance();
  express.get('/', (_request, response) => response.redirect(302, 'docs'));
  try {
    // What the service does by itself starts in these two, and nobody waits for it.
    await patiently(() => app.init());
    onCreated(app);
    await app.startAllMicroservices();
    await patiently(async () => service.start?.(app));
  } catch (error) {
    await app.close();
    throw error;
  }
  return app;
}

/** Starts a service; it can be told to stop from when it can be asked something. */
export async function runService(service: ServiceDefinition, { began }: Start): Promise<Program> {
  await waitForServers(service);
  const app = await createService(service, (created) => began(programOf(service.name, created)));
  await listen(app, service);
  const uses = [
    service.databaseUrl && `database ${placeOfDatabase(service.databaseUrl)}`,
    `NATS ${placeOfNats(service.natsUrl)}`,
  ];
  await sayStarted(service.name, app, uses);
  return programOf(service.name, app);
}

/** Logs the line at the start: what runs, where it listens, what it stands on. */
export async function sayStarted(name: string, app: INestApplication, uses: readonly (string | undefined)[]) {
  const on = uses.filter((part) => part !== undefined).join(', ');
  const url = await app.getUrl();
  new Logger('Service').log(`${name} listens on ${url} (version ${VERSION}, Node ${process.version}; uses ${on})`);
}

/** An application as a program: it finishes what it was asked, and says that and why it stops. */
export function programOf(name: string, app: INestApplication): Program {
  return {
    async stop(reason) {
      const logger = new Logger('Service');
      const began = performance.now();
      logger.log(`${name} stops: ${reason}; what was asked before is still answered`);
      await app.close();
      logger.log(`${name} has stopped after ${((performance.now() - began) / 1000).toFixed(1)} s`);
    },
  };
}

/** Listens on the one address that is given, or on all. */
export async function listen(app: INestApplication, { port, bindAddress }: { port: number; bindAddress?: string }) {
  await (bindAddress ? app.listen(port, bindAddress) : app.listen(port));
}

/** A database's host and name, without what is secret in its URL. */
function placeOfDatabase(url: string): string {
  const { host, port, database } = databaseConnection(url);
  return `${host.includes(':') ? `[${host}]` : host}:${port}/${database}`;
}

/** The servers of a URL, without what is secret in it. */
export function placeOfNats(url: string): string {
  return parseNatsUrl(url).servers.join(' and ');
}
