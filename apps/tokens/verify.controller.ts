import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { verify } from '@tokenlog/contracts/tokens/verify.js';
import { answer } from '@tokenlog/platform/nats-transport.js';
import { Verifier } from './verifier.js';

/**
 * `tokens.verify`: the one request that is no command. A verification decides nothing about the token's future, and a
 * bus between it and its batch would be all it spends its time on.
 */
@Controller()
export class VerifyController {
  constructor(private readonly verifier: Verifier) {}

  @MessagePattern(verify.subject)
  verify(@Payload() payload: unknown) {
    return answer(verify, payload, (request) => this.verifier.verify(request, 'nats'));
  }
}
