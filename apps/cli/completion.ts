import type { CommandUnknownOpts, Option } from '@commander-js/extra-typings';
import { suggestionsOf } from './command.js';

/** A word that a shell offers, and what it tells of it. */
export interface Candidate {
  readonly value: string;
  readonly description: string;
}

/** `files`: the shell knows better. */
export type Completion = readonly Candidate[] | 'files';

/**
 * What may stand in place of the last word of a command line, which is empty where a new one begins: commands, options, and
 * the values of options and arguments that have fixed ones. Read off the commands themselves, so that it knows what they know.
 * @param words what follows the program's name, as far as it is typed
 */
export function complete(program: CommandUnknownOpts, words: readonly string[]): Completion {
  const line = joined(words);
  const current = line.pop() ?? '';
  const { command, ancestors, pending, position, onlyArguments } = walked(program, line);
  if (pending) return valuesOf(pending, current, '');
  const options = [command, ...ancestors].flatMap((owner) => optionsOf(owner));
  if (!onlyArguments && /^--[^=]+=/.test(current)) {
    const flag = current.slice(0, current.indexOf('='));
    const option = options.find(({ long }) => long === flag);
    return option ? valuesOf(option, current.slice(flag.length + 1), `${flag}=`) : [];
  }
  if (!onlyArguments && current.startsWith('-')) {
    const flags = options.flatMap(({ long, short, description }) =>
      [short, long].flatMap((value) => (value ? [{ value, description }] : [])),
    );
    return unique(beginning(flags, current));
  }
  const commands = position === 0 && !onlyArguments ? commandsOf(command) : [];
  const choices = command.registeredArguments[position]?.argChoices ?? [];
  return beginning([...commands, ...choices.map((value) => ({ value, description: '' }))], current);
}

/**
 * The same for bash, which takes `--state=active` for three words, of which it replaces the last; `=` itself stands for an
 * empty one.
 */
export function completeForBash(program: CommandUnknownOpts, words: readonly string[]): Completion {
  const completion = complete(program, words);
  const isBroken = words.at(-1) === '=' || words.at(-2) === '=';
  if (completion === 'files' || !isBroken) return completion;
  return completion.map(({ value, description }) => ({ value: value.slice(value.indexOf('=') + 1), description }));
}

interface Walked {
  readonly command: CommandUnknownOpts;
  readonly ancestors: readonly CommandUnknownOpts[];
  /** The option whose value the next word is. */
  readonly pending: Option | undefined;
  /** How many arguments of the command there are. */
  readonly position: number;
  /** After `--`. */
  readonly onlyArguments: boolean;
}

function walked(program: CommandUnknownOpts, words: readonly string[]): Walked {
  let command = program;
  let ancestors: CommandUnknownOpts[] = [];
  let pending: Option | undefined;
  let position = 0;
  let onlyArguments = false;
  for (const word of words) {
    if (pending) {
      pending = undefined;
    } else if (!onlyArguments && word === '--') {
      onlyArguments = true;
    } else if (!onlyArguments && word.startsWith('-')) {
      const known = [command, ...ancestors].flatMap(({ options }) => options);
      const option = known.find(({ long, short }) => word === long || word === short);
      if (option?.required) pending = option as Option;
    } else {
      const next = position === 0 && !onlyArguments && command.commands.find((sub) => sub.name() === word);
      if (next) [command, ancestors] = [next, [command, ...ancestors]];
      else position++;
    }
  }
  return { command, ancestors, pending, position, onlyArguments };
}

function valuesOf(option: Option, current: string, prefix: string): Completion {
  if (/<file>/.test(option.flags)) return 'files';
  const values = option.argChoices ?? suggestionsOf(option);
  return beginning(
    values.map((value) => ({ value, description: '' })),
    current,
  ).map(({ value, description }) => ({ value: prefix + value, description }));
}

/** `visibleOptions` has --help and --version, too. */
function optionsOf(command: CommandUnknownOpts): Option[] {
  return command.createHelp().visibleOptions(command);
}

function commandsOf(command: CommandUnknownOpts): Candidate[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .map((sub) => ({ value: sub.name(), description: sub.summary() || sub.description() }));
}

/** Puts together again what bash has broken at `=`. */
function joined(words: readonly string[]): string[] {
  const line: string[] = [];
  words.forEach((word, index) => {
    const before = line.at(-1);
    const continues = word === '=' || words[index - 1] === '=';
    if (before?.startsWith('--') && continues) line[line.length - 1] = before + word;
    else line.push(word);
  });
  return line;
}

function beginning(candidates: readonly Candidate[], text: string): Candidate[] {
  return candidates.filter(({ value }) => value.startsWith(text));
}

function unique(candidates: readonly Candidate[]): Candidate[] {
  return [...new Map(candidates.map((candidate) => [candidate.value, candidate])).values()];
}
