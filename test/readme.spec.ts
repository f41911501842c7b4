import { execFile } from 'node:child_process';
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../tools/paths.js';
import { type Block, blocksOf, shownAs } from './support/documents.js';
import { eventually } from './support/eventually.js';
import { testFolder } from './support/folder.js';
import { freePorts, processesOf } from './support/started.js';
import { Terminal } from './support/terminal.js';

const run = promisify(execFile);
const STARTED = 'Ctrl-C stops everything.';

/** A block to paste, and what is shown to be printed then. */
interface Step {
  readonly pasted: Block;
  readonly shown: Block | undefined;
}

const blocks = blocksOf('README.md');
const steps: Step[] = blocks.flatMap((pasted, index) => {
  const next = blocks[index + 1];
  return pasted.language === 'sh' ? [{ pasted, shown: next?.language === 'text' ? next : undefined }] : [];
});
const isStart = ({ pasted }: Step) => pasted.text.trimEnd().endsWith('npm start');
/** Those of a reader who tries it: what tests it, and what needs containers, is not for here. */
const tried = steps.filter(({ pasted }) => !/^npm test$|docker compose/m.test(pasted.text));

/** In a pipe curl writes a body after its error, where a terminal has it before. */
function inOrder(printed: string): string {
  const lines = printed.trimEnd().split('\n');
  const isError = (line: string) => line.startsWith('curl: (');
  return [...lines.filter((line) => !isError(line)), ...lines.filter(isError)].join('\n');
}

describe('the README, in its order, on one data directory', () => {
  let env: Record<string, string>;
  const terminals: Terminal[] = [];
  /** With the ports that the variables give, in the place of those that are the default. */
  const here = (text: string) =>
    text
      .replaceAll(/\b(localhost|127\.0\.0\.1):3001\b/g, `$1:${env.IDENTITY_PORT}`)
      .replaceAll(/\b(localhost|127\.0\.0\.1):3002\b/g, `$1:${env.TOKENS_PORT}`)
      .replaceAll(/\b(localhost|127\.0\.0\.1):3003\b/g, `$1:${env.EXAMPLE_PORT}`);
  const open = (shell: string) => {
    const terminal = new Terminal(shell, {
      cwd: root,
      env: {
        ...process.env,
        ...env,
        TOKENLOG_IDENTITY_URL: `http://localhost:${env.IDENTITY_PORT}`,
        TOKENLOG_TOKENS_URL: `http://localhost:${env.TOKENS_PORT}`,
      },
    });
    terminals.push(terminal);
    return terminal;
  };

  beforeAll(async () => {
    const folder = await testFolder('readme');
    env = { ...(await freePorts()), DATA_DIR: join(folder, '.data'), XDG_CONFIG_HOME: join(folder, 'config') };
  });
  afterEach(async () => {
    await Promise.all(terminals.splice(0).map((terminal) => terminal.end()));
    await eventually(() => processesOf(env.DATA_DIR ?? '').length === 0, { timeoutMs: 30_000 });
  });

  it('begins with a start, which is tried with all the rest', () => {
    expect(tried.map(isStart)).toEqual([true, ...Array(tried.length - 1).fill(false)]);
    expect(tried.filter(({ shown }) => shown).length).toBeGreaterThan(7);
    expect(steps.length - tried.length).toBe(2);
  });

  it.each([
    ['the first day, in bash', 'bash'],
    ['the next day, in another shell', 'sh'],
  ])('%s, answers as it says, block by block', async (_day, shell) => {
    const [first, second] = [open(shell), open(shell)];
    for (const step of tried) {
      const { text, line } = step.pasted;
      const printed = isStart(step) ? await first.start(here(text), STARTED) : await second.paste(here(text));
      const asShown = inOrder(printed).replaceAll(env.DATA_DIR ?? '', '.data');
      const shown = shownAs(here(step.shown?.text ?? ''));
      if (step.shown && !shown.test(asShown)) {
        throw new Error(`README.md:${line} shows\n${step.shown.text}\nand what is printed is\n${asShown}`);
      }
      if (!step.shown?.text.includes('error')) expect(asShown).not.toMatch(/\berror\b|not used|is empty/i);
    }
  });

  it('says, at a line that comes too early or fails, why, and goes no further', async () => {
    for (const { pasted } of tried.slice(1)) {
      // Nothing runs: the login cannot succeed, and what follows has no session.
      const printed = await open('sh').paste(here(pasted.text));
      expect(`${pasted.text}${printed}`).toMatch(/is empty: |curl: \(7\)|cannot be reached: ECONNREFUSED/);
      expect(printed).not.toMatch(/"status":|tks_|tkl_/);
    }
  });
});

describe('what the README names', () => {
  let readme: string;
  beforeAll(async () => {
    readme = await readFile(join(root, 'README.md'), 'utf8');
  });

  it('are files that are there', async () => {
    for (const [, path] of readme.matchAll(/\]\((?!https?:)([^)#]+)/g)) await access(join(root, path ?? ''));
    for (const [, path] of readme.matchAll(/^\| `([\w/-]+)` /gm)) await access(join(root, path ?? ''));
    expect(readme).toContain('(LICENSE)');
  });

  it('are scripts that there are', async () => {
    const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    const { stdout } = await run('git', ['ls-files', '--', '*.md'], { cwd: root });
    for (const file of stdout.trim().split('\n')) {
      const text = await readFile(join(root, file), 'utf8');
      // Some are of an application that is being spoken of.
      const named = [...text.matchAll(/\bnpm (?:run )?(start|test|[a-z]+(?::[a-z-]+)+|(?<=run )[a-z-]+)/g)];
      for (const [, name = ''] of named)
        expect({ file, [name]: scripts[name] }).toEqual({ file, [name]: expect.any(String) });
    }
  });
});
