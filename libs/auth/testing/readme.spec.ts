import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import * as common from '@nestjs/common';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import * as graphql from '@nestjs/graphql';
import * as microservices from '@nestjs/microservices';
import { ClientProxyFactory, type MicroserviceOptions, Transport } from '@nestjs/microservices';
import * as nestPassport from '@nestjs/passport';
import * as terminus from '@nestjs/terminus';
import * as websockets from '@nestjs/websockets';
import { transform } from '@swc/core';
import passport from 'passport';
import { firstValueFrom } from 'rxjs';
import { io } from 'socket.io-client';
import supertest from 'supertest';
import ts from 'typescript';
import { testNats } from '../../../test/support/nats.js';
import { resolveAuthOptions } from '../auth-options.js';
import * as auth from '../index.js';
import { startApp } from './start-app.js';
import { TestTokenService } from './token-service.js';

const here = join(dirname(fileURLToPath(import.meta.url)), '..');
const readme = readFileSync(join(here, 'README.md'), 'utf8');
const ofRepository = readFileSync(join(here, '../../README.md'), 'utf8');
const [shortest = ''] = /(?<=```ts\n).*?(?=```)/s.exec(ofRepository) ?? [];
const blocks = (language: string) =>
  [...readme.matchAll(/```(\w+)\n(.*?)```/gs)].filter(([, of]) => of === language).map(([, , text]) => text as string);
const [fiveLines = '', testing = '', messages = '', resolver = '', gateway = '', health = '', besideOthers = ''] =
  blocks('ts');
const modules: Record<string, object> = {
  '@nestjs/common': common,
  '@nestjs/microservices': microservices,
  '@nestjs/graphql': graphql,
  '@nestjs/passport': nestPassport,
  '@nestjs/terminus': terminus,
  '@nestjs/websockets': websockets,
  '@tokenlog/auth': auth,
};

/** What every check reads: the files of the libraries. */
const parsed = new Map<string, ts.SourceFile>();

/** Type errors in a file that stands beside the README in the compiler's eyes only. */
function typeErrors(code: string): string[] {
  const root = join(here, '../..');
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: [] }, ts.sys, root);
  const file = join(here, 'readme.ts');
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists, getSourceFile } = host;
  host.fileExists = (name) => name === file || fileExists(name);
  host.readFile = (name) => (name === file ? code : readFile(name));
  host.getSourceFile = (name, ...rest) => {
    if (name === file) return ts.createSourceFile(name, code, rest[0], true);
    const source = parsed.get(name) ?? getSourceFile(name, ...rest);
    if (source) parsed.set(name, source);
    return source;
  };
  const program = ts.createProgram([file], options, host);
  const source = program.getSourceFile(file);
  return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(
    ({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'),
  );
}

/** Runs the code as a module and returns what it exports. */
async function run(code: string): Promise<Record<string, never>> {
  const compiled = await transform(code, {
    filename: 'readme.ts',
    swcrc: false,
    configFile: false,
    module: { type: 'commonjs' },
    jsc: {
      target: 'es2024',
      parser: { syntax: 'typescript', decorators: true },
      transform: { legacyDecorator: true, decoratorMetadata: true },
    },
  });
  const exports = {};
  new Function('exports', 'require', compiled.code)(exports, (name: string) => modules[name]);
  return exports;
}

let nats: Awaited<ReturnType<typeof testNats>>;
let tokens: TestTokenService;

beforeAll(async () => {
  nats = await testNats();
  tokens = await TestTokenService.start(nats.urls.tokens);
  process.env.NATS_URL = nats.urls.guard;
});
afterAll(async () => {
  delete process.env.NATS_URL;
  await tokens.connection.close();
  await nats.stop();
});

const bearer = (text: string) => ({ Authorization: `Bearer ${text}` });

test('it has seven pieces of code, which are all run, that of testing in the templates of Nest', () => {
  expect(blocks('ts')).toHaveLength(7);
  expect(testing).toContain('new TestAuth()');
});

test.each([
  ['the five lines', fiveLines, 'service:', 'servcie:'],
  ["those of the repository's README", shortest, 'service:', 'servcie:'],
  ['the message handler', messages, 'user.username', 'user.usrname'],
  ['the resolver', resolver, 'user.username', 'user.usrname'],
  ['the gateway', gateway, 'user.username', 'user.usrname'],
  ['the health check', health, 'isHealthy(', 'isHealty('],
  ['the route beside others', besideOthers, "@RequireScopes('archive')", '@RequireScopes()'],
])('%s compile, and a mistake in them would not', (_name, code, right, wrong) => {
  expect(code).toContain(right);
  expect(typeErrors(code)).toEqual([]);
  expect(typeErrors(code.replace(right, wrong))).toHaveLength(1);
});

test('the five lines are five', () => {
  expect(fiveLines.match(/(\/\/|\/\*) \d( \*\/\) \{)?$/gm)).toEqual(['// 1', '// 2', '// 3', '/* 4 */) {', '// 5']);
});

test.each([
  ['', fiveLines, { reportsOf: 'ada' }],
  [" of the repository's README", shortest, { for: 'ada' }],
])('the five lines%s run: a token with the scope gets the answer, no token gets a 401', async (_of, code, answer) => {
  const { AppModule, ReportsModule } = await run(code);
  const app = await startApp({ imports: [(AppModule ?? ReportsModule) as never] });
  const http = supertest(app.getHttpServer());

  await http.get('/reports').expect(401);
  await http
    .get('/reports')
    .set(bearer(tokens.token({ scopes: ['other'] })))
    .expect(403);
  await http.get('/reports').set(bearer(tokens.token())).expect(200, answer);
  expect(tokens.requests.at(-1)).toMatchObject({ service: 'reports', scopes: ['rest'] });
  await app.close();
});

test('a refusal looks as it says', async () => {
  const [shown = ''] = blocks('json');
  const { AppModule } = await run(fiveLines);
  const app = await startApp({ imports: [AppModule as never] });
  const text = tokens.token();
  tokens.refuse(text, 'expired');
  const refused = await supertest(app.getHttpServer()).get('/reports').set(bearer(text)).expect(401);
  expect(JSON.parse(refused.text)).toEqual(JSON.parse(shown));
  await app.close();
});

test('the message handler runs', async () => {
  // Only such subjects are open to the user that this handler listens as.
  const { ReportMessages } = await run(messages.replace("'reports.make'", "'tokens.make-report'"));
  @Module({
    imports: [auth.AuthModule.forRoot({ nats: nats.urls.guard, service: 'reports' })],
    controllers: [ReportMessages as never],
  })
  class MessagesModule {}
  const { username: user, password: pass, host } = new URL(nats.urls.tokens);
  const options = { servers: [`nats://${host}`], user, pass, inboxPrefix: '_INBOX_tokens' };
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(MessagesModule, {
    transport: Transport.NATS,
    options,
    logger: false,
  });
  await app.listen();
  const client = ClientProxyFactory.create({ transport: Transport.NATS, options });
  const make = (message: object) => firstValueFrom(client.send('tokens.make-report', message));

  await expect(make({ month: '2026-05', authorization: `Bearer ${tokens.token()}` })).resolves.toEqual({
    month: '2026-05',
    madeFor: 'ada',
  });
  await expect(make({ month: '2026-05' })).rejects.toEqual({
    status: 401,
    code: 'credential-missing',
    detail: expect.any(String),
  });
  await client.close();
  await app.close();
});

test('the resolver, the gateway and the health check run', async () => {
  const { ReportsResolver } = await run(resolver);
  const { ReportsGateway } = await run(gateway);
  const { HealthController } = await run(health);
  const { GraphQLModule } = graphql;
  const app = await startApp({
    imports: [
      auth.AuthModule.forRoot({ nats: nats.urls.guard, service: 'reports' }),
      GraphQLModule.forRoot<ApolloDriverConfig>({ driver: ApolloDriver, autoSchemaFile: true, graphiql: false }),
      terminus.TerminusModule.forRoot({ logger: false }),
    ],
    controllers: [HealthController as never],
    providers: [ReportsResolver as never, ReportsGateway as never],
  });
  const http = supertest(app.getHttpServer());
  const asked = await http.post('/graphql').set(bearer(tokens.token())).send({ query: '{ reportsOf }' });
  expect(asked.body).toEqual({ data: { reportsOf: 'ada' } });
  await http.get('/health').expect(200);

  const socket = io(await app.getUrl(), { auth: { token: tokens.token() }, transports: ['websocket'] });
  expect(await socket.emitWithAck('reports', {})).toEqual({ reportsOf: 'ada' });
  socket.close();
  await app.close();
});

test('the route beside another strategy runs: either lets a request in', async () => {
  class Jwt extends passport.Strategy {
    override name = 'jwt';
    override authenticate(this: passport.StrategyCreated<passport.Strategy>, request: { headers: object }) {
      if ('jwt' in request.headers) this.success({ username: 'grace' } as never);
      else this.fail('no jwt');
    }
  }
  passport.use(new Jwt());
  const { ArchiveController } = await run(besideOthers);
  const app = await startApp({
    imports: [auth.AuthModule.forRoot({ nats: nats.urls.guard, service: 'archive' })],
    controllers: [ArchiveController as never],
  });
  const archive = () => supertest(app.getHttpServer()).get('/archive');

  await archive().expect(401);
  await archive().set(bearer(tokens.token())).expect(403);
  await archive()
    .set(bearer(tokens.token({ scopes: ['archive'] })))
    .expect(200, { archiveOf: 'ada' });
  await archive().set('jwt', 'any').expect(200, { archiveOf: 'grace' });
  await app.close();
});

test('its table of options is complete, with their defaults', () => {
  const table = [...readme.matchAll(/^\| `(\w+)` +\|.*\| (?:`(.*?)`)? *\|$/gm)].map(([, name, value]) => [name, value]);
  const {
    nats: _,
    service: __,
    guardName: ___,
    ...defaults
  } = resolveAuthOptions({ nats: 'nats://host', service: 'reports' });
  expect(table.filter(([, value]) => value === undefined).map(([name]) => name)).toEqual(['nats', 'service']);
  expect(Object.fromEntries(table.filter(([, value]) => value !== undefined))).toEqual(
    Object.fromEntries(Object.entries(defaults).map(([name, value]) => [name, String(value ?? false)])),
  );
});
