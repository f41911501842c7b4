import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { parseArgs } from 'node:util';
import { ConfigError, portVariable, readConfig } from '@tokenlog/platform/config.js';
import { Presets, SingleBar } from 'cli-progress';
import { z } from 'zod';
import { api, SeedError } from './seed/client.js';
import { type Filled, fill, type Progress, wantsPassword } from './seed/fill.js';

const HELP = `Fills a running Tokenlog with people and tokens to look at, through the same commands that everybody uses.

  npm run seed -- [options]

  --users N           people and applications to register (default 1000)
  --tokens N          tokens to issue to them (default 10000)
  --identity-url URL  default http://localhost:3001, or the port in IDENTITY_PORT
  --tokens-url URL    default http://localhost:3002, or the port in TOKENS_PORT
  --concurrency N     calls under way at once (default 8)
  --seed N            the same number makes the same people (default 1)
  --help              this text

It acts as an admin. ADMIN_PASSWORD is the password of the user admin; or TOKENLOG_TOKEN is a token with the scope admin,
and ADMIN_PASSWORD then the password of its user, if the policy wants it entered again. What is not set is asked for.

Each token costs one check of that password, unless POLICY_REQUIRE_PASSWORD leaves it out: 10,000 take about two minutes.

The same seed again finds its people and issues more tokens to them. Nobody else's users are touched. The people made
have no password; the help desk can set one.`;

try {
  await main();
} catch (error) {
  if (!(error instanceof SeedError || error instanceof ConfigError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

async function main(): Promise<void> {
  const options = readOptions();
  if (!options) {
    console.log(HELP);
    return;
  }
  const started = performance.now();
  const identity = api('identity', options.identityUrl);
  const tokens = api('tokens', options.tokensUrl);
  const { TOKENLOG_TOKEN: token, ADMIN_PASSWORD: known } = options;
  let password = known ?? (token ? undefined : await askPassword('admin'));
  const credential = token ?? (await logIn(password ?? ''));
  if (token && (await wantsPassword(tokens, token, password))) password = await askPassword("the token's user");
  const progress = process.stderr.isTTY ? bars() : lines();
  const filled = await fill({ ...options, identity, tokens, credential, password, progress });
  console.log(summary(filled, (performance.now() - started) / 1000));

  async function logIn(adminPassword: string): Promise<string> {
    const json = { username: 'admin', password: adminPassword };
    const answer = await identity<{ session: { credential: string }; user: { mustChangePassword: boolean } }>(
      'POST',
      '/login',
      { json },
    );
    if (answer.user.mustChangePassword) {
      throw new SeedError(
        'The admin must change the one-time password first: npx tokenlog login, then npx tokenlog password change.',
      );
    }
    return answer.session.credential;
  }
}

function readOptions() {
  const text = { type: 'string' } as const;
  const { values } = parse();
  if (values.help) return undefined;
  const given = readConfig({
    TOKENLOG_TOKEN: z.string().optional(),
    ADMIN_PASSWORD: z.string().optional(),
    IDENTITY_PORT: portVariable(3001),
    TOKENS_PORT: portVariable(3002),
  });
  return {
    ...given,
    users: whole('users', values.users, 1000, 0),
    tokenCount: whole('tokens', values.tokens, 10_000, 0),
    concurrency: whole('concurrency', values.concurrency, 8, 1),
    seed: whole('seed', values.seed, 1, 0),
    identityUrl: url('identity-url', values['identity-url'] ?? `http://localhost:${given.IDENTITY_PORT}`),
    tokensUrl: url('tokens-url', values['tokens-url'] ?? `http://localhost:${given.TOKENS_PORT}`),
  };

  function parse() {
    try {
      return parseArgs({
        options: {
          users: text,
          tokens: text,
          'identity-url': text,
          'tokens-url': text,
          concurrency: text,
          seed: text,
          help: { type: 'boolean', short: 'h' },
        },
      });
    } catch (error) {
      throw new SeedError(`${(error as Error).message.split('. ')[0]}. See --help.`);
    }
  }
}

function whole(name: string, value: string | undefined, fallback: number, least: number): number {
  if (value === undefined) return fallback;
  const number = Number(value);
  if (/^\d+$/.test(value) && Number.isSafeInteger(number) && number >= least) return number;
  throw new SeedError(`--${name} is wrong: ${value} is not a whole number from ${least} up.`);
}

function url(name: string, value: string): string {
  if (URL.canParse(value) && /^https?:/.test(value)) return value;
  throw new SeedError(`--${name} is wrong: ${value} is not an http address.`);
}

/** Reads a password from the terminal, without showing it. */
async function askPassword(whose: string): Promise<string> {
  if (!process.stdin.isTTY) {
    throw new SeedError(`The password of ${whose} is needed: set ADMIN_PASSWORD.`);
  }
  process.stderr.write(`Password of ${whose}: `);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reader = createInterface({ input: process.stdin, output: silent, terminal: true });
  reader.on('SIGINT', () => process.exit(130));
  try {
    return await reader.question('');
  } finally {
    reader.close();
    process.stderr.write('\n');
  }
}

function bars(): Progress {
  let current: SingleBar | undefined;
  return {
    begin: (what, total) => {
      const format = `${what.padEnd(15)} {bar} {value}/{total}  {duration_formatted}, {eta_formatted} to go`;
      current = new SingleBar({ format, hideCursor: true, etaBuffer: 200 }, Presets.shades_classic);
      current.start(total, 0);
    },
    step: () => current?.increment(),
    end: () => current?.stop(),
  };
}

/** Where there is no terminal: a line for each thing done. */
function lines(): Progress {
  let what = '';
  let count = 0;
  let began = 0;
  return {
    begin: (name) => {
      what = name;
      count = 0;
      began = performance.now();
    },
    step: () => {
      count++;
    },
    end: () => console.error(`${what.padEnd(15)} ${count} in ${seconds((performance.now() - began) / 1000)}`),
  };
}

function summary(filled: Filled, took: number): string {
  const { users, usersFound, namesTaken, usersDisabled, usersDeleted, tokens } = filled;
  const people = [
    `${users} users made`,
    usersFound > 0 && `${usersFound} found`,
    namesTaken > 0 && `${namesTaken} names taken or disabled`,
    `${usersDisabled} disabled`,
    `${usersDeleted} deleted`,
  ];
  const issued = [
    `${tokens} tokens issued`,
    `${filled.edited} edited`,
    `${filled.refreshed} refreshed`,
    `${filled.revoked} revoked`,
    `${filled.deleted} deleted`,
    `${filled.expiring} expire within seconds`,
    `${filled.uses} uses`,
    `${filled.sessions} sessions`,
  ];
  const list = (parts: (string | false)[]) => parts.filter(Boolean).join(', ');
  return `${list(people)}; ${list(issued)}; in ${seconds(took)}.`;
}

function seconds(value: number): string {
  return value < 10 ? `${value.toFixed(1)} s` : `${Math.round(value)} s`;
}
