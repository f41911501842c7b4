import type { Server } from 'node:http';
import { type INestApplication, type LoggerService, Module, type ModuleMetadata } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';

/** The HTTP adapters that the guard must work on alike. */
export const adapters = {
  Express: () => new ExpressAdapter(),
  Fastify: () => new FastifyAdapter({ trustProxy: true }) as unknown as ExpressAdapter,
};
export type Adapter = keyof typeof adapters;

/** For specs: keeps every line that an application logs. */
export class LogOfTest implements LoggerService {
  readonly lines: string[] = [];
  private readonly keep = (...parts: unknown[]) => void this.lines.push(parts.map(String).join(' '));
  log = this.keep;
  warn = this.keep;
  error = this.keep;
  fatal = this.keep;
  debug = this.keep;
  verbose = this.keep;
}

/** For specs: an application of this metadata, listening on a free port. */
export async function startApp(
  metadata: ModuleMetadata,
  adapter: Adapter = 'Express',
  logger: LoggerService | false = false,
): Promise<INestApplication<Server>> {
  @Module(metadata)
  class AppModule {}
  const app = await NestFactory.create(AppModule, adapters[adapter](), {
    logger,
    abortOnError: false,
    forceCloseConnections: true,
  });
  if (adapter === 'Express') app.getHttpAdapter().getInstance().set('trust proxy', true);
  await app.listen(0, '127.0.0.1');
  return app as INestApplication<Server>;
}
