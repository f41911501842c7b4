import { Controller, Get, Post, UseGuards } from '@nestjs/common';
import { type Authentication, CurrentAuthentication, RequireRoles, RequireScopes, TokenGuard } from '@tokenlog/auth';
import { named } from '@tokenlog/contracts/named.js';
import { Operation } from '@tokenlog/platform/operation.js';
import { z } from 'zod';

const caller = named(
  'Caller',
  z.object({
    user: z.object({ id: z.uuid(), username: z.string(), roles: z.array(z.string()) }),
    scopes: z.array(z.string()),
  }),
  {
    user: { id: '01997c9e-1111-7111-8111-111111111111', username: 'ada', roles: ['operator'] },
    scopes: ['rest'],
  },
);

/** Who calls, and with which scopes: all that this service knows. */
@Controller()
@UseGuards(TokenGuard)
@RequireScopes('rest')
export class WhoamiController {
  @Operation({ id: 'getCaller', summary: 'Who calls; the token needs the scope `rest`.', answers: { 200: caller } })
  @Get()
  read(@CurrentAuthentication() { user, scopes }: Authentication) {
    return { user, scopes };
  }

  @Operation({
    id: 'postCaller',
    summary: 'The same; a POST may carry its token as the parameter `auth_token` (S3).',
    answers: { 200: caller },
  })
  @Post()
  post(@CurrentAuthentication() { user, scopes }: Authentication) {
    return { user, scopes };
  }

  @Operation({
    id: 'getCallingAdmin',
    summary: 'The same, for users with the role `admin` (S26).',
    answers: { 200: caller },
  })
  @RequireRoles('admin')
  @Get('admin')
  admin(@CurrentAuthentication() { user, scopes }: Authentication) {
    return { user, scopes };
  }
}
