import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern, type MicroserviceOptions, Payload, Transport } from '@nestjs/microservices';
import { natsOptions } from '@tokenlog/platform/nats.js';
import { givenArguments, serveParent } from '../child.js';

/** The least that a Nest service does for a message: a handler that returns its payload. */
const { natsUrl, subject } = givenArguments<{ natsUrl: string; subject: string }>();

@Controller()
class EchoController {
  @MessagePattern(subject)
  echo(@Payload() payload: unknown): unknown {
    return payload;
  }
}

@Module({ controllers: [EchoController] })
class EchoModule {}

const app = await NestFactory.createMicroservice<MicroserviceOptions>(EchoModule, {
  logger: ['error', 'fatal'],
  transport: Transport.NATS,
  options: natsOptions(natsUrl, 'tokens', 'bench-nest-echo') as object,
});
await app.listen();
serveParent();
