import type { NatsConnection } from '@nats-io/transport-node';
import { type AuthOptions, resolveAuthOptions } from './auth-options.js';

const good: AuthOptions = { nats: 'nats://guard:secret@127.0.0.1:4222', service: 'reports' };

test('what is left out has its default', () => {
  expect(resolveAuthOptions(good)).toEqual({
    ...good,
    natsUser: 'guard',
    guardName: null,
    metrics: false,
    cache: null,
    urlParameter: true,
    expiresHeader: false,
    requestTimeoutMs: 2000,
  });
});

test('several servers, TLS, and a connection of the application', () => {
  expect(resolveAuthOptions({ ...good, nats: 'tls://a:4222,tls://b:4222' }).nats).toBe('tls://a:4222,tls://b:4222');
  const connection = { request: () => {} } as unknown as NatsConnection;
  expect(resolveAuthOptions({ ...good, nats: connection }).nats).toBe(connection);
});

test.each<[string, object]>([
  ['nats', { nats: 'http://127.0.0.1' }],
  ['nats', { nats: undefined }],
  ['nats', { nats: {} }],
  ['service', { service: '' }],
  ['service', { service: 'a "quoted" name' }],
  ['natsUser', { natsUser: 'a.b' }],
  ['urlParameter', { urlParameter: 'no' }],
  ['expiresHeader', { expiresHeader: 1 }],
  ['requestTimeoutMs', { requestTimeoutMs: 0 }],
])('a wrong %s is an error that names it: %j', (option, wrong) => {
  expect(() => resolveAuthOptions({ ...good, ...wrong })).toThrow(`AuthModule: option "${option}": `);
});

test('an option that does not exist is an error that names it', () => {
  expect(() => resolveAuthOptions({ ...good, servcie: 'x' } as AuthOptions)).toThrow(
    'AuthModule: there is no option "servcie"',
  );
});

test('no error repeats the URL, which holds a password', () => {
  expect(() => resolveAuthOptions({ ...good, nats: 'nat://guard:hunter2@host' })).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
  );
});
