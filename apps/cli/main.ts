import { CommanderError } from '@commander-js/extra-typings';
import { EXIT, type ExitCode, Failure, localFailure } from './failure.js';
import { hasSecret } from './options.js';
import { Output } from './output.js';
import { programOf } from './program.js';

const NEXT_STEPS: Readonly<Record<string, string>> = {
  'not-found': 'Is the address right?',
  scope: 'A token needs the scope tokens for its own table, and admin for the admin commands; self works without.',
  'password-change-required': 'Run: tokenlog password change',
  usage: 'Add --help to see what there is.',
};

process.exitCode = await main(process.argv.slice(2));

/** Runs one command to its end. */
async function main(args: string[]): Promise<ExitCode> {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // Whoever reads the output has seen enough, as `head` has.
    if (error.code === 'EPIPE') process.exit(EXIT.outputClosed);
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
    await programOf(process).parseAsync(args, { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok;
    // Help, where a command of a group was to be named.
    if (error instanceof CommanderError && error.code === 'commander.help') return EXIT.usage;
    const failure = failureOf(error);
    new Output(process.stdout, process.stderr, args.includes('--json')).failure(withNextStep(failure));
    return failure.exitCode;
  }
}

function failureOf(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (!(error instanceof CommanderError)) return localFailure(EXIT.failed, 'internal-error', message);
  const line = message.replace(/^error: /, '').replaceAll(/\s*\n\s*/g, ' ');
  return localFailure(EXIT.usage, 'usage', /[.?)]$/.test(line) ? line : `${line}.`);
}

function withNextStep(failure: Failure): Failure {
  const isOld =
    failure.exitCode === EXIT.notAuthenticated && !['not-logged-in', 'wrong-credentials'].includes(failure.code);
  const login = isOld && !process.env.TOKENLOG_TOKEN?.trim() ? 'Log in again: tokenlog login' : '';
  const hint = failure.hint || NEXT_STEPS[failure.code] || login;
  return new Failure(failure.exitCode, failure.problem, hint);
}
