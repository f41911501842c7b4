import 'reflect-metadata';
import { ConsoleLogger, Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { ProblemFilter } from '@tokenlog/platform/problem.js';
import { exampleConfig } from './config.js';
import { ExampleModule } from './example.module.js';

try {
  const config = exampleConfig(process.env);
  const app = await NestFactory.create<NestExpressApplication>(ExampleModule.with(config), {
    logger: new ConsoleLogger({ json: true, logLevels: ['log', 'warn', 'error', 'fatal'] }),
    abortOnError: false,
    forceCloseConnections: true,
  });
  app.set('trust proxy', config.TRUSTED_PROXIES);
  app.disable('x-powered-by');
  app.useGlobalFilters(new ProblemFilter());
  app.enableShutdownHooks();
  const description = new DocumentBuilder().setTitle('Tokenlog example-api').setVersion('1').addBearerAuth().build();
  SwaggerModule.setup('docs', app, SwaggerModule.createDocument(app, description), { jsonDocumentUrl: 'openapi.json' });
  await app.listen(config.EXAMPLE_PORT);
  new Logger('Service').log(`example-api listens on ${await app.getUrl()}`);
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException;
  process.stderr.write(`${code === 'EADDRINUSE' ? `port ${process.env.EXAMPLE_PORT || 3003} is taken` : message}\n`);
  process.exit(1);
}
