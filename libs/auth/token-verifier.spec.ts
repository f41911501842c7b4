import { randomUUID } from 'node:crypto';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { Logger } from '@nestjs/common';
import { formatCredential, generateSecret, parseCredential, proofOf } from '@tokenlog/contracts/credential.js';
import { testNats } from '../../test/support/nats.js';
import { resolveAuthOptions } from './auth-options.js';
import { NatsLink } from './nats-link.js';
import { LogOfTest } from './testing/start-app.js';
import { TestTokenService } from './testing/token-service.js';
import { TokenVerifier, VerifierUnavailableError } from './token-verifier.js';

let nats: Awaited<ReturnType<typeof testNats>>;
let tokens: TestTokenService;
let observer: NatsConnection;
let link: NatsLink;
let verifier: TokenVerifier;
const wire: string[] = [];

beforeAll(async () => {
  Logger.overrideLogger(false);
  nats = await testNats();
  tokens = await TestTokenService.start(nats.urls.tokens);
  observer = await connect({ servers: nats.urls.tokens.split('@')[1], ...credentials(nats.urls.tokens) });
  observer.subscribe('tokens.>', { callback: (_error, message) => void wire.push(message.string()) });
  await observer.flush();
  const options = resolveAuthOptions({ nats: nats.urls.guard, service: 'reports', requestTimeoutMs: 300 });
  link = new NatsLink(options);
  verifier = new TokenVerifier(options, link);
  await link.start();
});
beforeEach(() => {
  tokens.reset();
  wire.length = 0;
});
afterAll(async () => {
  await link.onApplicationShutdown();
  await Promise.all([tokens.connection.close(), observer.close()]);
  await nats.stop();
});

function credentials(url: string) {
  const { username: user, password: pass } = new URL(url);
  return { user, pass };
}

test('asks by id and proof, with the scopes, this service and the address; the secret stays', async () => {
  const text = tokens.token();
  const { id, secret } = parseCredential(text) ?? { id: '', secret: '' };
  await expect(verifier.verify({ credential: text, scopes: ['rest'], ip: '192.0.2.7' })).resolves.toMatchObject({
    active: true,
    user: { username: 'ada' },
  });
  expect(tokens.requests).toEqual([
    { id, proof: proofOf(secret), scopes: ['rest'], service: 'reports', ip: '192.0.2.7' },
  ]);
  await observer.flush();
  expect(wire).toHaveLength(1);
  expect(wire.join()).not.toContain(secret);
});

test('takes an id and a proof as well, and leaves out what was not given', async () => {
  const { id, secret } = parseCredential(tokens.token()) ?? { id: '', secret: '' };
  const proof = proofOf(secret);
  await expect(verifier.verify({ id, proof })).resolves.toMatchObject({ active: true });
  expect(tokens.requests).toEqual([{ id, proof, service: 'reports' }]);
});

test('S25 an empty list of scopes is sent: it asks for one of none', async () => {
  await expect(verifier.verify({ credential: tokens.token(), scopes: [] })).resolves.toEqual({
    active: false,
    reason: 'scope',
  });
});

test('S26 S34 roles are part of the question, so that a refusal counts nothing', async () => {
  const ask = (roles: string[]) => verifier.verify({ credential: tokens.token(), roles });
  await expect(ask(['admin'])).resolves.toEqual({ active: false, reason: 'scope', missing: 'role' });
  await expect(ask(['admin', 'operator'])).resolves.toMatchObject({ active: true });
  expect(tokens.requests.map(({ roles }) => roles)).toEqual([['admin'], ['admin', 'operator']]);
});

test('a token service that knows no roles in a question is asked without, and then not told them for a while', async () => {
  tokens.knowsNoRoles = true;
  const options = resolveAuthOptions({ nats: nats.urls.guard, service: 'newer', requestTimeoutMs: 2000 });
  const newer = new TokenVerifier(options, link);
  const ask = () => newer.verify({ credential: tokens.token(), roles: ['admin'] });
  // What it lacks is then the guard's own to see.
  await expect(ask()).resolves.toMatchObject({ active: true });
  await expect(ask()).resolves.toMatchObject({ active: true });
  expect(tokens.requests.map(({ roles }) => roles)).toEqual([['admin'], undefined, undefined]);
});

test('an address is told in one spelling, and what is none is not', async () => {
  for (const ip of ['[2001:DB8::1]:443', 'x'.repeat(500)]) await verifier.verify({ credential: tokens.token(), ip });
  expect(tokens.requests.map(({ ip }) => ip)).toEqual(['2001:db8::1', undefined]);
});

test('what stands around a credential is no part of it', async () => {
  const [text, key] = [tokens.token(), tokens.accessKey('a key of four words, imported')];
  for (const credential of [`\ufeff${text}\r\n`, `\u00a0${key}\n`]) {
    await expect(verifier.verify({ credential })).resolves.toMatchObject({ active: true });
  }
  await observer.flush();
});

test.each([
  ['nothing', () => ''],
  ['garbage', () => 'garbage'],
  ['a wrong check', () => tokens.token().replace(/.$/, (last) => (last === '0' ? '1' : '0'))],
  ['a cut text', () => tokens.token().slice(0, -1)],
])('S33 %s is malformed without any I/O', async (_name, text) => {
  await expect(verifier.verify({ credential: text() })).resolves.toEqual({ active: false, reason: 'malformed' });
  await observer.flush();
  expect(wire).toEqual([]);
});

test('a reason is handed on as it came', async () => {
  const text = tokens.token();
  tokens.refuse(text, 'superseded');
  await expect(verifier.verify({ credential: text })).resolves.toEqual({ active: false, reason: 'superseded' });
  const unknown = formatCredential({ prefix: 'tkl', id: randomUUID(), secret: generateSecret() });
  await expect(verifier.verify({ credential: unknown })).resolves.toEqual({ active: false, reason: 'unknown' });
});

test.each([
  ['an error', JSON.stringify({ error: { code: 'internal-error', detail: 'no' } })],
  ['no JSON', 'true'.slice(1)],
  ['active without a user', JSON.stringify({ active: true })],
  ['a reason that does not exist', JSON.stringify({ active: false, reason: 'mood' })],
  ['silence', 'silence'],
])('an answer that is %s is none', async (_name, reply) => {
  tokens.reply = reply;
  const text = tokens.token();
  const refused = verifier.verify({ credential: text });
  await expect(refused).rejects.toBeInstanceOf(VerifierUnavailableError);
  await expect(refused).rejects.not.toThrow(parseCredential(text)?.secret);
});

test('an outage is one line in the log, and so is the next one', async () => {
  const log = new LogOfTest();
  Logger.overrideLogger(log);
  try {
    tokens.reply = '{}';
    const text = tokens.token();
    const ask = () => verifier.verify({ credential: text }).catch(() => {});
    await Promise.all([ask(), ask(), ask()]);
    expect(log.lines).toEqual([expect.stringContaining('Refusing with 503: not an answer to tokens.verify')]);
    tokens.reply = undefined;
    await ask();
    tokens.reply = '{}';
    await ask();
    expect(log.lines).toHaveLength(2);
  } finally {
    Logger.overrideLogger(false);
  }
});

test('nobody there to answer is known at once', async () => {
  const other = await testNats();
  const options = resolveAuthOptions({ nats: other.urls.guard, service: 'reports', requestTimeoutMs: 30_000 });
  const alone = new NatsLink(options);
  await alone.start();
  await expect(new TokenVerifier(options, alone).verify({ credential: tokens.token() })).rejects.toBeInstanceOf(
    VerifierUnavailableError,
  );
  await alone.onApplicationShutdown();
  await other.stop();
});
