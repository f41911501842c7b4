import { execFile } from 'node:child_process';
import { copyFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import openapiTS, { astToString } from 'openapi-typescript';
import { root } from '../tools/paths.js';
import { type Operation, operationsOf, undocumented } from './support/documented.js';
import { testFolder } from './support/folder.js';
import { ADMIN_PASSWORD, expectStatus, WholeSystem } from './support/whole-system.js';

const run = promisify(execFile);
const services = ['identity', 'tokens', 'example'] as const;
type Service = (typeof services)[number];

const EVERYWHERE = ['explainProblems', 'getLiveness', 'getMetrics', 'getReadiness'];
/** What generated clients call them: a name that goes away breaks their callers. */
const OPERATION_IDS: Readonly<Record<Service, readonly string[]>> = {
  identity: [
    ...EVERYWHERE,
    'changeMyPassword',
    'createUser',
    'deleteUser',
    'editUser',
    'finishExternalLogin',
    'getImpactOfMyPasswordChange',
    'getLoginMethods',
    'getMe',
    'getUser',
    'linkUserToExternalIdentity',
    'listUsers',
    'logIn',
    'logOut',
    'setPasswordOfUser',
    'startExternalLogin',
    'updateMe',
  ],
  tokens: [
    ...EVERYWHERE,
    'readAuthorizationServerMetadata',
    'createToken',
    'createTokenForUser',
    'deleteMyToken',
    'deleteToken',
    'editMyToken',
    'editToken',
    'endSession',
    'enterWithToken',
    'getMyToken',
    'getPolicy',
    'getToken',
    'getTokenItself',
    'introspectToken',
    'listCachingGuards',
    'listEventsOfMyToken',
    'listEventsOfToken',
    'listMyTokens',
    'listServers',
    'listSessions',
    'listTokens',
    'readAudit',
    'reassignToken',
    'refreshMyToken',
    'refreshToken',
    'refreshTokenItself',
    'revokeMyToken',
    'revokePresentedToken',
    'revokeToken',
    'revokeTokenItself',
    'startSession',
    'verifyForProxy',
  ],
  example: [...EVERYWHERE, 'getCaller', 'getCallingAdmin', 'postCaller'],
};
/** What nobody needs a credential for. */
const PUBLIC: Readonly<Record<Service, readonly string[]>> = {
  identity: [...EVERYWHERE, 'finishExternalLogin', 'getLoginMethods', 'logIn', 'startExternalLogin'],
  tokens: [...EVERYWHERE, 'readAuthorizationServerMetadata', 'enterWithToken'],
  example: [...EVERYWHERE],
};
const NAMED = {
  identity: ['User', 'UserPage', 'Me', 'NewUser', 'UserChanges', 'Credentials', 'LoggedIn', 'Problem'],
  tokens: [
    'Token',
    'TokenWithSecret',
    'Session',
    'AuditEvent',
    'AuditPage',
    'Introspection',
    'Problem',
    'OAuthProblem',
  ],
  example: ['Caller', 'Problem'],
};

interface Document {
  readonly paths: Readonly<Record<string, object>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, { readonly example?: unknown }>>;
    readonly securitySchemes: Readonly<Record<string, { readonly name?: string; readonly bearerFormat?: string }>>;
  };
}

describe('the OpenAPI documents, as the running services serve them', () => {
  let whole: WholeSystem;
  const documents = {} as Record<Service, Document>;
  const operations = {} as Record<Service, Map<string, Operation>>;

  beforeAll(async () => {
    whole = await WholeSystem.start('openapi');
    for (const service of services) {
      documents[service] = expectStatus(await whole[service]('GET', '/openapi.json'), 200).body;
      operations[service] = operationsOf(documents[service]);
    }
  });
  afterAll(() => whole?.stop());

  it.each(services)('the operation ids of %s are those that are promised', (service) => {
    const ids = [...operations[service].values()].map(({ operationId }) => operationId);
    expect(ids.sort()).toEqual([...OPERATION_IDS[service]].sort());
  });

  it.each(services)('of %s only what is open to everybody asks for no credential', (service) => {
    const open = [...operations[service].values()].filter(({ security }) => security.length === 0);
    expect(open.map(({ operationId }) => operationId).sort()).toEqual([...PUBLIC[service]].sort());
  });

  it('a credential may come in each of its forms, and none of them is said to be a JWT', () => {
    const { securitySchemes } = documents.tokens.components;
    expect(securitySchemes).toMatchObject({
      bearer: { type: 'http', scheme: 'bearer' },
      basic: { type: 'http', scheme: 'basic' },
      authToken: { type: 'apiKey', in: 'header', name: 'Auth-Token' },
      authTokenField: { type: 'apiKey', in: 'query', name: 'auth_token' },
      cookie: { type: 'apiKey', in: 'cookie', name: 'session' },
    });
    expect(securitySchemes.bearer).not.toHaveProperty('bearerFormat');
    const forms = (route: string) => operations.tokens.get(route)?.security.flatMap((one) => Object.keys(one));
    expect(forms('GET /tokens')).toEqual(['bearer', 'basic', 'authToken', 'cookie']);
    expect(forms('POST /tokens')).toEqual(['bearer', 'basic', 'authToken', 'authTokenField', 'cookie']);
  });

  it.each(services)(
    'the recommended rules of Redocly find nothing in that of %s, its examples included',
    async (service) => {
      const config = await createConfig({ extends: ['recommended'] });
      const source = JSON.stringify(documents[service]);
      const found = await lintFromString({ source, absoluteRef: join(root, 'openapi.json'), config });
      expect(found.map(({ ruleId, message, location }) => [ruleId, message, location[0]?.pointer])).toEqual([]);
    },
  );

  it.each(services)('each schema of %s has an example, and those that are promised have their names', (service) => {
    const { schemas } = documents[service].components;
    expect(Object.keys(schemas)).toEqual(expect.arrayContaining(NAMED[service]));
    expect(Object.entries(schemas).flatMap(([name, { example }]) => (example === undefined ? [name] : []))).toEqual([]);
  });

  it.each(services)('each operation of %s lists what it refuses with, as problems with their codes', (service) => {
    for (const { operationId, security, responses, requestBody, parameters } of operations[service].values()) {
      const codesOf = (status: string) => {
        const content = responses[status]?.content?.['application/problem+json'];
        return content?.schema?.properties?.code?.enum ?? [];
      };
      for (const status of Object.keys(responses).filter((each) => Number(each) >= 400)) {
        expect([operationId, status, codesOf(status).length]).not.toEqual([operationId, status, 0]);
      }
      if (security.length > 0) {
        expect([operationId, codesOf('401')]).toEqual([operationId, expect.arrayContaining(['credential-missing'])]);
        expect([operationId, codesOf('503')]).toEqual([operationId, expect.arrayContaining(['database-unavailable'])]);
      }
      if (requestBody || parameters?.length)
        expect([operationId, codesOf('400')]).toContainEqual(expect.arrayContaining(['invalid-request']));
      if (requestBody)
        expect([codesOf('413'), codesOf('415')]).toEqual([['payload-too-large'], ['unsupported-media-type']]);
      for (const status of ['429', '503'].filter((each) => responses[each])) {
        expect([operationId, responses[status]?.headers]).toEqual([
          operationId,
          expect.objectContaining({ 'Retry-After': expect.anything() }),
        ]);
      }
      expect(responses['4XX']?.headers).toHaveProperty('Allow');
    }
  });

  it('every form that the audit is answered in is listed, and the header with the next cursor', async () => {
    const answer = operations.tokens.get('GET /admin/audit')?.responses[200];
    expect(Object.keys(answer?.content ?? {})).toEqual(['application/json', 'application/jsonl', 'text/csv']);
    expect(answer?.headers).toHaveProperty('Next-Cursor');
    for (const format of ['json', 'jsonl', 'csv']) {
      // The client holds the answer against the document.
      expectStatus(await whole.tokens('GET', `/admin/audit?format=${format}&limit=1`, { as: whole.admin }), 200);
    }
  });

  it('what a document does not list is noticed', () => {
    const told = { status: 418, type: 'application/problem+json', code: 'teapot' };
    expect(undocumented(operations.tokens, 'GET', '/tokens/self', told)).toMatch('getTokenItself answers 418 teapot');
    const gone = { status: 404, type: 'application/problem+json', code: 'user-not-found' };
    expect(undocumented(operations.tokens, 'GET', '/tokens/x', gone)).toMatch('getMyToken answers 404');
    expect(undocumented(operations.tokens, 'GET', '/tokens/x', { ...gone, code: 'token-not-found' })).toBeNull();
    expect(undocumented(operations.tokens, 'GET', '/tokens', { status: 200, type: 'text/csv' })).toMatch('text/csv');
  });

  it.each(['identity', 'tokens'] as const)('GET / of %s leads to its pages', async (service) => {
    const answer = await fetch(whole.system[service].url, { redirect: 'manual' });
    expect([answer.status, answer.headers.get('location')]).toEqual([302, 'docs']);
    const page = await fetch(whole.system[service].url);
    expect([page.status, page.headers.get('content-type')]).toEqual([200, expect.stringMatching('text/html')]);
  });

  it('a client that openapi-typescript generates compiles, and lives the life of a token', async () => {
    const folder = await testFolder('generated-client');
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
    for (const service of ['identity', 'tokens'] as const) {
      const types = astToString(await openapiTS(documents[service] as never));
      await writeFile(join(folder, `${service}.d.ts`), types);
    }
    await copyFile(join(root, 'test/generated-client/story.mts'), join(folder, 'story.mts'));
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    const compilerOptions = {
      ...{ target: 'es2024', module: 'nodenext', strict: true, noUncheckedIndexedAccess: true, skipLibCheck: false },
      ...{ lib: ['es2024', 'dom', 'dom.iterable'], types: ['node'] },
    };
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.mts', '*.d.ts'] }));
    const compiled = await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder]).catch(
      told,
    );
    expect(compiled).toMatchObject({ stdout: '' });
    const { identity, tokens } = whole.system;
    const env = {
      ...process.env,
      ADMIN_PASSWORD,
      IDENTITY_URL: identity.url,
      TOKENS_URL: tokens.url,
      NODE_OPTIONS: '',
    };
    expect(await run(process.execPath, [join(folder, 'story.mjs')], { env }).catch(told)).toMatchObject({ stderr: '' });
  });
});

/** What a program that failed has said. */
function told(error: unknown): { stdout: string; stderr: string } {
  const { stdout = '', stderr = String(error) } = error as { stdout?: string; stderr?: string };
  return { stdout, stderr: stderr || String(error) };
}
