import { Body, Controller, Delete, Get, Param, Patch, Post, Query } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { ApiTags } from '@nestjs/swagger';
import { RequireScopes } from '@tokenlog/auth';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { CurrentIfMatch, type IfMatch } from '@tokenlog/platform/if-match.js';
import { Operation } from '@tokenlog/platform/operation.js';
import type { z } from 'zod';
import { historyPage, tokenHistory } from '../history/token-history.js';
import { Repeatable, type RepeatableRequest } from '../repeated-requests/idempotency-key.js';
import { KeptAnswers } from '../repeated-requests/kept-answers.js';
import { ListTokens, tokenListQuery, tokenPage } from '../table/list-tokens.js';
import { findToken, tagOf } from '../token/token-view.js';
import { type Caller, CurrentCaller } from '../user/caller.js';
import { CreateToken } from '../verbs/create-token.js';
import { DeleteToken } from '../verbs/delete-token.js';
import { EditToken } from '../verbs/edit-token.js';
import { RefreshToken } from '../verbs/refresh-token.js';
import { RevokeToken } from '../verbs/revoke-token.js';
import { tokenProblems } from './token-problems.js';
import {
  createBody,
  deleteBody,
  editBody,
  editsIn,
  historyQuery,
  refreshBody,
  revokeBody,
  tokenAnswer,
  tokenId,
  tokenWithSecretAnswer,
} from './token-routes.js';

const ownListQuery = tokenListQuery.omit({ user: true, asOf: true });

/** One's own tokens (S9, S18, S19, S21, S22). All others do not exist here. */
@ApiTags('own tokens')
@RequireScopes('tokens')
@Controller('tokens')
export class OwnTokensController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
    private readonly store: EventStore,
    private readonly answers: KeptAnswers,
  ) {}

  @Operation({
    id: 'createToken',
    summary: 'Create a token; its text is in this answer and nowhere else.',
    answers: { 201: tokenWithSecretAnswer },
    problems: tokenProblems.create,
  })
  @Post()
  create(
    @CurrentCaller() caller: Caller,
    @Body({ schema: createBody }) body: z.output<typeof createBody>,
    @CurrentIfMatch() ifMatch: IfMatch,
    @Repeatable() request: RepeatableRequest | null,
  ) {
    ifMatch.assertHolds(null);
    const { password, ...token } = body;
    return this.answers.once(request, caller, null, (claim) =>
      this.commands.execute(new CreateToken(caller, { ...token, userId: caller.id }, password, claim)),
    );
  }

  @Operation({
    id: 'listMyTokens',
    summary: 'List your tokens.',
    answers: { 200: tokenPage },
    problems: tokenProblems.list,
  })
  @Get()
  list(@CurrentCaller() caller: Caller, @Query({ schema: ownListQuery }) query: z.output<typeof ownListQuery>) {
    return this.queries.execute(new ListTokens(query, caller.id));
  }

  @Operation({
    id: 'getMyToken',
    summary: 'Read one of your tokens.',
    answers: { 200: tokenAnswer },
    problems: tokenProblems.read,
  })
  @Get(':id')
  async read(@CurrentCaller() caller: Caller, @Param('id', { schema: tokenId }) id: string) {
    return { token: await findToken(this.store.pool, id, caller.id) };
  }

  @Operation({
    id: 'editMyToken',
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
    const view = () => findToken(this.store.pool, id, caller.id);
    const shown = await view();
    // What was read before somebody else's change is told that, and not that it sends what cannot be changed.
    ifMatch.assertHolds(tagOf(shown));
    const changes = editsIn(body, shown);
    if (Object.keys(changes).length > 0) {
      await this.commands.execute(new EditToken(caller, id, caller.id, changes, ifMatch));
    }
    return { token: await view() };
  }

  @Operation({
    id: 'refreshMyToken',
    summary: 'A new secret on the same token; the old one is dead at once, or after a grace period.',
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
      this.commands.execute(new RefreshToken(caller, id, caller.id, body, ifMatch, claim)),
    );
  }

  @Operation({
    id: 'revokeMyToken',
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
    await this.commands.execute(new RevokeToken(caller, id, caller.id, body, ifMatch));
    return { token: await findToken(this.store.pool, id, caller.id) };
  }

  @Operation({
    id: 'deleteMyToken',
    summary: 'Take a token out of your list, revoked if it still worked; its history stays.',
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
    await this.commands.execute(new DeleteToken(caller, id, caller.id, body.password, ifMatch));
  }

  @Operation({
    id: 'listEventsOfMyToken',
    summary: 'What happened to a token, newest first.',
    answers: { 200: historyPage },
    problems: tokenProblems.history,
  })
  @Get(':id/history')
  async history(
    @CurrentCaller() caller: Caller,
    @Param('id', { schema: tokenId }) id: string,
    @Query({ schema: historyQuery }) query: z.output<typeof historyQuery>,
  ) {
    await findToken(this.store.pool, id, caller.id);
    return tokenHistory(this.store.pool, id, query);
  }
}
