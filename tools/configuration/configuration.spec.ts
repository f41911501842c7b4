import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { exampleVariables } from '../../apps/example-api/config.js';
import { identityVariables } from '../../apps/identity/config/config.js';
import { tokensVariables } from '../../apps/tokens/config/config.js';
import { root } from '../paths.js';
import { configurationPage } from './page.js';
import { type Reader, type Variable, variables } from './registry.js';

const text = (path: string) => readFileSync(join(root, path), 'utf8');
const filesOf = (folder: string) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((path) => `${folder}/${path}`)
    .filter((path) => /\.(ts|mjs)$/.test(path) && !/\.spec\.ts$|\/testing\/|\/node_modules\//.test(path));
const registered = new Map(variables.map((variable) => [variable.name, variable]));
const readBy = (...readers: Reader[]) =>
  variables.filter((variable) => readers.some((reader) => variable.readBy.includes(reader)));
const namesOf = (list: readonly Variable[]) => list.map(({ name }) => name).sort();

/** Who reads what a file reads; of a library, any service. The first that fits. */
const OWNERS: readonly [RegExp, readonly Reader[]][] = [
  [/^apps\/\w+\/migrate\.ts$/, ['migrations']],
  [/^apps\/tokens\/rebuild\.ts$/, ['rebuild']],
  [/^apps\/identity\//, ['identity']],
  [/^apps\/tokens\//, ['tokens']],
  [/^apps\/example-api\//, ['example-api']],
  [/^apps\/cli\//, ['command line']],
  [/^libs\/auth\//, ['guard']],
  [/^libs\//, ['identity', 'tokens', 'example-api']],
  [/^tools\/seed/, ['`seed`']],
  [/^tools\/admin-password\.ts$/, ['`admin:password`']],
  [/^tools\/compose\//, ['`test:compose`']],
  [/^tools\/compose-env\.mjs$|^docker-compose\.yml$|^Dockerfile$|^deploy\//, ['Compose']],
  [/^tools\//, ['`npm start`']],
];
/** What one program of this repository tells another that it starts, and no reader of the documents sets. */
const INTERNAL = ['DATABASE_URL_FILE', 'ADMIN_PASSWORD_FILE', 'TOKEN_PEPPER_FILE'];
const READ = [/\benv\??\.([A-Z][A-Z0-9_]+)\b/g, /\benv\[['"]([A-Z][A-Z0-9_]+)['"]\]/g];
/** Where schemas of variables stand. */
const HAS_SCHEMAS = /readConfig\(|[vV]ariables = \{/;
const OF_SCHEMA = /(?:^\s+|\{ )([A-Z][A-Z0-9]*_[A-Z0-9_]+): /gm;
const SET = [/\$\{([A-Z][A-Z0-9_]+)[:}-]/g, /^#?([A-Z][A-Z0-9_]+)=/gm, /^ARG ([A-Z_]+)/gm, /password: \$([A-Z_]+)/g];

/** Each variable that a file reads. */
function readIn(path: string, patterns: readonly RegExp[]): string[] {
  const content = text(path);
  const all = HAS_SCHEMAS.test(content) && path.endsWith('.ts') ? [...patterns, OF_SCHEMA] : patterns;
  return [...new Set(all.flatMap((pattern) => [...content.matchAll(pattern)].map(([, name = '']) => name)))];
}

test('docs/configuration.md is made of the registry: npm run docs:configuration', () => {
  expect(text('docs/configuration.md')).toBe(configurationPage());
});

describe.each<[Reader, z.ZodRawShape]>([
  ['identity', identityVariables],
  ['tokens', tokensVariables],
  ['example-api', exampleVariables],
])('of the variables of %s', (service, shape) => {
  // Node reads it for every service.
  const told = readBy(service).filter(({ name }) => !['NODE_EXTRA_CA_CERTS', 'PGUSER'].includes(name));

  it('each is told, and no other', () => {
    expect(namesOf(told)).toEqual(Object.keys(shape).sort());
  });

  it('each can be a file, where its name is not that of one', () => {
    expect(told.filter(({ file }) => !file)).toEqual([]);
  });

  it.each(told.map(({ name, ...rest }) => ({ name, ...rest })))('$name has the default that is told', (variable) => {
    const schema = shape[variable.name] as z.ZodType;
    const unset = schema.safeParse(undefined);
    if (variable.fallback !== undefined) {
      expect(schema.parse(variable.fallback)).toEqual(unset.data);
    } else {
      // Nothing, an empty list, or a start that says that it is missing: each has its words.
      expect(variable.unset).toMatch(/./);
      expect(unset.data ?? []).toEqual([]);
    }
  });
});

test('whatever reads a variable, it is told, and told of that reader', () => {
  const missing: string[] = [];
  const seen = new Set<string>();
  const look = (path: string, patterns: readonly RegExp[]) => {
    const owners = OWNERS.find(([pattern]) => pattern.test(path))?.[1] ?? [];
    for (const name of readIn(path, patterns).filter((each) => !INTERNAL.includes(each))) {
      seen.add(name);
      const told = registered.get(name)?.readBy ?? [];
      if (!owners.some((owner) => told.includes(owner))) missing.push(`${name} in ${path}`);
    }
  };
  for (const path of ['apps', 'libs', 'tools'].flatMap(filesOf)) look(path, READ);
  for (const path of ['docker-compose.yml', 'Dockerfile', 'deploy/env.example', 'deploy/nats-server.conf']) {
    look(path, SET);
  }
  expect(missing).toEqual([]);
  // That it looks at all: some are read by a name that is put together.
  expect(seen.size).toBeGreaterThan(variables.length * 0.9);
});

test('whatever is told of a reader stands in the code of that reader', () => {
  const said: Partial<Record<Reader, string>> = {};
  const add = (path: string, owners: readonly Reader[]) => {
    for (const owner of owners) said[owner] = `${said[owner] ?? ''}${text(path)}`;
  };
  for (const path of ['apps', 'libs', 'tools'].flatMap(filesOf)) {
    if (path.startsWith('tools/configuration/')) continue;
    add(path, OWNERS.find(([pattern]) => pattern.test(path))?.[1] ?? []);
  }
  for (const path of ['docker-compose.yml', 'Dockerfile', 'deploy/env.example', 'deploy/nats-server.conf']) {
    add(path, ['Compose']);
  }
  // What these read through a library, which reads it for all.
  for (const path of filesOf('libs/platform')) {
    add(path, ['migrations', 'rebuild', '`admin:password`', '`npm start`', '`seed`']);
  }
  for (const path of [...filesOf('test'), 'test/nats-permissions.spec.ts', 'tools/nats-server.ts'])
    add(path, ['tests']);
  add('libs/auth/README.md', ['guard']);
  const absent = variables.flatMap(({ name, readBy: readers }) =>
    readers.filter((reader) => !new RegExp(`\\b${name}\\b`).test(said[reader] ?? '')).map((reader) => [name, reader]),
  );
  // Node's own.
  expect(absent.filter(([name]) => name !== 'NODE_EXTRA_CA_CERTS')).toEqual([]);
});

test('each is told once, with words, and the other pages name no variable that is not told', () => {
  expect(new Set(namesOf(variables)).size).toBe(variables.length);
  expect(variables.filter(({ what, fallback, unset }) => !what || (fallback === undefined) === !unset)).toEqual([]);
  const pages = ['README.md', 'libs/auth/README.md', ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`)];
  const unknown = pages
    .filter((path) => path.endsWith('.md'))
    .flatMap((path) =>
      [...text(path).matchAll(/`([A-Z]+_[A-Z_]+?)(?:_FILE)?`/g)].map(([, name = '']) => [name, path] as const),
    )
    .filter(([name]) => !registered.has(name) && !registered.has(`${name}_FILE`) && !NO_VARIABLES.includes(name));
  expect(unknown).toEqual([]);
});

/** Capital names of something else. */
const NO_VARIABLES = [
  'NAME_FILE',
  'FORCE_COLOR',
  'POSTGRES_USER',
  'POSTGRES_DB',
  'POSTGRES_PASSWORD',
  'PG_VERSION',
  'GUARD_USES',
  'APP_GUARD',
  'UNAUTHENTICATED',
  'SERVICE_UNAVAILABLE',
  'MARGIN_MS',
  'CLOCK_MONOTONIC',
];
