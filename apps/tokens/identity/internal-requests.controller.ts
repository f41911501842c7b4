import { Controller, Inject } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { confirmUser } from '@tokenlog/contracts/internal/confirm-user.js';
import { endSession } from '@tokenlog/contracts/internal/end-session.js';
import { type StartSessionReply, startSession } from '@tokenlog/contracts/internal/start-session.js';
import { userImpact } from '@tokenlog/contracts/internal/user-impact.js';
import { POOL } from '@tokenlog/platform/database.module.js';
import { answer } from '@tokenlog/platform/nats-transport.js';
import { Problem } from '@tokenlog/platform/problem.js';
import type { Pool } from 'pg';
import { CachingGuards } from '../guards/caching-guards.js';
import { EndSession } from '../session/end-session.js';
import { StartSession } from '../session/start-session.js';
import { waitForUser } from '../user/users.js';
import { Verifier } from '../verification/verifier.js';
import { UserImpactQuery } from './user-impact.js';

/** What identity asks of this service. Nobody else may publish these subjects: see `deploy/nats-server.conf`. */
@Controller()
export class InternalRequestsController {
  constructor(
    private readonly commands: CommandBus,
    private readonly verifier: Verifier,
    private readonly impact: UserImpactQuery,
    private readonly guards: CachingGuards,
    @Inject(POOL) private readonly pool: Pool,
  ) {}

  @MessagePattern(startSession.subject)
  startSession(@Payload() payload: unknown) {
    return answer(startSession, payload, async (request): Promise<StartSessionReply> => {
      if (request.with === 'password') {
        const { ip, ...basis } = request;
        return this.start(new StartSession(basis, ip));
      }
      const reply = await this.verifier.verify({
        ...(request.with === 'token' ? { credential: request.credential } : { proof: request.proof }),
        // The name must be the owner's (S4); a wrong one tells no more than a wrong token.
        username: request.username,
        service: 'identity',
        ...(request.ip && { ip: request.ip }),
      });
      if (!reply.active) return { started: false, reason: reply.reason };
      if (!reply.token || reply.kind !== 'token') {
        return { started: false, reason: 'unknown' };
      }
      const { id: tokenId, secretGeneration: generation } = reply.token;
      return this.start(new StartSession({ with: 'token', tokenId, generation }, request.ip));
    });
  }

  /** What it would stand on may have ended since it was asked for; identity tells its caller. */
  private async start(command: StartSession): Promise<StartSessionReply> {
    try {
      return { started: true, ...(await this.commands.execute(command)) };
    } catch (error) {
      if (error instanceof Problem && error.code === 'not-active') return { started: false, reason: 'not-active' };
      if (error instanceof Problem && error.code === 'user-disabled')
        return { started: false, reason: 'user-disabled' };
      throw error;
    }
  }

  @MessagePattern(endSession.subject)
  endSession(@Payload() payload: unknown) {
    return answer(endSession, payload, async ({ sessionId, by }) => {
      await this.commands.execute(new EndSession(sessionId, 'anyone', 'logout', { by }));
      return { ended: true as const };
    });
  }

  @MessagePattern(confirmUser.subject)
  confirmUser(@Payload() payload: unknown) {
    return answer(confirmUser, payload, async ({ userId, version, epoch = 0 }) => {
      await waitForUser(this.pool, userId, { epoch, version });
      await this.guards.forget({ users: [userId] });
      return { holds: true as const };
    });
  }

  @MessagePattern(userImpact.subject)
  userImpact(@Payload() payload: unknown) {
    return answer(userImpact, payload, ({ userId }) => this.impact.of(userId));
  }
}
