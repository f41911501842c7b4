import { Body, Controller, Post, Req, Res, UseGuards } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { ApiTags } from '@nestjs/swagger';
import {
  AllowWhilePasswordChangeRequired,
  type Authentication,
  CurrentAuthentication,
  Public,
  SetsCookie,
} from '@tokenlog/auth';
import { exampleOf, named } from '@tokenlog/contracts/named.js';
import { sessionCredential } from '@tokenlog/contracts/session-credential.js';
import { Operation, UNAVAILABLE } from '@tokenlog/platform/operation.js';
import { clearSessionCookie, setSessionCookie } from '@tokenlog/platform/session-cookie.js';
import { TakesForm } from '@tokenlog/platform/unknown-fields.js';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { LoginGuard } from '../login/local.strategy.js';
import { loginBody } from '../login/log-in.js';
import { LogOut } from '../login/log-out.js';
import type { Login } from '../login/login-session.js';
import { userView, viewOf } from '../user/user-view.js';

const loginAnswer = named('LoggedIn', z.object({ session: sessionCredential, user: userView }), {
  session: exampleOf(sessionCredential),
  user: exampleOf(userView),
});

@ApiTags('login')
@Controller()
export class SessionController {
  constructor(private readonly commands: CommandBus) {}

  @Operation({
    id: 'logIn',
    summary: 'Starts a session, in the answer and as the cookie `session`.',
    description: 'The password field also takes a token of the user.',
    answers: { 200: loginAnswer },
    problems: ['wrong-credentials', ['user-disabled', 403], 'too-many-attempts', ...UNAVAILABLE],
  })
  @Public()
  @SetsCookie()
  @TakesForm()
  @UseGuards(LoginGuard)
  @Post('login')
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

  @Operation({
    id: 'logOut',
    summary: 'Ends the session that asks.',
    answers: { 204: null },
    problems: ['not-a-session', 'session-not-found'],
  })
  @AllowWhilePasswordChangeRequired()
  @SetsCookie()
  @Post('logout')
  async logout(
    @CurrentAuthentication() authentication: Authentication,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<void> {
    await this.commands.execute(new LogOut(authentication));
    clearSessionCookie(request, response);
  }
}
