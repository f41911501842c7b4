import { globSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { reachedFrom } from './import-graph.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Files and packages by which a test starts a server, a process or a connection. */
const starting = new Set([
  'test/support/data-dir.ts',
  'test/support/database.ts',
  'test/support/folder.ts',
  ...['child_process', 'cluster', 'dgram', 'http', 'http2', 'https', 'net', 'tls'].map((name) => `node:${name}`),
  '@nats-io/transport-node',
  '@nestjs/testing',
  'graphql-ws',
  'pg',
  'smtp-server',
  'socket.io-client',
  'supertest',
  'undici',
  'ws',
]);

/** What is written for tests, and the tools: what they import counts. What a service imports, it does not start by that. */
const isForTests = (file) => /^(test|tools|bench)\/|\.spec\.ts$|\/testing\/|\/test-[^/]*\.ts$/.test(file);

/**
 * The kind of a spec. A unit spec stands beside what it tests and starts nothing: neither it, nor what it imports that is
 * written for tests, reaches what starts something. All others are service specs, and those of `test`, which are of the whole.
 * @param {string} file its path in the repository
 * @returns {'unit' | 'service'}
 */
export function kindOf(file) {
  return file.startsWith('test/') || startsBy(file).length > 0 ? 'service' : 'unit';
}

/**
 * That by which a spec starts something; empty for a unit spec.
 * @param {string} file its path in the repository
 * @returns {string[]}
 */
export function startsBy(file) {
  return [...reachedFrom(file, isForTests)].filter((reached) => starting.has(reached));
}

/** All specs, by their paths in the repository. */
export function specs() {
  const ignored = ['node_modules', 'dist', '.data'];
  const found = globSync('{apps,libs,tools,test,bench}/**/*.spec.ts', {
    cwd: root,
    exclude: (path) =>
      ignored.some((name) =>
        String(path?.name ?? path)
          .split('/')
          .includes(name),
      ),
  });
  return found.sort();
}
