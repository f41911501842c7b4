import { readFileSync } from 'node:fs';
import { ConfigError } from './config-error.js';

/** Variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What an environment gives of some variables. */
export interface Given {
  /** Without those that are unset or empty, and without line ends around them. */
  readonly values: Record<string, string>;
  /** Where a value came from, of those that came from a file. */
  readonly files: ReadonlyMap<string, string>;
  /** Variables that cannot be read, each with a line that says why. */
  readonly wrong: readonly { readonly name: string; readonly line: string }[];
}

/** What a secret store, `echo` or an editor leaves around a value. */
const LINE_ENDS = /^[\r\n]+|[\r\n]+$/g;
const MOST_BYTES = 1024 * 1024;

/** A value without the line ends around it: they are no part of a secret. */
export function withoutLineEnds(text: string): string {
  return text.replace(LINE_ENDS, '');
}

/** The values of these variables: each by its own name, or by `NAME_FILE`, a file that has it. */
export function givenBy(env: Environment, names: readonly string[]): Given {
  const values: Record<string, string> = {};
  const files = new Map<string, string>();
  const wrong: { name: string; line: string }[] = [];
  for (const name of names) {
    const value = withoutLineEnds(env[name] ?? '');
    const path = names.includes(`${name}_FILE`) ? '' : withoutLineEnds(env[`${name}_FILE`] ?? '');
    if (value !== '') values[name] = value;
    if (path === '') continue;
    if (value !== '') {
      wrong.push({ name, line: `${name} and ${name}_FILE are both set: leave one out` });
      continue;
    }
    try {
      const text = withoutLineEnds(read(path));
      if (text === '') throw new Error('is empty');
      values[name] = text;
      files.set(name, path);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      wrong.push({ name, line: `${name}_FILE is wrong: ${path} ${code ? `cannot be read (${code})` : message}` });
    }
  }
  return { values, files, wrong };
}

function read(path: string): string {
  const bytes = readFileSync(path);
  if (bytes.length > MOST_BYTES) throw new Error('is too large to be a value');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Error('is not UTF-8');
  }
}

/** A variable's value as it is given, with whatever line ends are around it; undefined where it is not given. */
export function asGiven(env: Environment, name: string): string | undefined {
  const path = withoutLineEnds(env[`${name}_FILE`] ?? '');
  return env[name] || (path === '' ? undefined : read(path));
}

/**
 * The environment with the values of these variables in the place of the files that have them.
 * @throws ConfigError naming each that cannot be read
 */
export function withValuesOf(env: NodeJS.ProcessEnv, names: readonly string[]): NodeJS.ProcessEnv {
  const { values, wrong } = givenBy(env, names);
  if (wrong.length > 0) throw new ConfigError(wrong.map(({ line }) => line).join('\n'));
  const rest = Object.entries(env).filter(([name]) => !names.some((each) => name === each || name === `${each}_FILE`));
  return { ...Object.fromEntries(rest), ...values };
}
