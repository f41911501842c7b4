import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as oauth from 'oauth4webapi';
import { root } from '../../../tools/paths.js';
import { readTokensConfig } from '../config/config.js';
import { call } from '../testing/http.js';
import { startTokenService, type TestTokenService, type TestUser } from '../testing/token-service.js';
import { CreateToken } from '../verbs/create-token.js';

const PATH = '/.well-known/oauth-authorization-server';
const insecure = { [oauth.allowInsecureRequests]: true };

describe('RFC 8414 metadata', () => {
  let service: TestTokenService;
  let ada: TestUser;
  let gateway: { username: string; secret: string };

  beforeAll(async () => {
    service = await startTokenService({ TRUSTED_PROXIES: '1' });
    ada = await service.register('ada');
    const root = await service.register('gate.way_1@example.org', { roles: ['admin'] });
    gateway = { username: root.facts.username, secret: await issue(root, ['introspect']) };
  });
  afterAll(() => service.stop());

  const issue = async (user: TestUser, scopes = ['rest']) => {
    const wishes = { userId: user.id, description: 'export', scopes, expiresAt: null };
    return (await service.commands.execute(new CreateToken(service.caller(user), wishes, 'right'))).secret;
  };
  const discover = async (issuer = new URL(service.url)) =>
    oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { ...insecure, algorithm: 'oauth2' }));

  it('says what there is, and claims nothing that is not', async () => {
    expect((await call(service, 'GET', PATH)).body).toEqual({
      issuer: service.url,
      introspection_endpoint: `${service.url}/oauth2/introspect`,
      introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'Bearer'],
      revocation_endpoint: `${service.url}/oauth2/revoke`,
      revocation_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
      response_types_supported: [],
      grant_types_supported: [],
      service_documentation: `${service.url}/docs`,
    });
    expect((await fetch(`${service.url}/docs`)).status).toBe(200);
  });

  it('stands in docs/standards.md as it is', async () => {
    const page = await readFile(join(root, 'docs', 'standards.md'), 'utf8');
    const [, told = ''] = /^## Metadata$.*?```json\n(.*?)```/ms.exec(page) ?? [];
    const { body } = await call(service, 'GET', PATH);
    expect(JSON.parse(told.replaceAll('http://localhost:3002', service.url))).toEqual(body);
  });

  const methods = {
    client_secret_basic: oauth.ClientSecretBasic,
    client_secret_post: oauth.ClientSecretPost,
  };
  it.each(['client_secret_basic', 'client_secret_post'] as const)(
    'RFC 7662 RFC 7009 a client library that knows the issuer alone introspects and revokes by %s',
    async (method) => {
      const server = await discover();
      expect(server.introspection_endpoint_auth_methods_supported).toContain(method);
      expect(server.revocation_endpoint_auth_methods_supported).toContain(method);
      const client = { client_id: gateway.username };
      const token = await issue(ada);
      const introspect = async (secret: string) => {
        const asked = oauth.introspectionRequest(server, client, methods[method](secret), token, insecure);
        return oauth.processIntrospectionResponse(server, client, await asked);
      };
      expect(await introspect(gateway.secret)).toMatchObject({ active: true, username: 'ada' });
      await expect(introspect(`${gateway.secret}x`)).rejects.toBeInstanceOf(oauth.WWWAuthenticateChallengeError);
      await oauth.processRevocationResponse(
        await oauth.revocationRequest(server, client, methods[method](gateway.secret), token, insecure),
      );
      expect(await introspect(gateway.secret)).toEqual({ active: false });
    },
  );

  it('the issuer is the address that was asked, as a trusted proxy tells it', async () => {
    const headers = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'tokens.example.org' };
    const { body } = await call(service, 'GET', PATH, { headers });
    expect(body.issuer).toBe('https://tokens.example.org');
    expect(body.introspection_endpoint).toBe('https://tokens.example.org/oauth2/introspect');
  });

  it.each(['tokens.example.org/path', 'user@tokens.example.org', 'a b', 'x?y', '"'])(
    'what is no host, %s, is a 400 in OAuth’s form, and nothing is made of it',
    async (host) => {
      const { status, body } = await call(service, 'GET', PATH, { headers: { 'x-forwarded-host': host } });
      expect([status, body.error]).toEqual([400, 'invalid_request']);
    },
  );

  it.each([
    ['https://tokens.example.org', ''],
    ['https://tokens.example.org/', ''],
    ['https://example.org/tokenlog/api', '/tokenlog/api'],
  ])('OAUTH_ISSUER %s is told as it is, at its own address alone', async (issuer, path) => {
    await service.restart({ OAUTH_ISSUER: issuer });
    const base = issuer.replace(/\/$/, '');
    const headers = { 'x-forwarded-host': 'elsewhere.example.org' };
    expect((await call(service, 'GET', PATH + path, { headers })).body).toMatchObject({
      issuer,
      revocation_endpoint: `${base}/oauth2/revoke`,
      service_documentation: `${base}/docs`,
    });
    for (const other of ['/another', path === '' ? '/tokenlog' : '']) {
      const { status, body } = await call(service, 'GET', PATH + other);
      expect([status, body.code, body.error]).toEqual([404, 'not-found', 'invalid_request']);
    }
  });

  it.each([
    'tokens.example.org',
    'http://tokens.example.org',
    'https://tokens.example.org?x',
    'https://tokens.example.org#',
    'https://ada@tokens.example.org',
    'ftp://tokens.example.org',
  ])('OAUTH_ISSUER %s stops the start, and is named', (issuer) => {
    const env = { DATABASE_URL: 'postgres://localhost/x', NATS_URL: 'nats://localhost', OAUTH_ISSUER: issuer };
    expect(() => readTokensConfig({ ...env, TOKEN_PEPPER: 'a pepper for tests only' })).toThrow(
      /^OAUTH_ISSUER is wrong: must be https:/,
    );
  });
});
