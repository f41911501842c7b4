import { type CommandUnknownOpts, Option } from '@commander-js/extra-typings';
import type { Cli } from './cli.js';
import { parse } from './options.js';
import type { Output } from './output.js';

/** What the commands of a group are added to. */
export type Parent = CommandUnknownOpts;

/** Makes what a command works with, once its options are known. */
export type OpenCli = (options?: { readonly passwordStdin?: true | undefined }) => Cli;

/** The same for what needs no service. */
export type OpenOutput = () => Output;

const suggestions = new WeakMap<object, readonly string[]>();

/** An option that takes other values as well than those that a shell offers. */
export function suggesting<Suggesting extends object>(option: Suggesting, values: readonly string[]): Suggesting {
  suggestions.set(option, values);
  return option;
}

/** The values of an option that a shell offers beside its choices. */
export function suggestionsOf(option: object): readonly string[] {
  return suggestions.get(option) ?? [];
}

/** Options that many commands share. */
export const shared = {
  passwordStdin: (lines: string) => new Option('--password-stdin', `read from stdin: ${lines}`),
  limit: () => new Option('--limit <n>', 'how many to show').argParser(parse.count),
  cursor: () => new Option('--cursor <cursor>', 'go on after a list that said so'),
  all: () => new Option('--all', 'all of them, whatever their number'),
  wide: () => new Option('--wide', 'all columns, and all that is in them'),
  idOnly: () => new Option('--id-only', 'print nothing but the id, one on a line'),
  secretOnly: () => new Option('--secret-only', "print nothing but the token's text").conflicts('json'),
  yes: () => new Option('-y, --yes', 'do not ask'),
};
