import { Controller, Get } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { RequireRoles, RequireScopes } from '@tokenlog/auth';
import { Operation } from '@tokenlog/platform/operation.js';
import type { z } from 'zod';
import { Servers, serverList } from './servers.js';

/** The deployments whose tokens can be managed, for whoever picks one (S38). */
@ApiTags('admin: servers')
@RequireScopes('admin')
@RequireRoles('admin')
@Controller('servers')
export class ServersController {
  constructor(private readonly servers: Servers) {}

  @Operation({
    id: 'listServers',
    summary: 'This server and the configured others, with their state.',
    description: 'Each of the others is asked for /health/ready below its address; the answers are kept for 5 seconds.',
    answers: { 200: serverList },
  })
  @Get()
  async list(): Promise<z.output<typeof serverList>> {
    return { items: await this.servers.list() };
  }
}
