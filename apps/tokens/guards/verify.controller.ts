import { Controller } from '@nestjs/common';
import { Ctx, MessagePattern, type NatsContext, Payload } from '@nestjs/microservices';
import { guardNameIn, subjectsOfGuards } from '@tokenlog/contracts/guard/guard-name.js';
import { type VerifyReply, type VerifyRequest, verify } from '@tokenlog/contracts/tokens/verify.js';
import { answer } from '@tokenlog/platform/nats-transport.js';
import { Verifier } from '../verification/verifier.js';
import { GuardAnswers } from './guard-answers.js';

/**
 * `tokens.verify`: the one request that is no command. A verification decides nothing about the token's future, and a
 * bus between it and its batch would be all it spends its time on.
 */
@Controller()
export class VerifyController {
  constructor(
    private readonly verifier: Verifier,
    private readonly answers: GuardAnswers,
  ) {}

  @MessagePattern(verify.subject)
  verify(@Payload() payload: unknown) {
    return answer(verify, payload, (request) => this.verifier.verify(request, 'nats'));
  }

  /** `tokens.verify.<name>`: only the guard of this name may ask there, and its uses are counted under it. */
  @MessagePattern(subjectsOfGuards(verify.subject))
  verifyForGuard(@Payload() payload: unknown, @Ctx() context: NatsContext) {
    const name = guardNameIn(context.getSubject());
    return answer(verify, payload, (request) => this.verifyAs(name, request));
  }

  private async verifyAs(name: string | null, request: VerifyRequest): Promise<VerifyReply> {
    if (name === null) return this.verifier.verify(request);
    const reply = await this.verifier.verify({ ...request, service: name });
    await this.answers.note(name, reply);
    return reply;
  }
}
