import { type ExecutionContext, Injectable } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { AuthGuard, PassportStrategy } from '@nestjs/passport';
import { validationPipe } from '@tokenlog/platform/validation.js';
import type { Request } from 'express';
import { Strategy } from 'passport-local';
import { LogIn, loginBody } from './log-in.js';
import type { Login } from './login-session.js';

/** Passport's local strategy: user name and password in, a session out. */
@Injectable()
export class LocalStrategy extends PassportStrategy(Strategy) {
  constructor(private readonly commands: CommandBus) {
    super({ passReqToCallback: true });
  }

  validate(request: Request, username: string, password: string): Promise<Login> {
    return this.commands.execute(new LogIn(username, password, request.ip ?? null));
  }
}

/** Lets a login through to its route, which finds the `Login` in `request.user`. */
@Injectable()
export class LoginGuard extends AuthGuard('local') {
  override async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<Request>();
    await validationPipe.transform(request.body ?? {}, { type: 'body', schema: loginBody });
    return (await super.canActivate(context)) as boolean;
  }
}
