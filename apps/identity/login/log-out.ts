import type { NatsConnection } from '@nats-io/transport-node';
import { Inject } from '@nestjs/common';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { LEASE_MS } from '@tokenlog/contracts/guard/heartbeat.js';
import { endSession } from '@tokenlog/contracts/internal/end-session.js';
import type { ActiveReply } from '@tokenlog/contracts/tokens/verify.js';
import { NATS } from '@tokenlog/platform/nats.js';
import { request } from '@tokenlog/platform/nats-request.js';
import { Problem } from '@tokenlog/platform/problem.js';

/** Ends the session that asks for it. Fails with 409 `not-a-session` for a token, and 503 while the token service is away. */
export class LogOut extends Command<void> {
  constructor(readonly authentication: Pick<ActiveReply, 'user' | 'session'>) {
    super();
  }
}

@CommandHandler(LogOut)
export class LogOutHandler implements ICommandHandler<LogOut> {
  constructor(@Inject(NATS) private readonly nats: NatsConnection) {}

  async execute({ authentication: { session, user } }: LogOut): Promise<void> {
    if (!session) throw new Problem('not-a-session', 'A token is no session: there is nothing to log out of.');
    const by = { kind: 'user' as const, id: user.id, username: user.username };
    // A caching guard that does not acknowledge is waited for until its lease has run out.
    await request(this.nats, endSession, { sessionId: session.id, by }, LEASE_MS + 1_000);
  }
}
