import * as oauth from 'oauth4webapi';
import type { TestTokenService } from './token-service.js';

/** How a client shows who it is: HTTP Basic with its account name, or its token alone. */
export type ClientAuth =
  | { readonly username: string; readonly secret: string }
  /** `spoil`: what is wrong with its form. */
  | { readonly bearer: string; readonly spoil?: (form: URLSearchParams) => void };

/** For specs: a client of RFC 7662 and RFC 7009 as a well-kept library has it, which knows nothing of this service. */
export function oauthClient(service: TestTokenService, auth: ClientAuth) {
  const server: oauth.AuthorizationServer = {
    issuer: service.url,
    introspection_endpoint: `${service.url}/oauth2/introspect`,
    revocation_endpoint: `${service.url}/oauth2/revoke`,
  };
  const client: oauth.Client = { client_id: 'username' in auth ? auth.username : 'any' };
  const authentication: oauth.ClientAuth =
    'username' in auth
      ? oauth.ClientSecretBasic(auth.secret)
      : (_server, _client, form, headers) => {
          headers.set('authorization', `Bearer ${auth.bearer}`);
          auth.spoil?.(form);
        };
  const insecure = { [oauth.allowInsecureRequests]: true };
  return {
    async introspect(token: string): Promise<oauth.IntrospectionResponse> {
      const response = await oauth.introspectionRequest(server, client, authentication, token, insecure);
      return oauth.processIntrospectionResponse(server, client, response);
    },
    async revoke(token: string): Promise<void> {
      const response = await oauth.revocationRequest(server, client, authentication, token, insecure);
      return oauth.processRevocationResponse(response);
    },
  };
}

/** Sends a form, as a program without a library would. */
export function postForm(
  service: TestTokenService,
  path: string,
  form: Record<string, string> | string,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(new URL(path, service.url), { method: 'POST', headers, body: new URLSearchParams(form) });
}
