import { existsSync } from 'node:fs';
import { readFile, realpath } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { acknowledged } from '@tokenlog/contracts/guard/acknowledged.js';
import { guardUser, subjectOfGuard } from '@tokenlog/contracts/guard/guard-name.js';
import { heartbeat } from '@tokenlog/contracts/guard/heartbeat.js';
import { invalidate } from '@tokenlog/contracts/guard/invalidate.js';
import { guardUses } from '@tokenlog/contracts/guard/uses.js';
import { verify } from '@tokenlog/contracts/tokens/verify.js';
import { root } from './paths.js';
import { writePrivately } from './private-file.js';

/** A guard with a NATS user of its own. */
export interface NamedGuard {
  readonly name: string;
  readonly password: string;
}

/** The configuration that all others include. */
export const BASE_CONFIGURATION = join(root, 'deploy', 'nats-server.conf');

/** What the embedded nats-server is started with, in the data folder. */
export const GUARDS_CONFIGURATION = 'nats-guards.conf';

const GUARD_LINE = /^ {4}\{ user: "guard-([a-z0-9-]+)", password: "(\w+)",/gm;
const INCLUDE_LINE = /^include "([^"]+)"$/m;

/**
 * The guards that a configuration of `writeGuards` lists.
 * @returns none where there is no such file
 * @throws Error when the file is one that `writeGuards` did not write
 */
export async function readGuards(file: string): Promise<NamedGuard[]> {
  if (!existsSync(file)) return [];
  const text = await readFile(file, 'utf8');
  if (!INCLUDE_LINE.test(text) || !text.startsWith(HEAD)) {
    throw new Error(`${file} was not written by \`tokenlog guards\`, and is left as it is.`);
  }
  return [...text.matchAll(GUARD_LINE)].map(([, name = '', password = '']) => ({ name, password }));
}

/**
 * Writes a configuration for nats-server that includes the one of all clients and lists each guard as a user. It holds
 * passwords: only its owner can read it.
 * @param base default: what the file includes already, and else `nats-server.conf` beside it
 */
export async function writeGuards(file: string, guards: readonly NamedGuard[], base?: string): Promise<void> {
  const included = base === undefined ? await includedBy(file) : await pathBetween(file, base);
  const users = guards.map(userLine).join('');
  await writePrivately(
    file,
    `${HEAD}
# nats-server is started with it (-c) and takes a change of it on SIGHUP. It holds passwords.
include "${included}"

# Takes the place of the list in the file above.
authorization {
  users: [
    $USER_IDENTITY
    $USER_TOKENS
    $USER_GUARD
    $USER_OBSERVER
${users}  ]
}
`,
  );
}

const HEAD = '# Written by `tokenlog guards`: the users of guards that have one of their own.';

function userLine({ name, password }: NamedGuard): string {
  const said = [verify, heartbeat, acknowledged, guardUses].map(({ subject }) => subjectOfGuard(subject, name));
  const user = guardUser(name);
  const list = (subjects: string[]) => `[${subjects.map((subject) => `"${subject}"`).join(', ')}]`;
  const heard = [`_INBOX_${user}.>`, invalidate.subject];
  return `    { user: "${user}", password: "${password}", permissions { publish: ${list([verify.subject, ...said])}, subscribe: ${list(heard)} } }\n`;
}

async function includedBy(file: string): Promise<string> {
  const text = existsSync(file) ? await readFile(file, 'utf8') : '';
  return INCLUDE_LINE.exec(text)?.[1] ?? basename(BASE_CONFIGURATION);
}

/** nats-server takes a path as one from the folder of the file that includes, even one that begins with a slash. */
async function pathBetween(file: string, base: string): Promise<string> {
  const folder = await realpath(dirname(resolve(file)));
  return relative(folder, await realpath(base));
}
