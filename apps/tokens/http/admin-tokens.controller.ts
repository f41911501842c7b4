import { Body, Controller, Delete, Get, Param, Patch, Post, Query } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { ApiTags } from '@nestjs/swagger';
import { RequireRoles, RequireScopes } from '@tokenlog/auth';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { CurrentIfMatch, type IfMatch } from '@tokenlog/platform/if-match.js';
import { Operation } from '@tokenlog/platform/operation.js';
import type { z } from 'zod';
import { historyPage, tokenHistory } from '../history/token-history.js';
import { Repeatable, type RepeatableRequest } from '../repeated-requests/idempotency-key.js';
import { KeptAnswers } from '../repeated-requests/kept-answers.js';
import { ListTokens, type TokenListQuery, tokenListQuery, tokenPage } from '../table/list-tokens.js';
import { findToken, tagOf } from '../token/token-view.js';
import { type Caller, CurrentCaller } from '../user/caller.js';
import { CreateToken } from '../verbs/create-token.js';
import { DeleteToken } from '../verbs/delete-token.js';
import { EditToken } from '../verbs/edit-token.js';
import { ReassignToken } from '../verbs/reassign-token.js';
import { RefreshToken } from '../verbs/refresh-token.js';
import { RevokeToken } from '../verbs/revoke-token.js';
import { tokenProblems } from './token-problems.js';
import {
  adminCreateBody,
  deleteBody,
  editBody,
  editsIn,
  historyQuery,
  reassignBody,
  refreshBody,
  revokeBody,
  tokenAnswer,
  tokenId,
  tokenWithSecretAnswer,
} from './token-routes.js';

/** Everybody's tokens, for admins (S10, S36, S39): the same commands as the owner's own routes. */
@ApiTags('admin: tokens')
@RequireScopes('admin')
@RequireRoles('admin')
@Controller('admin/tokens')
export class AdminTokensController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
    private readonly store: EventStore,
    private readonly answers: KeptAnswers,
  ) {}

  @Operation({
    id: 'listTokens',
    summary: 'The table of all tokens (S36), now or as it was.',
    answers: { 200: tokenPage },
    problems: tokenProblems.list,
  })
  @Get()
  list(@Query({ schema: tokenListQuery }) query: TokenListQuery) {
    return this.queries.execute(new ListTokens(query, 'anyone'));
  }

  @Operation({
    id: 'createTokenForUser',
    summary: 'Create a token for any user.',
    answers: { 201: tokenWithSecretAnswer },
    problems: tokenProblems.create,
  })
  @Post()
  create(
    @CurrentCaller() caller: Caller,
    @Body({ schema: adminCreateBody }) body: z.output<typeof adminCreateBody>,
    @CurrentIfMatch() ifMatch: IfMatch,
    @Repeatable() request: RepeatableRequest | null,
  ) {
    ifMatch.assertHolds(null);
    const { password, ...token } = body;
    return this.answers.once(request, caller, null, (claim) =>
      this.commands.execute(new CreateToken(caller, token, password, claim)),
    );
  }

  @Operation({
    id: 'getToken',
    summary: 'Read a token, a deleted one too.',
    answers: { 200: tokenAnswer },
    problems: tokenProblems.read,
  })
  @Get(':id')
  async read(@Param('id', { schema: tokenId }) id: string) {
    return { token: await this.view(id) };
  }

  @Operation({
    id: 'editToken',
    summary: 'Change description, scopes or expiry.',
    answers: { 200: tokenAnswer },
    problems: tokenProblems.edit,
  })
  @Patch(':id')
  async edit(
    @CurrentCaller() caller: Caller,
    @Param('id', { schema: tokenId }) id: string,
    @Body({ schema: editBody }) body: z.output<typeof editBody>,
    @CurrentIfMatch() ifMatch: IfMatch,
  ) {
    const shown = await this.view(id);
    // What was read before somebody else's change is told that, and not that it sends what cannot be changed.
    ifMatch.assertHolds(tagOf(shown));
    const changes = editsIn(body, shown);
    if (Object.keys(changes).length > 0) {
      await this.commands.execute(new EditToken(caller, id, 'anyone', changes, ifMatch));
    }
    return { token: await this.view(id) };
  }

  @Operation({
    id: 'refreshToken',
    summary: 'A new secret on the same token.',
    answers: { 200: tokenWithSecretAnswer },
    problems: tokenProblems.refresh,
  })
  @Post(':id/refresh')
  refresh(
    @CurrentCaller() caller: Caller,
    @Param('id', { schema: tokenId }) id: string,
    @Body({ schema: refreshBody }) body: z.output<typeof refreshBody>,
    @CurrentIfMatch() ifMatch: IfMatch,
    @Repeatable() request: RepeatableRequest | null,
  ) {
    return this.answers.once(request, caller, id, (claim) =>
      this.commands.execute(new RefreshToken(caller, id, 'anyone', body, ifMatch, claim)),
    );
  }

  @Operation({
    id: 'revokeToken',
    summary: 'End a token for good.',
    answers: { 200: tokenAnswer },
    problems: tokenProblems.revoke,
  })
  @Post(':id/revoke')
  async revoke(
    @CurrentCaller() caller: Caller,
    @Param('id', { schema: tokenId }) id: string,
    @Body({ schema: revokeBody }) body: z.output<typeof revokeBody>,
    @CurrentIfMatch() ifMatch: IfMatch,
  ) {
    await this.commands.execute(new RevokeToken(caller, id, 'anyone', body, ifMatch));
    return { token: await this.view(id) };
  }

  @Operation({
    id: 'reassignToken',
    summary: 'Attach a token to another user, with a new secret (S31).',
    answers: { 200: tokenWithSecretAnswer },
    problems: tokenProblems.reassign,
  })
  @Post(':id/reassign')
  reassign(
    @CurrentCaller() caller: Caller,
    @Param('id', { schema: tokenId }) id: string,
    @Body({ schema: reassignBody }) body: z.output<typeof reassignBody>,
    @CurrentIfMatch() ifMatch: IfMatch,
    @Repeatable() request: RepeatableRequest | null,
  ) {
    return this.answers.once(request, caller, id, (claim) =>
      this.commands.execute(new ReassignToken(caller, id, body.userId, body.password, ifMatch, claim)),
    );
  }

  @Operation({
    id: 'deleteToken',
    summary: 'Take a token out of the table, revoked if it still worked; its history stays.',
    answers: { 204: null },
    problems: tokenProblems.delete,
  })
  @Delete(':id')
  async delete(
    @CurrentCaller() caller: Caller,
    @Param('id', { schema: tokenId }) id: string,
    @Body({ schema: deleteBody }) body: z.output<typeof deleteBody>,
    @CurrentIfMatch() ifMatch: IfMatch,
  ) {
    await this.commands.execute(new DeleteToken(caller, id, 'anyone', body.password, ifMatch));
  }

  @Operation({
    id: 'listEventsOfToken',
    summary: 'Every event of a token, newest first.',
    answers: { 200: historyPage },
    problems: tokenProblems.history,
  })
  @Get(':id/history')
  async history(
    @Param('id', { schema: tokenId }) id: string,
    @Query({ schema: historyQuery }) query: z.output<typeof historyQuery>,
  ) {
    await this.view(id);
    return tokenHistory(this.store.pool, id, query);
  }

  private view(id: string) {
    return findToken(this.store.pool, id, 'anyone');
  }
}
