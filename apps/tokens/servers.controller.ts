import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { RequireRoles, RequireScopes } from '@tokenlog/auth';
import { z } from 'zod';
import { Servers, serverView } from './servers.js';

const serverList = z.object({ items: z.array(serverView) });

/** The deployments whose tokens can be managed, for whoever picks one (S38). */
@ApiTags('admin: servers')
@RequireScopes('admin')
@RequireRoles('admin')
@Controller('servers')
export class ServersController {
  constructor(private readonly servers: Servers) {}

  @ApiOperation({
    summary: 'This server and the configured others, with their state.',
    description: 'Each of the others is asked for /health/ready below its address; the answers are kept for 5 seconds.',
  })
  @ApiOkResponse({ standardSchema: serverList })
  @Get()
  async list(): Promise<z.output<typeof serverList>> {
    return { items: await this.servers.list() };
  }
}
