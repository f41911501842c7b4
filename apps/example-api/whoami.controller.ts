import { Controller, Get, HttpCode, Post, UseGuards } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { type Authentication, CurrentAuthentication, RequireRoles, RequireScopes, TokenGuard } from '@tokenlog/auth';

const answer = {
  schema: {
    type: 'object',
    required: ['user', 'scopes'],
    properties: {
      user: {
        type: 'object',
        required: ['id', 'username', 'roles'],
        properties: {
          id: { type: 'string', format: 'uuid' },
          username: { type: 'string' },
          roles: { type: 'array', items: { type: 'string' } },
        },
      },
      scopes: { type: 'array', items: { type: 'string' } },
    },
  },
};

/** Who calls, and with which scopes: all that this service knows. */
@ApiBearerAuth()
@Controller()
@UseGuards(TokenGuard)
@RequireScopes('rest')
export class WhoamiController {
  @ApiOperation({ summary: 'Who calls; the token needs the scope `rest`.' })
  @ApiOkResponse(answer)
  @Get()
  read(@CurrentAuthentication() { user, scopes }: Authentication) {
    return { user, scopes };
  }

  @ApiOperation({ summary: 'The same; a POST may carry its token as the parameter `auth_token` (S3).' })
  @ApiOkResponse(answer)
  @HttpCode(200)
  @Post()
  post(@CurrentAuthentication() { user, scopes }: Authentication) {
    return { user, scopes };
  }

  @ApiOperation({ summary: 'The same, for users with the role `admin` (S26).' })
  @ApiOkResponse(answer)
  @RequireRoles('admin')
  @Get('admin')
  admin(@CurrentAuthentication() { user, scopes }: Authentication) {
    return { user, scopes };
  }
}
