import fc from 'fast-check';
import { z } from 'zod';
import { nastyValue } from '../../test/support/bad-input.js';
import { unknownFields, wrongFields } from './wrong-fields.js';

/** The schema library's own words. */
const LIBRARY = /invalid|expected|received|unrecognized|too (big|small)|input|string|array|number:/i;

const told = (schema: z.ZodType, value: unknown) =>
  wrongFields(schema.safeParse(value).error?.issues ?? [], 'body').map(({ field, detail }) => `${field}: ${detail}`);

const everything = z.strictObject({
  id: z.uuid(),
  name: z.string().min(1).max(5),
  code: z.string().min(3),
  mail: z.email(),
  link: z.url(),
  count: z.coerce.number().int().min(1).max(9),
  size: z.number().positive().lt(3).multipleOf(2),
  flag: z.boolean(),
  word: z.enum(['one', 'two']),
  one: z.literal('x'),
  list: z.array(z.int()).min(1).max(2),
  pair: z.tuple([z.string(), z.null()]),
  map: z.record(z.string(), z.int()),
  kind: z.discriminatedUnion('is', [z.object({ is: z.literal('a'), a: z.string() }), z.object({ is: z.literal('b') })]),
  either: z.union([z.string(), z.object({ a: z.int() })]),
});

test.each<[string, unknown, string]>([
  ['id', 'x', 'not an id'],
  ['id', 7, 'not a text'],
  ['id', undefined, 'is missing'],
  ['name', '', 'is empty'],
  ['name', 'toolong', 'has more than 5 characters'],
  ['code', 'ab', 'has fewer than 3 characters'],
  ['mail', 'x', 'not an e-mail address'],
  ['link', 'x', 'not a URL'],
  ['count', 'many', 'not a number'],
  ['count', '1.5', 'not a whole number'],
  ['count', '0', 'less than 1'],
  ['count', '10', 'more than 9'],
  ['size', 0, 'not more than 0'],
  ['size', 4, 'not less than 3'],
  ['size', 1, 'not a multiple of 2'],
  ['flag', 'yes', 'not true or false'],
  ['word', 'three', 'not one of one, two'],
  ['one', 'y', 'not x'],
  ['list', [], 'is empty'],
  ['list', [1, 2, 3], 'has more than 2 entries'],
  ['list', {}, 'not a list'],
  ['map', [], 'not an object'],
  ['either', 7, 'in none of its forms'],
])('%s: %j is told in our words: %s', (field, value, words) => {
  expect(told(everything, { [field]: value })).toContain(`${field}: ${words}`);
});

test('what is inside a field is named by its path, and of several forms the nearest is told', () => {
  expect(told(everything, { list: ['x'] })).toContain('list.0: not a number');
  expect(told(everything, { kind: { is: 'c' } })).toContain('kind.is: not one of a, b');
  expect(told(everything, { kind: { is: 'a' } })).toContain('kind.a: is missing');
  expect(told(everything, { either: { a: 'x' } })).toContain('either.a: not a number');
});

test('the whole is named where no field of it is meant', () => {
  expect(told(everything, null)).toEqual(['body: not an object']);
  expect(told(z.union([everything, z.strictObject({})]), [])).toEqual(['body: not an object']);
  expect(told(z.strictObject({}), { 'no name of a field': 1 })).toEqual(['body: has a field that is not known here']);
  expect(unknownFields(['p@ssword'], 'query')).toEqual([
    { field: 'query', detail: 'has a field that is not known here' },
  ]);
});

test('whatever is sent, each field has a name and words of our own, and nothing of it is repeated', () => {
  const fields = fc.constantFrom(...Object.keys(everything.shape));
  const body = fc.oneof(nastyValue, fc.dictionary(fields, nastyValue, { maxKeys: 6 }));
  fc.assert(
    fc.property(body, (value) => {
      const { issues = [] } = everything.safeParse(value).error ?? {};
      for (const { field, detail } of wrongFields(issues, 'body')) {
        expect(field).not.toBe('');
        expect(detail).not.toBe('');
        expect(detail).not.toMatch(LIBRARY);
        expect(detail).not.toMatch(/tkl_|tks_|script|evil|DROP/);
      }
    }),
    { numRuns: 100 },
  );
});
