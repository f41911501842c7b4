import { type CommandUnknownOpts, Option } from '@commander-js/extra-typings';
import type { Cli } from './cli.js';
import { parse } from './options.js';

/** What the commands of a group are added to. */
export type Parent = CommandUnknownOpts;

/** Makes what a command works with, once its options are known. */
export type OpenCli = (options?: { readonly passwordStdin?: true | undefined }) => Cli;

/** Options that many commands share. */
export const shared = {
  passwordStdin: (lines: string) => new Option('--password-stdin', `read from stdin: ${lines}`),
  limit: () => new Option('--limit <n>', 'how many to show').argParser(parse.count),
  cursor: () => new Option('--cursor <cursor>', 'go on after a list that said so'),
  all: () => new Option('--all', 'all of them, whatever their number'),
  idOnly: () => new Option('--id-only', 'print nothing but the id, one on a line'),
  secretOnly: () => new Option('--secret-only', "print nothing but the token's text").conflicts('json'),
  yes: () => new Option('-y, --yes', 'do not ask'),
};
