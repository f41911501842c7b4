import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { testFolder } from '../../test/support/folder.js';
import { listVariable, readConfig, serviceVariables } from './config.js';
import { asGiven } from './variables.js';

const shape = { SECRET: z.string().min(8), LIST: listVariable.default([]) };
let folder: string;
const file = async (name: string, text: string | Buffer) => {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
};

beforeAll(async () => {
  folder = await testFolder('config');
});

it.each(['a-secret', 'a-secret\n', 'a-secret\r\n', '\na-secret\n\n'])(
  'line ends around a value are none of it, given as it is or in a file: %j',
  async (text) => {
    expect(readConfig(shape, { SECRET: text })).toMatchObject({ SECRET: 'a-secret' });
    const SECRET_FILE = await file('secret', text);
    expect(readConfig(shape, { SECRET_FILE })).toMatchObject({ SECRET: 'a-secret' });
    expect(readConfig(shape, { SECRET: '', SECRET_FILE: `${SECRET_FILE}\n` })).toMatchObject({ SECRET: 'a-secret' });
    expect(asGiven({ SECRET_FILE }, 'SECRET')).toBe(text);
  },
);

it('blanks inside and around a value are its own', () => {
  expect(readConfig(shape, { SECRET: ' a secret ' })).toMatchObject({ SECRET: ' a secret ' });
});

it('a file that cannot be read, is empty, is no text, or stands beside the value stops the start with a line that names it', async () => {
  const refused = (env: Record<string, string>) => expect(() => readConfig(shape, env));
  refused({ SECRET_FILE: '/nowhere/x' }).toThrow(/^SECRET_FILE is wrong: \/nowhere\/x cannot be read \(ENOENT\)$/);
  refused({ SECRET_FILE: folder }).toThrow(/^SECRET_FILE is wrong: .* \(EISDIR\)$/);
  refused({ SECRET_FILE: await file('empty', '\n') }).toThrow(/^SECRET_FILE is wrong: .* is empty$/);
  refused({ SECRET_FILE: await file('binary', Buffer.from([0xff, 0xfe, 1])) }).toThrow(/^SECRET_FILE .* is not UTF-8$/);
  refused({ SECRET: 'a-secret', SECRET_FILE: await file('s', 'a-secret') }).toThrow(
    'SECRET and SECRET_FILE are both set',
  );
  refused({ SECRET_FILE: await file('short', 'short') }).toThrow(/^SECRET \(in SECRET_FILE\) is wrong: /);
  refused({}).toThrow(/^SECRET is not set/);
});

it.each([
  ['one, two', ['one', 'two']],
  ['one\ntwo\n', ['one', 'two']],
  ['["with, comma","with\\nline end"," with blanks "]', ['with, comma', 'with\nline end', ' with blanks ']],
  ['[]', []],
])('a list can hold any value: %j', (LIST, expected) => {
  expect(readConfig(shape, { SECRET: 'a-secret', LIST }).LIST).toEqual(expected);
});

it.each(['[one, two]', '["one",2]', '["one"'])('a list that begins with [ and is no JSON is refused: %s', (LIST) => {
  expect(() => readConfig(shape, { SECRET: 'a-secret', LIST })).toThrow(/^LIST is wrong: .*JSON/);
});

it.each([
  ['DATABASE_URL', 'postgres://u:not-shown@h/db?sslmode=prefer', 'sslmode=prefer'],
  ['NATS_URL', 'ws://h', 'tls://'],
  ['NATS_URL', 'tls://u:not-shown@h?tls_ca_file=/nowhere/ca.pem', '/nowhere/ca.pem'],
  ['BIND_ADDRESS', 'example.org', 'IP address'],
  ['DATABASE_ROLE_PREFIX', 'Name-of', 'a-z'],
])('%s=%s is refused by name', (name, value, why) => {
  const env = { DATABASE_URL: 'postgres://h/db', NATS_URL: 'nats://h', [name]: value };
  expect(() => readConfig(serviceVariables, env)).toThrow(new RegExp(`^${name} is wrong: .*${why}`));
  expect(() => readConfig(serviceVariables, env)).not.toThrow('not-shown');
});
