import { isIPv6 } from 'node:net';
import fc from 'fast-check';
import { networkOf, readAddress } from './address.js';

test.each([
  ['203.0.113.77', '203.0.113.77'],
  ['203.0.113.77:5000', '203.0.113.77'],
  [' 203.0.113.77\t', '203.0.113.77'],
  ['::ffff:203.0.113.77', '203.0.113.77'],
  ['::FFFF:203.0.113.77', '203.0.113.77'],
  ['::ffff:cb00:714d', '203.0.113.77'],
  ['0:0:0:0:0:ffff:203.0.113.77', '203.0.113.77'],
  ['[::ffff:203.0.113.77]:443', '203.0.113.77'],
  ['"203.0.113.77:80"', '203.0.113.77'],
  ['2001:db8::1', '2001:db8::1'],
  ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
  ['[2001:db8::1]', '2001:db8::1'],
  ['[2001:db8::1]:443', '2001:db8::1'],
  ['"[2001:DB8::1]:443"', '2001:db8::1'],
  ['fe80::1%eth0', 'fe80::1'],
  ['[fe80::1%25eth0]:443', 'fe80::1'],
  ['::1', '::1'],
  ['::', '::'],
])('%s is %s', (text, address) => {
  expect(readAddress(text)).toBe(address);
  expect(readAddress(address)).toBe(address);
});

test.each([
  ...['', ' ', 'unknown', '_hidden', 'localhost', 'x'.repeat(70), '1'.repeat(70), '9'.repeat(100_000), ':'.repeat(70)],
  ...['203.0.113', '203.0.113.256', '203.0.113.77.1', '203.0.113.77:port', '203.0.113.77, 198.51.100.1', '0x7f.1', '1'],
  ...[
    '203.0.113.77/24',
    '[203.0.113.77',
    '2001:db8::1::2',
    '2001:db8::12345',
    '[2001:db8::1]443',
    '[]:80',
    'a@::1',
    '::1/',
  ],
  ...['203.0.113.', '.203.0.113.77', '203..113.77', '<script>'],
])('%j is no address', (text) => {
  expect(readAddress(text)).toBeNull();
});

test('nothing at all is no address', () => {
  expect(readAddress(null)).toBeNull();
  expect(readAddress(undefined)).toBeNull();
});

test('any text is one spelling of an address or none, and never an error', () => {
  const texts = fc.oneof(
    fc.string(),
    fc.ipV4(),
    fc.ipV6(),
    fc.ipV6().map((ip) => `[${ip.toUpperCase()}]:443`),
  );
  fc.assert(
    fc.property(texts, (text) => {
      const address = readAddress(text);
      expect(address === null || readAddress(address) === address).toBe(true);
      if (isIPv6(text)) expect(address).not.toBeNull();
    }),
  );
});

test.each([
  ['203.0.113.77', '203.0.113.77'],
  ['2001:db8::1', '2001:db8::/64'],
  ['2001:db8:0:1:2:3:4:5', '2001:db8:0:1::/64'],
  ['2001:db8:0:1::5', '2001:db8:0:1::/64'],
  ['2001:db8:1:2:3::', '2001:db8:1:2::/64'],
  ['::1', '::/64'],
  ['1::2:3:4:5:6:7', '1:0:2:3::/64'],
])('%s counts as %s', (address, network) => {
  expect(networkOf(address)).toBe(network);
});

test('addresses of one /64 count as one, and those of two as two', () => {
  const group = fc.integer({ min: 0, max: 0xffff }).map((value) => value.toString(16));
  const groups = (length: number) => fc.array(group, { minLength: length, maxLength: length });
  fc.assert(
    fc.property(groups(4), groups(4), groups(4), groups(4), (a, b, hostA, hostB) => {
      const of = (prefix: string[], host: string[]) => networkOf(readAddress([...prefix, ...host].join(':')) ?? '');
      fc.pre(a.join() !== '0,0,0,0');
      expect(of(a, hostA)).toBe(of(a, hostB));
      expect(of(a, hostA) === of(b, hostA)).toBe(a.join() === b.join());
    }),
  );
});
