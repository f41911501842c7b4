import { Body, Controller, Get, Post } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { ApiTags } from '@nestjs/swagger';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { CurrentIfMatch, type IfMatch } from '@tokenlog/platform/if-match.js';
import { Operation } from '@tokenlog/platform/operation.js';
import type { z } from 'zod';
import { Repeatable, type RepeatableRequest } from '../repeated-requests/idempotency-key.js';
import { KeptAnswers } from '../repeated-requests/kept-answers.js';
import { findToken } from '../token/token-view.js';
import { askingToken, type Caller, CurrentCaller } from '../user/caller.js';
import { RefreshToken } from '../verbs/refresh-token.js';
import { RevokeToken } from '../verbs/revoke-token.js';
import { tokenProblems } from './token-problems.js';
import { selfRefreshBody, selfRevokeBody, tokenAnswer, tokenWithSecretAnswer } from './token-routes.js';

/** What a script needs to look after its own token. Every live token may, whatever its scopes; no password is asked for. */
@ApiTags('the token itself')
@Controller('tokens/self')
export class TokenSelfController {
  constructor(
    private readonly commands: CommandBus,
    private readonly store: EventStore,
    private readonly answers: KeptAnswers,
  ) {}

  @Operation({
    id: 'getTokenItself',
    summary: 'The token that asks.',
    answers: { 200: tokenAnswer },
    problems: ['not-a-token', ...tokenProblems.read],
  })
  @Get()
  async read(@CurrentCaller() caller: Caller) {
    return { token: await findToken(this.store.pool, tokenOf(caller), 'anyone') };
  }

  @Operation({
    id: 'refreshTokenItself',
    summary: 'A new secret for the token that asks.',
    answers: { 200: tokenWithSecretAnswer },
    problems: tokenProblems.refreshSelf,
  })
  @Post('refresh')
  refresh(
    @CurrentCaller() caller: Caller,
    @Body({ schema: selfRefreshBody }) body: z.output<typeof selfRefreshBody>,
    @CurrentIfMatch() ifMatch: IfMatch,
    @Repeatable() request: RepeatableRequest | null,
  ) {
    const [tokenId, wishes] = [tokenOf(caller), { ...body, selfService: true }];
    return this.answers.once(request, caller, tokenId, (claim) =>
      this.commands.execute(new RefreshToken(caller, tokenId, caller.id, wishes, ifMatch, claim)),
    );
  }

  @Operation({
    id: 'revokeTokenItself',
    summary: 'End the token that asks.',
    answers: { 200: tokenAnswer },
    problems: tokenProblems.revokeSelf,
  })
  @Post('revoke')
  async revoke(
    @CurrentCaller() caller: Caller,
    @Body({ schema: selfRevokeBody }) body: z.output<typeof selfRevokeBody>,
    @CurrentIfMatch() ifMatch: IfMatch,
  ) {
    const wishes = { ...body, selfService: true };
    await this.commands.execute(new RevokeToken(caller, tokenOf(caller), caller.id, wishes, ifMatch));
    return { token: await findToken(this.store.pool, tokenOf(caller), 'anyone') };
  }
}

function tokenOf(caller: Caller): string {
  return askingToken(caller, 'Only a token itself may ask this; you have a session.');
}
