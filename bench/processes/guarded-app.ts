import 'reflect-metadata';
import { type CanActivate, Controller, Get, type INestApplication, Module, type Type, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { AuthModule, RequireScopes, TokenGuard } from '@tokenlog/auth';
import { givenArguments, serveParent } from '../child.js';

/** What this process is started with. */
export interface GuardedAppGiven {
  readonly adapter: 'Express' | 'Fastify';
  readonly natsUrl: string;
}

/** What this process is asked: a new application that listens. The one before it ends. */
export interface GuardedAppMessage {
  readonly start: 'guarded' | 'no-op guard' | 'unguarded';
}

const { adapter, natsUrl } = givenArguments<GuardedAppGiven>();
const adapters = { Express: ExpressAdapter, Fastify: FastifyAdapter };

@Controller()
class UnguardedController {
  @Get()
  read() {
    return { hello: 'world' };
  }
}

class NoOpGuard implements CanActivate {
  canActivate() {
    return true;
  }
}

@Controller()
@UseGuards(NoOpGuard)
class NoOpGuardedController {
  @Get()
  read() {
    return { hello: 'world' };
  }
}

@Controller()
@UseGuards(TokenGuard)
class GuardedController {
  @Get()
  @RequireScopes('rest')
  read() {
    return { hello: 'world' };
  }
}

@Module({ controllers: [UnguardedController] })
class UnguardedModule {}

@Module({ controllers: [NoOpGuardedController] })
class NoOpGuardedModule {}

@Module({
  imports: [AuthModule.forRoot({ nats: natsUrl, service: 'bench', cache: true })],
  controllers: [GuardedController],
})
class GuardedModule {}

const modules: Record<GuardedAppMessage['start'], Type> = {
  guarded: GuardedModule,
  'no-op guard': NoOpGuardedModule,
  unguarded: UnguardedModule,
};
const running = new Map<string, INestApplication>();

serveParent(async ({ start }: GuardedAppMessage) => {
  await running.get(start)?.close();
  const app = await NestFactory.create(modules[start], new adapters[adapter]() as ExpressAdapter, {
    logger: ['error', 'fatal'],
    forceCloseConnections: true,
  });
  await app.listen(0, '127.0.0.1');
  running.set(start, app);
  return app.getUrl();
});
