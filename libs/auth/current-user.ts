import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { type AuthenticatedUser, type Authentication, authenticationOf } from './authentication.js';

/** The user who makes this request: `{id, username, roles}`. Beside other passport strategies, the user of whichever accepted. */
export const CurrentUser = createParamDecorator<unknown, AuthenticatedUser | undefined>(
  (_data, context: ExecutionContext) => {
    const authentication = authenticationOf(context);
    if (authentication) return authentication.user;
    return context.getType() === 'http'
      ? context.switchToHttp().getRequest<{ user?: AuthenticatedUser }>().user
      : undefined;
  },
);

/** The whole accepted verification and where its credential was found. Undefined on public routes. */
export const CurrentAuthentication = createParamDecorator<unknown, Authentication | undefined>(
  (_data, context: ExecutionContext) => authenticationOf(context),
);
