import { MikroORM } from '@mikro-orm/postgresql';
import { Controller, Get, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { RequireRoles, RequireScopes } from '@tokenlog/auth';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { patiently } from '@tokenlog/platform/bounded-client.js';
import { Operation } from '@tokenlog/platform/operation.js';
import type { Response } from 'express';
import {
  type AuditQuery,
  auditLog,
  auditPage,
  auditQuery,
  shownAuditEvent,
  toCsv,
  toJsonLines,
} from '../history/audit-log.js';
import { tokenProblems } from './token-problems.js';

/** The log, for the auditor. */
@ApiTags('admin: audit')
@RequireScopes('admin')
@RequireRoles('admin')
@Controller('admin/audit')
export class AuditController {
  constructor(
    private readonly store: EventStore,
    private readonly orm: MikroORM,
  ) {}

  @Operation({
    id: 'readAudit',
    summary: 'The whole log, in order, without gaps.',
    description:
      'With `jsonl` and `csv` the next cursor is in the header `Next-Cursor`; without it, this was the last page.',
    answers: {
      200: {
        schema: auditPage,
        formats: { 'application/jsonl': toJsonLines([shownAuditEvent]), 'text/csv': toCsv([shownAuditEvent]) },
        headers: {
          'Next-Cursor': 'The cursor of the next page, with `jsonl` and `csv`.',
          'Content-Disposition': 'With `csv`: the name of a file.',
        },
      },
    },
    problems: tokenProblems.list,
  })
  @Get()
  async audit(@Query({ schema: auditQuery }) query: AuditQuery, @Res({ passthrough: true }) response: Response) {
    // The whole log may be gone through.
    const page = await patiently(() => auditLog(this.store, this.orm.em.fork(), query));
    if (query.format === 'json') return page;
    if (page.nextCursor) response.setHeader('Next-Cursor', page.nextCursor);
    if (query.format === 'csv') {
      response.type('text/csv; charset=utf-8').attachment('tokenlog-audit.csv');
      return toCsv(page.items);
    }
    response.type('application/jsonl');
    return toJsonLines(page.items);
  }
}
