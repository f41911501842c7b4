import { Controller, Get, Query, Req, Res } from '@nestjs/common';
import { ApiFoundResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Public, SetsCookie } from '@tokenlog/auth';
import { nextPath } from '@tokenlog/platform/next-path.js';
import { setSessionCookie } from '@tokenlog/platform/session-cookie.js';
import { IgnoreUnknownFields } from '@tokenlog/platform/unknown-fields.js';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { ExternalLogin } from './external-login.js';

const startQuery = z.strictObject({ next: nextPath.default('/') });
const loginMethods = z.object({
  /** `POST /login` takes local passwords, and tokens in their place. */
  password: z.boolean(),
  /** Where a browser begins an external login; it may add `?next=/path`. */
  oidc: z.object({ url: z.url() }).nullable(),
});

@ApiTags('login')
@Public()
@Controller('login')
export class ExternalLoginController {
  constructor(private readonly external: ExternalLogin) {}

  @ApiOperation({ summary: 'How one can log in here.' })
  @ApiOkResponse({ standardSchema: loginMethods })
  @Get('methods')
  methods(): z.output<typeof loginMethods> {
    const { startUrl } = this.external;
    return { password: true, oidc: startUrl && { url: startUrl.href } };
  }

  @ApiOperation({
    summary: 'Sends the browser to the OpenID Connect provider.',
    description: '404 `external-login-off`, 502 `provider-failed`, 503 `provider-unavailable`.',
  })
  @ApiFoundResponse({ description: 'To the provider; the login that is under way is kept in a cookie.' })
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

  @ApiOperation({
    summary: 'Where the provider sends the browser back to: starts a session, as the cookie `session`.',
    description:
      '400 `login-not-started`, `login-invalid` or `username-unusable`, 401 `login-denied`, 403 `user-disabled`, ' +
      '404 `external-login-off`, 409 `username-taken`, 502 `provider-failed`, 503.',
  })
  @ApiFoundResponse({ description: 'To the path that the login was started with.' })
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
