import fc from 'fast-check';

/** What is read of a JSON Schema, as OpenAPI documents and zod write them. */
export interface Schema {
  readonly type?: string;
  readonly format?: string;
  readonly pattern?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly nullable?: boolean;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
}

/** Values that get far into a system, by the name of their field: ids that exist, passwords that are right. */
export type Known = Readonly<Record<string, fc.Arbitrary<unknown>>>;

const uuid = fc.constantFrom(
  '00000000-0000-0000-0000-000000000000',
  'ffffffff-ffff-ffff-ffff-ffffffffffff',
  '01997c9e-2222-7222-8222-222222222222',
);
const nested = (depth: number, wrap: (inner: unknown) => unknown) =>
  Array.from({ length: depth }).reduce<unknown>((inner) => wrap(inner), 'deep');
/** `{"__proto__": …}` as a field of its own, as JSON.parse makes it. */
const proto = Object.fromEntries([['__proto__', { polluted: true, isAdmin: true }]]);

/** Texts that somewhere have been too much for somebody. */
export const nastyText: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('a\0b', '\0', '\ud800', 'x\udc00y', '\udfff\ud800') },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      ...['', ' ', '\n', '\r\n\t', '\ufeff', '\u202etxet', '\u{1f3f4}', 'é'.normalize('NFD'), '\uffff'],
      ...['null', 'undefined', 'true', 'NaN', '-Infinity', '1e999', '-0', '0x10', '1_000', '٣'],
      ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', '[object Object]'],
      ...[
        "'; DROP TABLE tokens.events; --",
        '" OR ""="',
        '$1',
        '%',
        '_',
        '\\',
        '%00',
        '%s%n',
        '$' + '{7*7}',
        '{{7*7}}',
      ],
      ...['<script>alert(1)</script>', '../../../../etc/passwd', '//evil.example', '/\\evil.example', 'javascript:1'],
      ...['9999-12-31T23:59:59-23:59', '0000-01-01T00:00:00Z', '0001-01-01T00:00:00+23:59', '2026-02-30T00:00:00Z'],
      ...['2026-01-01T00:00:00.00000000000000000001Z', '+010000-01-01T00:00:00Z', '99999999999999999999', '1,,2', ','],
      ...['tkl_', `tkl_${'0'.repeat(32)}_${'0'.repeat(49)}`, 'tks_01997c9e222272228222222222222222_x'],
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom(65, 129, 201, 257, 1025, 4097, 5000).map((length) => 'x'.repeat(length)) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
);

/** Values of any type that no schema expects. */
export const nastyValue: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 5, arbitrary: nastyText },
  {
    weight: 4,
    arbitrary: fc.constantFrom<unknown>(
      ...[null, true, false, 0, -0, -1, 1.5, 2 ** 31, -(2 ** 31) - 1, 2 ** 53, 2 ** 63, 1e21, 1e308, -1e308, 5e-324],
      ...[[], [[]], [null], {}, { a: 1 }, { toString: 1, valueOf: 1 }, { length: 1e9 }, proto, { constructor: proto }],
      ...[nested(300, (inner) => [inner]), nested(300, (inner) => ({ inner })), Array(1000).fill('x')],
    ),
  },
  { weight: 2, arbitrary: fc.array(nastyText, { maxLength: 4 }) },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 4 }) },
);

/** A value that a schema accepts, or nearly. */
export function valueFor(schema: Schema, known: Known = {}, name = ''): fc.Arbitrary<unknown> {
  const found = known[name];
  if (found) return found;
  const choice = schema.anyOf ?? schema.oneOf;
  if (choice) return fc.oneof(...choice.map((each) => valueFor(each, known, name)));
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  const value = plainValueFor(schema, known);
  return schema.nullable ? fc.option(value, { freq: 4 }) : value;
}

function plainValueFor(schema: Schema, known: Known): fc.Arbitrary<unknown> {
  switch (schema.type) {
    case 'object':
      return objectOf(schema, known);
    case 'array':
      return fc.array(valueFor(schema.items ?? {}, known), { maxLength: Math.min(schema.maxItems ?? 3, 3) });
    case 'boolean':
      return fc.boolean();
    case 'integer':
      return fc.integer({ min: Math.max(schema.minimum ?? 0, -1e9), max: Math.min(schema.maximum ?? 1e9, 1e9) });
    case 'number':
      return fc.double({ noNaN: true, noDefaultInfinity: true });
    case 'null':
      return fc.constant(null);
    default:
      return textOf(schema);
  }
}

function objectOf({ properties = {} }: Schema, known: Known): fc.Arbitrary<Record<string, unknown>> {
  const fields = Object.entries(properties).map(([name, schema]) => [name, valueFor(schema, known, name)] as const);
  return fc.record(Object.fromEntries(fields));
}

function textOf({ format, pattern, minLength = 0, maxLength = 40 }: Schema): fc.Arbitrary<string> {
  if (format === 'uuid') return uuid;
  if (format === 'date-time') return fc.constantFrom('2030-01-01T00:00:00Z', '2020-02-29T12:00:00.123+01:00');
  if (format === 'email') return fc.constantFrom('ada@example.org', 'a.b+c@sub.example.org');
  if (pattern?.startsWith('^[a-z0-9]')) return fc.constantFrom('rest', 'tokens', 'reports:read', 'x');
  if (pattern?.startsWith('^[A-Za-z0-9]')) return fc.stringMatching(/^[a-z][a-z0-9]{11}$/);
  if (pattern) return fc.constantFrom('/', '/a?b=c');
  return fc.string({ minLength, maxLength: Math.min(maxLength, minLength + 12) });
}

/** Mostly one or two fields broken; some too many, too few, all right, or none at all what was expected. */
export function brokenOf(schema: Schema, known: Known = {}): fc.Arbitrary<unknown> {
  const choice = schema.anyOf ?? schema.oneOf;
  if (choice) return fc.oneof(...choice.map((each) => brokenOf(each, known)));
  const names = Object.keys(schema.properties ?? {});
  const good = objectOf(schema, known);
  if (names.length === 0) return fc.oneof(good, nastyValue);
  const name = fc.constantFrom(...names);
  const put = (value: Record<string, unknown>, field: string, bad: unknown) => {
    const entries = Object.entries(value).filter(([each]) => each !== field);
    return Object.fromEntries([...entries, [field, bad]]);
  };
  const extra = fc.constantFrom('extra', '__proto__', 'constructor', 'id', 'secret', 'auth_token', '\0', '');
  return fc.oneof(
    { weight: 2, arbitrary: good },
    { weight: 9, arbitrary: fc.tuple(good, name, nastyValue).map(([value, field, bad]) => put(value, field, bad)) },
    {
      weight: 3,
      arbitrary: fc
        .tuple(good, name, nastyValue, name, nastyValue)
        .map(([value, one, bad, other, worse]) => put(put(value, one, bad), other, worse)),
    },
    { weight: 2, arbitrary: fc.tuple(good, extra, nastyValue).map(([value, field, bad]) => put(value, field, bad)) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(good, name)
        .map(([value, field]) => Object.fromEntries(Object.entries(value).filter(([each]) => each !== field))),
    },
    { weight: 1, arbitrary: nastyValue },
  );
}

/** Percent-encodes a text byte by byte; half of a surrogate pair becomes the three bytes that UTF-8 forbids. */
export function percentEncode(text: string): string {
  return Array.from(text, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (/^[\w.~-]$/.test(character)) return character;
    const bytes =
      code >= 0xd800 && code <= 0xdfff
        ? [0xed, 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f)]
        : [...Buffer.from(character)];
    return bytes.map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
  }).join('');
}

/** A part of a path or a query that is already encoded, badly. */
export const badEncoding = fc.constantFrom(
  '%',
  '%z',
  '%zz',
  '%ff',
  '%c0%80',
  '%ed%a0%80',
  '%00',
  '%2e%2e%2f',
  '..;',
  '+',
);

/** Cursors: of other lists, of no list, and such that only their inside is wrong. */
export const nastyCursor: fc.Arbitrary<string> = fc
  .oneof(
    fc.tuple(fc.constantFrom('-createdAt', 'createdAt', 'user', 'useCount', 'expiresAt', 'zzz'), nastyValue, uuid),
    fc.record({
      transactionId: fc.constantFrom<unknown>('0', '1', '18446744073709551616', '99999999999999999999', -1),
      position: fc.constantFrom<unknown>('0', '9223372036854775808', '9999999999999999999', '１', null),
    }),
    nastyValue,
  )
  .map((place) => Buffer.from(JSON.stringify(place) ?? '').toString('base64url'));

/** Bodies that are no JSON, or not as they say they are. */
export const brokenBodies: readonly {
  readonly type: string | null;
  readonly body: Buffer;
  readonly encoding?: string;
}[] = [
  { type: 'application/json', body: Buffer.from('{"description":') },
  { type: 'application/json', body: Buffer.from('{"description":"x","description":"y"}') },
  { type: 'application/json', body: Buffer.from('null') },
  { type: 'application/json', body: Buffer.from('"text"') },
  { type: 'application/json', body: Buffer.from('[]') },
  { type: 'application/json', body: Buffer.from('NaN') },
  { type: 'application/json', body: Buffer.from('') },
  { type: 'application/json', body: Buffer.from('\ufeff{}') },
  { type: 'application/json', body: Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]) },
  { type: 'application/json', body: Buffer.from(`{"description":${'['.repeat(20_000)}${']'.repeat(20_000)}}`) },
  { type: 'application/json', body: Buffer.from('{"__proto__":{"x":1},"constructor":{"prototype":{"x":1}}}') },
  { type: 'application/json; charset=utf-16le', body: Buffer.from('{}', 'utf16le') },
  { type: 'application/json; charset=klingon', body: Buffer.from('{}') },
  { type: 'application/json', encoding: 'gzip', body: Buffer.from('{}') },
  { type: 'application/json', encoding: 'x-unknown', body: Buffer.from('{}') },
  { type: 'text/plain', body: Buffer.from('{}') },
  { type: 'application/xml', body: Buffer.from('<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>') },
  {
    type: 'multipart/form-data; boundary=x',
    body: Buffer.from('--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n'),
  },
  { type: 'nonsense', body: Buffer.from('{}') },
  { type: null, body: Buffer.from('{}') },
  { type: 'application/x-www-form-urlencoded', body: Buffer.from('a=%zz&b=%00&__proto__=1&a[b]=c&a=1&a=2&=&&') },
  { type: 'application/x-www-form-urlencoded', body: Buffer.from(Array(1500).fill('a=1').join('&')) },
];

/** More than any service reads. */
export const tooLarge = Buffer.from(JSON.stringify({ description: 'x'.repeat(70_000) }));
