import { Controller, Get, Query, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { RequireRoles, RequireScopes } from '@tokenlog/auth';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { patiently } from '@tokenlog/platform/bounded-client.js';
import type { Response } from 'express';
import { type AuditQuery, auditLog, auditPage, auditQuery, toCsv } from './audit-log.js';

/** The log, for the auditor. */
@ApiTags('admin: audit')
@RequireScopes('admin')
@RequireRoles('admin')
@Controller('admin/audit')
export class AuditController {
  constructor(private readonly store: EventStore) {}

  @ApiOperation({
    summary: 'The whole log, in order, without gaps.',
    description: 'With jsonl and csv the next cursor is in the header Next-Cursor.',
  })
  @ApiOkResponse({ standardSchema: auditPage })
  @Get()
  async audit(@Query({ schema: auditQuery }) query: AuditQuery, @Res({ passthrough: true }) response: Response) {
    // The whole log may be gone through.
    const page = await patiently(() => auditLog(this.store, query));
    if (query.format === 'json') return page;
    if (page.nextCursor) response.setHeader('Next-Cursor', page.nextCursor);
    if (query.format === 'csv') {
      response.type('text/csv; charset=utf-8').attachment('tokenlog-audit.csv');
      return toCsv(page.items);
    }
    response.type('application/jsonl');
    return page.items.map((item) => `${JSON.stringify(item)}\n`).join('');
  }
}
