import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Command, type Help } from '@commander-js/extra-typings';
import { addAuditCommand } from './audit-command.js';
import { Cli, type Surroundings } from './cli.js';
import type { OpenCli, OpenOutput, Parent } from './command.js';
import { addCompletionCommands } from './completion-command.js';
import { EXIT_CODES } from './failure.js';
import { addGuardCommands } from './guard-commands.js';
import { addLoginCommands } from './login-commands.js';
import { columnsOf, Output } from './output.js';
import { addPasswordCommands } from './password-commands.js';
import { addSelfCommands } from './self-commands.js';
import { addSessionCommands } from './session-commands.js';
import { properties } from './table.js';
import { addAdminTokenCommands, addTokenCommands } from './token-commands.js';
import { addUserCommands } from './user-commands.js';
import { wrapped } from './wrapped.js';

const VARIABLES = [
  ['TOKENLOG_TOKEN', 'a token or session to call with; comes before the one that login keeps'],
  ['TOKENLOG_URL', "the console's address; its /api leads to both services"],
  ['TOKENLOG_IDENTITY_URL', 'the identity service (default http://localhost:3001)'],
  ['TOKENLOG_TOKENS_URL', 'the token service (default http://localhost:3002)'],
  ['NODE_EXTRA_CA_CERTS', 'a file with certificates of authorities of your own'],
  ['COLUMNS', 'the width of tables on a terminal'],
  ['NO_COLOR', 'no colours'],
] as const;
const EXAMPLES = [
  'tokenlog login',
  'tokenlog tokens create "nightly export" --scope rest --expires 90d',
  'TOKENLOG_TOKEN=$(cat token) tokenlog self refresh --secret-only > new',
  "tokenlog tokens list --json | jq -r '.items[].id'",
];
/** Without room for so much beside a term, what is said of it stands below. */
const NARROWEST_DESCRIPTION = 28;

/** Every command and option there is. */
export function programOf(surroundings: Surroundings): Parent {
  const { env, stdout, stderr } = surroundings;
  const tokenlog = new Command('tokenlog')
    .description('Access tokens whose whole life is a log: yours, and for admins everybody’s.')
    .version(version())
    .option('--json', "print the API's answer; a failure is printed as problem+json on stderr")
    .option('--url <url>', "the console's address (TOKENLOG_URL)")
    .option('--identity-url <url>', 'the address of the identity service (TOKENLOG_IDENTITY_URL)')
    .option('--tokens-url <url>', 'the address of the token service (TOKENLOG_TOKENS_URL)')
    .configureHelp({ showGlobalOptions: true, minWidthToWrap: 20, formatItem })
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      // Said by whoever runs this, in the form of all failures.
      outputError: () => {},
      getOutHelpWidth: () => helpWidth(stdout, env),
      getErrHelpWidth: () => helpWidth(stderr, env),
    })
    .exitOverride()
    .addHelpText('after', ({ error }) => helpText(helpWidth(error ? stderr : stdout, env)));
  const open: OpenCli = (options) => new Cli(surroundings, { ...tokenlog.opts(), ...options });
  const openOutput: OpenOutput = () => new Output(stdout, stderr, tokenlog.opts().json === true, env);

  addLoginCommands(tokenlog, open);
  addPasswordCommands(tokenlog, open);
  addTokenCommands(tokenlog, open);
  addSelfCommands(tokenlog, open);
  const admin = tokenlog.command('admin').description('for users with the role admin');
  addAdminTokenCommands(admin, open);
  addUserCommands(admin, open);
  addSessionCommands(admin, open);
  addAuditCommand(admin, open);
  addGuardCommands(tokenlog, openOutput, env);
  addCompletionCommands(tokenlog, openOutput);
  return tokenlog as unknown as Parent;
}

function helpWidth(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv): number {
  return stream.isTTY ? columnsOf(stream, env) : 80;
}

function formatItem(this: Help, term: string, termWidth: number, description: string, helper: Help): string {
  const indent = '  ';
  const width = helper.helpWidth ?? 80;
  const room = width - termWidth - 2 * indent.length;
  if (description === '') return `${indent}${term}`;
  if (room < NARROWEST_DESCRIPTION) {
    const below = helper.boxWrap(description, Math.max(helper.minWidthToWrap, width - 3 * indent.length));
    return [indent + term, ...below.split('\n').map((line) => indent.repeat(3) + line)].join('\n');
  }
  const beside = properties([[term.padEnd(termWidth), description]], { bold: (text) => text, width: width - 2 });
  return beside.trimEnd().replaceAll(/^/gm, indent);
}

function helpText(width: number): string {
  const style = { bold: (text: string) => text, width: width - 2 };
  const section = (title: string, pairs: readonly (readonly [string, string])[]) =>
    `${title}:\n${properties(pairs, style).replaceAll(/^(?=.)/gm, '  ')}`;
  return [
    '',
    section('Environment', VARIABLES),
    `${wrapped('Passwords and tokens are never given on the command line: others can read it.', width).join('\n')}\n`,
    section(
      'Exit codes',
      EXIT_CODES.map(([code, meaning]) => [String(code), meaning]),
    ),
    `Examples:\n${EXAMPLES.map((line) => `  ${line}`).join('\n')}`,
  ].join('\n');
}

/** The package's, from its source and from `dist` alike. */
function version(): string {
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    const file = join(folder, 'package.json');
    if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')).version;
  }
  return 'unknown';
}
