import { parseNatsUrl } from './nats-url.js';

const SECRET = 'not-to-be-shown';

it.each([
  ['nats://h', { servers: ['h:4222'] }],
  ['nats://h:1', { servers: ['h:1'] }],
  ['nats://[::1]:1', { servers: ['[::1]:1'] }],
  ['nats://ada:p%40w@h', { servers: ['h:4222'], user: 'ada', pass: 'p@w' }],
  ['nats://token@h', { servers: ['h:4222'], token: 'token' }],
  ['nats://a:1,nats://b:2', { servers: ['a:1', 'b:2'] }],
  ['nats://u:p@a:1, b:2', { servers: ['a:1', 'b:2'], user: 'u', pass: 'p' }],
  ['nats://u:p@a,nats://u:p@b', { servers: ['a:4222', 'b:4222'], user: 'u', pass: 'p' }],
  ['tls://h', { servers: ['h:4222'], tls: {} }],
  ['nats://a,tls://b', { servers: ['a:4222', 'b:4222'], tls: {} }],
  [
    'tls://h?tls_ca_file=/ca.pem&tls_cert_file=/c.pem&tls_key_file=/k.pem&tls_first=true',
    { tls: { caFile: '/ca.pem', certFile: '/c.pem', keyFile: '/k.pem', handshakeFirst: true } },
  ],
])('%s is read', (url, expected) => {
  expect(parseNatsUrl(url)).toMatchObject(expected);
  expect(parseNatsUrl(url).tls === undefined).toBe(!('tls' in expected));
});

it.each([
  ['ws://h', 'nats:// or tls://'],
  ['wss://h', 'nats:// or tls://'],
  ['http://h', 'nats:// or tls://'],
  ['', 'host'],
  ['nats://', 'host'],
  ['nats://a,,b', 'host'],
  [`nats://u:${SECRET}/x@h`, 'no URL'],
  [`nats://u:${SECRET}%@h`, 'password'],
  [`nats://u:${SECRET}@h/path`, 'path'],
  [`nats://u:${SECRET}@h#x`, '#'],
  [`nats://u:${SECRET}@a,nats://u:other@b`, 'different credentials'],
  [`nats://u:${SECRET}@h?tls_ca_file=/ca.pem`, 'tls://'],
  [`tls://u:${SECRET}@h?tls_cert_file=/c.pem`, 'tls_cert_file and tls_key_file'],
  [`tls://u:${SECRET}@h?tls_first=maybe`, 'tls_first'],
  [`tls://u:${SECRET}@h?sslmode=require`, 'sslmode'],
])('%s is refused by what cannot be done, without what is secret', (url, named) => {
  expect(() => parseNatsUrl(url)).toThrow(named);
  expect(() => parseNatsUrl(url)).not.toThrow(SECRET);
});
