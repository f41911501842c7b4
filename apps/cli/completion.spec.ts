import type { Parent } from './command.js';
import { complete, completeForBash } from './completion.js';
import { programOf } from './program.js';

const program = programOf(process);
const valuesOf = (...words: string[]) => {
  const completion = complete(program, words);
  return completion === 'files' ? completion : completion.map(({ value }) => value);
};

/** Each command with the words that lead to it. */
function all(command: Parent, words: readonly string[] = []): [readonly string[], Parent][] {
  const visible = command.createHelp().visibleCommands(command);
  const inner = visible.filter((sub) => sub.name() !== 'help');
  return [[words, command], ...inner.flatMap((sub) => all(sub, [...words, sub.name()]))];
}

describe('completion', () => {
  it.each(all(program))('after `tokenlog %j` offers every command and option that there is', (words, command) => {
    const help = command.createHelp();
    const commands = help.visibleCommands(command).map((sub) => sub.name());
    const flags = [...help.visibleOptions(command), ...help.visibleGlobalOptions(command)];
    expect(valuesOf(...words, '')).toEqual(expect.arrayContaining(commands));
    expect(valuesOf(...words, '--')).toEqual(expect.arrayContaining(flags.map(({ long }) => long)));
  });

  it.each(all(program))('after `tokenlog %j` offers what an option or argument may be', (words, command) => {
    for (const option of command.options) {
      const choices = option.argChoices ?? [];
      if (choices.length > 0) expect(valuesOf(...words, option.long ?? '', '')).toEqual(choices);
    }
    const [first] = command.registeredArguments;
    if (first?.argChoices) expect(valuesOf(...words, '')).toEqual(first.argChoices);
  });

  it('offers what begins as the word does', () => {
    expect(valuesOf('tok')).toEqual(['tokens']);
    expect(valuesOf('tokens', 're')).toEqual(['refresh', 'revoke']);
    expect(valuesOf('tokens', 'list', '--st')).toEqual(['--state']);
    expect(valuesOf('tokens', 'list', '--state', 'e')).toEqual(['expired']);
    expect(valuesOf('tokens', 'list', '--sort', '-last')).toEqual(['-lastUsedAt']);
    expect(valuesOf('password', 'change', '--tokens', '')).toEqual(['revoke', 'end-sessions', 'keep']);
  });

  it('offers values after = as well, which bash takes for a word', () => {
    expect(valuesOf('tokens', 'list', '--state=e')).toEqual(['--state=expired']);
    const forBash = (...words: string[]) => completeForBash(program, ['tokens', 'list', ...words]);
    expect(forBash('--state', '=', 'e')).toEqual([{ value: 'expired', description: '' }]);
    expect(forBash('--state', '=')).toHaveLength(5);
    expect(forBash('--state=e')).toEqual([{ value: '--state=expired', description: '' }]);
  });

  it('takes no value of an option, and nothing after --, for a command', () => {
    expect(valuesOf('--url', 'tokens', 'adm')).toEqual(['admin']);
    expect(valuesOf('admin', 'tokens', 'list', '--user', 'users', '--st')).toEqual(['--state']);
    expect(valuesOf('tokens', 'create', '--', '--')).toEqual([]);
    expect(valuesOf('tokens', 'show', '')).toEqual([]);
  });

  it('leaves files to the shell', () => {
    expect(valuesOf('guards', 'add', 'reports', '--config', 'de')).toBe('files');
    expect(valuesOf('guards', 'add', 'reports', '--out=de')).toBe('files');
  });

  it('says what each is for', () => {
    expect(complete(program, ['tok'])).toEqual([{ value: 'tokens', description: 'your own tokens' }]);
  });

  it('keeps to itself what is not for people', () => {
    expect(valuesOf('')).not.toContain('__complete');
    expect(valuesOf('__')).toEqual([]);
  });
});
