import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { copyOfRepository } from './support/copy.js';
import { newDataDir } from './support/data-dir.js';
import { eventually } from './support/eventually.js';
import { freePorts, processesOf, type Started, startTokenlog } from './support/started.js';

const PASSWORD = 'the-first-admins-password';
const PATIENCE = { timeoutMs: 60_000 };
const CHANGED = 'apps/tokens/http/own-tokens.controller.ts';

/** What `npm run dev` runs, on a copy of the sources: they are changed. */
let copy: string;
let env: Record<string, string>;
let dev: Started;

beforeAll(async () => {
  copy = await copyOfRepository();
  env = { ...(await freePorts()), DATA_DIR: await newDataDir('dev'), ADMIN_PASSWORD: PASSWORD };
  dev = startTokenlog(env, ['--watch'], copy);
  await said(/Changes are watched/);
});

afterAll(async () => {
  if (dev.process.exitCode === null) dev.process.kill('SIGTERM');
  await dev.exited;
  await rm(copy, { recursive: true, force: true });
});

/** What was said since `from`, once it says `text`. */
async function said(text: RegExp, from = 0): Promise<string> {
  const ended = dev.exited.then((code) => {
    throw new Error(`It ended with ${code}:\n${dev.output()}`);
  });
  await Promise.race([eventually(() => expect(dev.output().slice(from)).toMatch(text), PATIENCE), ended]);
  return dev.output().slice(from);
}

/** Replaces a part of a source, and resolves with what is said until `text` is. */
async function change(file: string, part: string, by: string, text: RegExp): Promise<string> {
  const from = dev.output().length;
  const source = await readFile(join(copy, file), 'utf8');
  expect(source).toContain(part);
  await writeFile(join(copy, file), source.replace(part, by));
  return said(text, from);
}

/** The process ids of the parts, by their programs. */
function parts(): Record<string, string> {
  const found = processesOf(env.DATA_DIR ?? '').flatMap((line) => {
    const name = /apps\/([\w-]+)\/main\.js|(nats-server) |bin\/(postgres) /.exec(line)?.slice(1).find(Boolean);
    return name ? [[name, line.split(' ')[0]]] : [];
  });
  return Object.fromEntries(found);
}

const url = (variable: string, path: string) => `http://127.0.0.1:${env[variable]}${path}`;
const document = async () => (await fetch(url('TOKENS_PORT', '/openapi.json'))).text();

async function logIn(): Promise<string> {
  const answer = await fetch(url('IDENTITY_PORT', '/login'), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'admin', password: PASSWORD }),
  });
  return ((await answer.json()) as { session: { credential: string } }).session.credential;
}

test('a changed file restarts the service that runs it alone, and the data is kept', async () => {
  const session = await logIn();
  const before = parts();
  await change(CHANGED, "summary: '", "summary: 'Changed. ", /tokens runs again/);
  const after = parts();
  expect(Object.keys(after)).toEqual(expect.arrayContaining(['identity', 'tokens', 'example-api']));
  expect(after).toEqual({ ...before, tokens: after.tokens });
  expect(after.tokens).not.toBe(before.tokens);
  expect(await document()).toContain('Changed. ');
  const headers = { authorization: `Bearer ${session}` };
  expect((await fetch(url('TOKENS_PORT', '/tokens'), { headers })).status).toBe(200);
});

test('what does not compile is told, and what ran goes on until it does', async () => {
  const before = parts();
  const output = await change(CHANGED, 'export class', 'export klass', /goes on/);
  expect(output).toContain(`${CHANGED} does not compile`);
  expect(parts()).toEqual(before);
  expect(await document()).toContain('Changed. ');
  await change(CHANGED, 'export klass', 'export class', /tokens runs again/);
});

test('a service that does not start is told of, and started with the next change; the others run on', async () => {
  const { identity } = parts();
  const wrong = '\nthrow new Error("a mistake of today");\n';
  const output = await change(CHANGED, '/** ', `${wrong}/** `, /tokens is down/);
  expect(output).toContain('a mistake of today');
  await change(CHANGED, wrong, '', /tokens runs again/);
  expect(parts().identity).toBe(identity);
});

test('Ctrl-C in the middle of a restart leaves no process', async () => {
  await change(CHANGED, 'Changed. ', 'Changed again. ', /^Changed: /m);
  dev.process.kill('SIGINT');
  expect(await dev.exited).toBe(0);
  expect(processesOf(env.DATA_DIR ?? '')).toEqual([]);
});
