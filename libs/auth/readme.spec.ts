import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as common from '@nestjs/common';
import { transform } from '@swc/core';
import supertest from 'supertest';
import ts from 'typescript';
import { testNats } from '../../test/support/nats.js';
import * as auth from './index.js';
import { startApp } from './testing/start-app.js';
import { TestTokenService } from './testing/token-service.js';

const here = dirname(fileURLToPath(import.meta.url));
const blocks = [...readFileSync(join(here, 'README.md'), 'utf8').matchAll(/```ts\n(.*?)```/gs)].map(
  ([, code]) => code as string,
);
const modules: Record<string, object> = { '@nestjs/common': common, '@tokenlog/auth': auth };

/** Type errors in a file that stands beside this one in the compiler's eyes only. */
function typeErrors(code: string): string[] {
  const root = join(here, '../..');
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: [] }, ts.sys, root);
  const file = join(here, 'readme.ts');
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists, getSourceFile } = host;
  host.fileExists = (name) => name === file || fileExists(name);
  host.readFile = (name) => (name === file ? code : readFile(name));
  host.getSourceFile = (name, ...rest) =>
    name === file ? ts.createSourceFile(name, code, rest[0], true) : getSourceFile(name, ...rest);
  const program = ts.createProgram([file], options, host);
  const source = program.getSourceFile(file);
  return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(
    ({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'),
  );
}

/** Runs the code as a module and returns what it exports. */
async function run(code: string): Promise<Record<string, unknown>> {
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

test('there is one block of code', () => expect(blocks).toHaveLength(1));

test('it compiles, and a mistake in it would not', () => {
  const [code = ''] = blocks;
  expect(typeErrors(code)).toEqual([]);
  expect(typeErrors(code.replace('service:', 'servcie:')).join()).toContain('servcie');
});

test('it runs: a token with the scope gets the answer, no token gets a 401', async () => {
  const nats = await testNats();
  const tokens = await TestTokenService.start(nats.urls.tokens);
  process.env.NATS_URL = nats.urls.guard;
  const { AppModule } = await run(blocks[0] ?? '');
  const app = await startApp({ imports: [AppModule as never] });
  const http = supertest(app.getHttpServer());

  await http.get('/reports').expect(401);
  await http
    .get('/reports')
    .set('Authorization', `Bearer ${tokens.token({ scopes: ['other'] })}`)
    .expect(403);
  await http.get('/reports').set('Authorization', `Bearer ${tokens.token()}`).expect(200, { reportsOf: 'ada' });
  expect(tokens.requests.at(-1)).toMatchObject({ service: 'reports', scopes: ['rest'] });

  await app.close();
  delete process.env.NATS_URL;
  await tokens.connection.close();
  await nats.stop();
});
