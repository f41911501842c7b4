import { Body, Controller, HttpCode, Post, Req, Res, UseGuards } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import {
  AllowWhilePasswordChangeRequired,
  type Authentication,
  CurrentAuthentication,
  Public,
  SetsCookie,
} from '@tokenlog/auth';
import { instant } from '@tokenlog/contracts/message.js';
import { clearSessionCookie, setSessionCookie } from '@tokenlog/platform/session-cookie.js';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { LoginGuard } from './local.strategy.js';
import { loginBody } from './log-in.js';
import { LogOut } from './log-out.js';
import type { Login } from './login-session.js';
import { userView, viewOf } from './user-view.js';

const loginAnswer = z.object({ session: z.object({ credential: z.string(), expiresAt: instant }), user: userView });

@ApiTags('login')
@Controller()
export class SessionController {
  constructor(private readonly commands: CommandBus) {}

  @ApiOperation({
    summary: 'Starts a session, in the answer and as the cookie `session`.',
    description:
      'The password field also takes a token of the user. 401 `wrong-credentials`, 403 `user-disabled`, 429.',
  })
  @ApiOkResponse({ standardSchema: loginAnswer })
  @Public()
  @SetsCookie()
  @UseGuards(LoginGuard)
  @Post('login')
  @HttpCode(200)
  login(
    @Body({ schema: loginBody }) _body: z.output<typeof loginBody>,
    @Req() request: Request & { user: Login },
    @Res({ passthrough: true }) response: Response,
  ): z.output<typeof loginAnswer> {
    const { session, user } = request.user;
    setSessionCookie(request, response, session.credential, new Date(session.expiresAt));
    response.set('Cache-Control', 'no-store');
    return { session, user: viewOf(user) };
  }

  @ApiOperation({ summary: 'Ends the session that asks.' })
  @ApiNoContentResponse()
  @AllowWhilePasswordChangeRequired()
  @SetsCookie()
  @Post('logout')
  @HttpCode(204)
  async logout(
    @CurrentAuthentication() authentication: Authentication,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<void> {
    await this.commands.execute(new LogOut(authentication));
    clearSessionCookie(request, response);
  }
}
