import { Controller, Get, Query, Req, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Public, SetsCookie } from '@tokenlog/auth';
import { named } from '@tokenlog/contracts/named.js';
import { nextPath } from '@tokenlog/platform/next-path.js';
import { Operation, UNAVAILABLE } from '@tokenlog/platform/operation.js';
import { setSessionCookie } from '@tokenlog/platform/session-cookie.js';
import { IgnoreUnknownFields } from '@tokenlog/platform/unknown-fields.js';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { ExternalLogin } from './external-login.js';

const startQuery = z.strictObject({ next: nextPath.default('/') });
const loginMethods = named(
  'LoginMethods',
  z.object({
    /** `POST /login` takes local passwords, and tokens in their place. */
    password: z.boolean(),
    /** Where a browser begins an external login; it may add `?next=/path`. */
    oidc: z.object({ url: z.url() }).nullable(),
  }),
  { password: true, oidc: { url: 'https://tokens.example.org/login/oidc' } },
);

@ApiTags('login')
@Public()
@Controller('login')
export class ExternalLoginController {
  constructor(private readonly external: ExternalLogin) {}

  @Operation({ id: 'getLoginMethods', summary: 'How one can log in here.', answers: { 200: loginMethods } })
  @Get('methods')
  methods(): z.output<typeof loginMethods> {
    const { startUrl } = this.external;
    return { password: true, oidc: startUrl && { url: startUrl.href } };
  }

  @Operation({
    id: 'startExternalLogin',
    summary: 'Sends the browser to the OpenID Connect provider.',
    answers: {
      302: {
        description: 'To the provider; the login that is under way is kept in a cookie.',
        headers: { Location: 'The provider’s page.' },
      },
    },
    problems: ['external-login-off', 'provider-failed', 'provider-unavailable'],
  })
  @SetsCookie()
  @Get('oidc')
  async start(
    @Query({ schema: startQuery }) { next }: z.output<typeof startQuery>,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    response.set('Cache-Control', 'no-store');
    await this.external.start(request, response, next);
  }

  @Operation({
    id: 'finishExternalLogin',
    summary: 'Where the provider sends the browser back to: starts a session, as the cookie `session`.',
    answers: {
      302: {
        description: 'To the path that the login was started with.',
        headers: { Location: 'What `next` named.' },
      },
    },
    problems: [
      'login-not-started',
      'login-invalid',
      'username-unusable',
      'login-denied',
      ['user-disabled', 403],
      'external-login-off',
      'username-taken',
      'provider-failed',
      'provider-unavailable',
      ...UNAVAILABLE,
    ],
  })
  @SetsCookie()
  @IgnoreUnknownFields()
  @Get('oidc/callback')
  async finish(@Req() request: Request, @Res() response: Response): Promise<void> {
    // The address holds the provider's code.
    response.set({ 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' });
    const { session, next } = await this.external.finish(request, response);
    // Lax: the redirect that follows comes from the provider's site, and the page behind it must know its user.
    setSessionCookie(request, response, session.credential, new Date(session.expiresAt), 'lax');
    response.redirect(302, next);
  }
}
