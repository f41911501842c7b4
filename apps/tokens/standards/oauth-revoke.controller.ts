import { Body, Controller, Post, UseGuards } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { ApiTags } from '@nestjs/swagger';
import { Public } from '@tokenlog/auth';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { Problem } from '@tokenlog/platform/problem.js';
import { IgnoreUnknownFields } from '@tokenlog/platform/unknown-fields.js';
import type { z } from 'zod';
import { Peppers } from '../secret/peppers.js';
import { provedSecret } from '../secret/proved-secret.js';
import { StaticKeys } from '../secret/static-keys.js';
import { EndSession } from '../session/end-session.js';
import { type Caller, CurrentCaller, metadataOf } from '../user/caller.js';
import { RevokeToken } from '../verbs/revoke-token.js';
import { presentedForm } from './introspect.controller.js';
import { OAuthClientGuard } from './oauth-client.guard.js';
import { OAuthOperation } from './oauth-operation.js';

/** What a token's history says beside the name of the caller. */
const REASON = 'presented for revocation (RFC 7009)';

/** RFC 7009: whoever holds a token may end it, through a client that may introspect. */
@ApiTags('standards')
@Public()
@UseGuards(OAuthClientGuard)
@IgnoreUnknownFields()
@Controller('oauth2/revoke')
export class OAuthRevokeController {
  constructor(
    private readonly commands: CommandBus,
    private readonly store: EventStore,
    private readonly staticKeys: StaticKeys,
    private readonly peppers: Peppers,
  ) {}

  @OAuthOperation({
    id: 'revokePresentedToken',
    summary: 'End the token or session whose secret is presented (RFC 7009). The caller needs the scope `introspect`.',
    description: '200 for what was no live token too: there is nothing left to do. No password is asked for.',
    answers: { 200: { description: 'No verification accepts it any more.' } },
  })
  @Post()
  async revoke(
    @CurrentCaller() caller: Caller,
    @Body({ schema: presentedForm }) { token }: z.output<typeof presentedForm>,
  ): Promise<void> {
    const proved = await provedSecret(this.store.pool, this.peppers, this.staticKeys, token);
    if (proved?.kind === 'session') {
      await this.commands.execute(new EndSession(proved.id, 'anyone', 'ended', metadataOf(caller)));
    }
    if (proved?.kind === 'token') {
      const wishes = { reason: REASON, selfService: true };
      await this.commands.execute(new RevokeToken(caller, proved.id, 'anyone', wishes)).catch(unlessGone);
    }
  }
}

/** Deleted since its secret was proved: that is over too. */
function unlessGone(error: unknown): void {
  if (!(error instanceof Problem) || error.getStatus() !== 404) throw error;
}
