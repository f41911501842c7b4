import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { natsEnvironment } from './embedded-nats.js';
import { root } from './paths.js';
import { generateNatsPasswords } from './secrets.js';

const text = (path: string) => readFileSync(join(root, path), 'utf8');
const names = (content: string, pattern: RegExp) =>
  [...new Set([...content.matchAll(pattern)].map(([, name]) => name))].sort();

const compose = text('docker-compose.yml');
const example = text('deploy/env.example');
const read = names(text('deploy/nats-server.conf'), /\$(NATS_[A-Z_]+)/g);

test('docker-compose.yml and the embedded start give nats-server every variable that its configuration reads', () => {
  const nats = compose.slice(compose.indexOf('\n  nats:\n'), compose.indexOf('\n  migrate:\n'));
  expect(read).toHaveLength(4);
  expect(names(nats, /^ {6}(NATS_[A-Z_]+):/gm)).toEqual(read);
  expect(Object.keys(natsEnvironment(generateNatsPasswords())).sort()).toEqual(read);
});

test('deploy/env.example names every variable that docker-compose.yml requires', () => {
  const given = names(example, /^([A-Z_]+)=/gm);
  expect(given).toEqual(expect.arrayContaining(names(compose, /\$\{([A-Z_]+):\?/g)));
});

test('no secret has a value in what is committed', () => {
  for (const [, name, value] of example.matchAll(/^([A-Z_]+)=(.*)$/gm)) {
    if (/PASSWORD|PEPPER/.test(name ?? '')) expect([name, value]).toEqual([name, '']);
  }
  expect(compose).not.toMatch(/(PASSWORD|PEPPER|SECRET|SMTP_URL): (?!\$\{)/);
});

test('every target of docker-compose.yml is in the Dockerfile', () => {
  const targets = names(compose, /target: ([a-z-]+)/g);
  expect(names(text('Dockerfile'), /^FROM runtime AS ([a-z-]+)$/gm)).toEqual(targets);
});
