import { Controller, Get, Inject, Req } from '@nestjs/common';
import { ApiExcludeEndpoint, ApiTags } from '@nestjs/swagger';
import { Public } from '@tokenlog/auth';
import { named } from '@tokenlog/contracts/named.js';
import { Operation } from '@tokenlog/platform/operation.js';
import { invalidRequest, Problem } from '@tokenlog/platform/problem.js';
import { IgnoreUnknownFields } from '@tokenlog/platform/unknown-fields.js';
import type { Request } from 'express';
import { z } from 'zod';
import { CONFIG, type Config } from '../config/config.js';
import { AnswersOAuthErrors } from './oauth-operation.js';

const PATH = '.well-known/oauth-authorization-server';

/** How a client may show who it is, by the names that IANA keeps. */
const CLIENT_SECRET = ['client_secret_basic', 'client_secret_post'];

const metadata = named(
  'AuthorizationServerMetadata',
  z.object({
    issuer: z.url().describe('`OAUTH_ISSUER`, or the address that was asked'),
    introspection_endpoint: z.url(),
    introspection_endpoint_auth_methods_supported: z
      .array(z.string())
      .describe('`Bearer`: the caller’s token in the header `Authorization`'),
    revocation_endpoint: z.url(),
    revocation_endpoint_auth_methods_supported: z.array(z.string()),
    response_types_supported: z.array(z.string()).describe('none: there is no authorization endpoint'),
    grant_types_supported: z.array(z.string()).describe('none: there is no token endpoint'),
    service_documentation: z.url(),
  }),
  {
    issuer: 'https://tokens.example.org',
    introspection_endpoint: 'https://tokens.example.org/oauth2/introspect',
    introspection_endpoint_auth_methods_supported: [...CLIENT_SECRET, 'Bearer'],
    revocation_endpoint: 'https://tokens.example.org/oauth2/revoke',
    revocation_endpoint_auth_methods_supported: CLIENT_SECRET,
    response_types_supported: [],
    grant_types_supported: [],
    service_documentation: 'https://tokens.example.org/docs',
  },
);

/** RFC 8414: where introspection and revocation are, and how to ask them. See `docs/standards.md` for what it leaves out. */
@ApiTags('standards')
@Public()
@IgnoreUnknownFields()
@Controller(PATH)
export class OAuthMetadataController {
  constructor(@Inject(CONFIG) private readonly config: Config) {}

  @Operation({
    id: 'readAuthorizationServerMetadata',
    summary: 'What OAuth clients are told of this server (RFC 8414).',
    description: 'Of an `OAUTH_ISSUER` with a path, the path stands behind this one (RFC 8414, 3.1).',
    answers: { 200: metadata },
    problems: ['invalid-request'],
  })
  @AnswersOAuthErrors()
  @Get()
  root(@Req() request: Request): z.output<typeof metadata> {
    return this.metadataFor(request, '');
  }

  /** The same, of an `OAUTH_ISSUER` that has a path (RFC 8414, 3.1). */
  @ApiExcludeEndpoint()
  @Get('*path')
  withPath(@Req() request: Request): z.output<typeof metadata> {
    return this.metadataFor(request, request.path.slice(`/${PATH}`.length));
  }

  /** @param path of the issuer, as the address has it */
  private metadataFor(request: Request, path: string): z.output<typeof metadata> {
    const issuer = this.config.issuer ?? addressOf(request);
    const base = issuer.replace(/\/$/, '');
    if (path.replace(/\/$/, '') !== pathOf(base)) throw new Problem('not-found', 'There is nothing at this address.');
    return {
      issuer,
      introspection_endpoint: `${base}/oauth2/introspect`,
      introspection_endpoint_auth_methods_supported: [...CLIENT_SECRET, 'Bearer'],
      revocation_endpoint: `${base}/oauth2/revoke`,
      revocation_endpoint_auth_methods_supported: CLIENT_SECRET,
      response_types_supported: [],
      grant_types_supported: [],
      service_documentation: `${base}/docs`,
    };
  }
}

function pathOf(issuer: string): string {
  const { pathname } = new URL(issuer);
  return pathname === '/' ? '' : pathname;
}

/** The host of an address, and its port: a name, or an address of IPv4 or, in brackets, IPv6. */
const HOST = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d+)?$/i;

/** As the client sees it; a proxy in front is believed as far as `TRUSTED_PROXIES` goes. */
function addressOf({ protocol, host = '' }: Request): string {
  const url = HOST.test(host) ? URL.parse(`${protocol}://${host}`) : null;
  if (!url) throw invalidRequest([{ field: 'Host', detail: 'is not the name of a host' }]);
  return url.origin;
}
