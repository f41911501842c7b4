import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Command, CommanderError } from '@commander-js/extra-typings';
import { addAuditCommand } from './audit-command.js';
import { Cli } from './cli.js';
import type { OpenCli } from './command.js';
import { EXIT, EXIT_CODES_HELP, type ExitCode, Failure, localFailure } from './failure.js';
import { addGuardCommands } from './guard-commands.js';
import { addLoginCommands } from './login-commands.js';
import { hasSecret } from './options.js';
import { Output } from './output.js';
import { addPasswordCommands } from './password-commands.js';
import { addSelfCommands } from './self-commands.js';
import { addSessionCommands } from './session-commands.js';
import { addAdminTokenCommands, addTokenCommands } from './token-commands.js';
import { addUserCommands } from './user-commands.js';

const HELP = `
Environment:
  TOKENLOG_TOKEN         a token or session to call with; comes before the one that login keeps
  TOKENLOG_URL           the console's address; its /api leads to both services
  TOKENLOG_IDENTITY_URL  the identity service (default http://localhost:3001)
  TOKENLOG_TOKENS_URL    the token service (default http://localhost:3002)
  NO_COLOR               no colours

Passwords and tokens are never given on the command line, where others can read them.

${EXIT_CODES_HELP}

Examples:
  tokenlog login
  tokenlog tokens create "nightly export" --scope rest --expires 90d
  TOKENLOG_TOKEN=$(cat token) tokenlog self refresh --secret-only > token.new
  tokenlog tokens list --json | jq '.items[] | select(.state == "expired") | .id'`;

const NEXT_STEPS: Readonly<Record<string, string>> = {
  'not-found': 'Is the address right?',
  scope: 'A token needs the scope tokens for its own table, and admin for the admin commands; self works without.',
  'password-change-required': 'Run: tokenlog password change',
};

process.exitCode = await main(process.argv.slice(2));

/** Runs one command to its end. */
async function main(args: string[]): Promise<ExitCode> {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // EPIPE: whoever reads the output has seen enough, as `head` has.
    if (error.code !== 'EPIPE')
      process.stderr.write(`tokenlog: unwritable: the output cannot be written (${error.code}).\n`);
    process.exit(EXIT.failed);
  });
  process.stderr.on('error', () => process.exit(EXIT.failed));
  try {
    if (hasSecret(args)) {
      throw localFailure(
        EXIT.usage,
        'secret-on-command-line',
        "A token's text stands on the command line, where other users and the shell's history have it. " +
          'Give its id (tkl_<id>) or TOKENLOG_TOKEN, and refresh the token: take it as known to others.',
      );
    }
    await program().parseAsync(args, { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    const failure = error instanceof Failure ? error : localFailure(EXIT.failed, 'internal-error', messageOf(error));
    new Output(process.stdout, process.stderr, args.includes('--json')).failure(withNextStep(failure));
    return failure.exitCode;
  }
}

function program(): Command {
  const tokenlog = new Command('tokenlog')
    .description('Access tokens whose whole life is a log: yours, and for admins everybody’s.')
    .version(version())
    .option('--json', "print the API's answer; a failure is printed as problem+json on stderr")
    .option('--url <url>', "the console's address (TOKENLOG_URL)")
    .option('--identity-url <url>', 'the address of the identity service (TOKENLOG_IDENTITY_URL)')
    .option('--tokens-url <url>', 'the address of the token service (TOKENLOG_TOKENS_URL)')
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(add --help to see what there is)')
    .exitOverride()
    .addHelpText('after', HELP);
  const open: OpenCli = (options) => new Cli(process, { ...tokenlog.opts(), ...options });

  addLoginCommands(tokenlog, open);
  addPasswordCommands(tokenlog, open);
  addTokenCommands(tokenlog, open);
  addSelfCommands(tokenlog, open);
  addGuardCommands(tokenlog, open);
  const admin = tokenlog.command('admin').description('for users with the role admin');
  addAdminTokenCommands(admin, open);
  addUserCommands(admin, open);
  addSessionCommands(admin, open);
  addAuditCommand(admin, open);
  return tokenlog as unknown as Command;
}

function withNextStep(failure: Failure): Failure {
  const isOld =
    failure.exitCode === EXIT.notAuthenticated && !['not-logged-in', 'wrong-credentials'].includes(failure.code);
  const login = isOld && !process.env.TOKENLOG_TOKEN?.trim() ? 'Log in again: tokenlog login' : '';
  const hint = failure.hint || NEXT_STEPS[failure.code] || login;
  return new Failure(failure.exitCode, failure.problem, hint);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The package's, from its source and from `dist` alike. */
function version(): string {
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    const file = join(folder, 'package.json');
    if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')).version;
  }
  return 'unknown';
}
