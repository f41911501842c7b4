import type { Readable } from 'node:stream';
import { textOfBytes } from '@tokenlog/contracts/credential.js';
import { EXIT, Failure, localFailure } from './failure.js';

/** The streams of the process that asks. */
export interface Terminal {
  readonly stdin: NodeJS.ReadStream;
  /** Questions go to stderr: stdout is for what was asked for, often into a pipe. */
  readonly stderr: NodeJS.WriteStream;
}

const MAX_STDIN_BYTES = 64 * 1024;
const NOTHING_CHANGED = 'Nothing was changed.';

/** Asks people, and reads passwords that scripts hand in. */
export class Prompts {
  private lines: Promise<string[]> | undefined;

  /** @param fromStdin `--password-stdin`: passwords are the lines of stdin, and nobody is asked for one */
  constructor(
    private readonly terminal: Terminal,
    private readonly fromStdin: boolean,
  ) {}

  /** Whether somebody is there to be asked. */
  get interactive(): boolean {
    return !this.fromStdin && this.terminal.stdin.isTTY === true && this.terminal.stderr.isTTY === true;
  }

  /** Whether a password comes without asking. */
  get hasPasswordsAtHand(): boolean {
    return this.fromStdin;
  }

  /**
   * A password: the next line of stdin, or what is typed, without an echo.
   * @throws Failure (usage) where neither is possible
   */
  async password(question: string): Promise<string> {
    if (this.fromStdin) return this.nextLine(question);
    if (!this.interactive) {
      throw localFailure(
        EXIT.usage,
        'no-terminal',
        `${question}: there is no terminal to ask on; use --password-stdin.`,
      );
    }
    return this.ask(`${question}:`, true);
  }

  /** A password that is to be set: typed twice, since nobody sees it. */
  async newPassword(question: string): Promise<string> {
    const password = await this.password(question);
    if (!this.fromStdin && (await this.password(`${question}, again`)) !== password) {
      throw localFailure(EXIT.usage, 'passwords-differ', 'The two are not the same; nothing was changed.');
    }
    return password;
  }

  /** @throws Failure (usage) where nobody can be asked; `option` is the way without a question */
  async line(question: string, option: string): Promise<string> {
    if (!this.interactive) {
      throw localFailure(EXIT.usage, 'no-terminal', `${question}: there is no terminal to ask on; use ${option}.`);
    }
    return this.ask(`${question}:`, false);
  }

  /**
   * Goes on only after a yes.
   * @throws Failure when the answer is another one, or nobody can be asked
   */
  async confirm(question: string): Promise<void> {
    if (!this.interactive) {
      throw localFailure(EXIT.usage, 'no-terminal', 'This asks first, and there is no terminal to ask on; use --yes.');
    }
    const answer = await this.ask(`${question} [y/N]`, false);
    if (!/^y(es)?$/i.test(answer)) throw localFailure(EXIT.failed, 'not-confirmed', NOTHING_CHANGED);
  }

  private async ask(question: string, silent: boolean): Promise<string> {
    const { stdin: input, stderr: output } = this.terminal;
    // At Ctrl-D `read` answers nothing at all, and nothing is left that this process would wait for.
    let end = () => {};
    const ended = new Promise<never>((_, reject) => {
      end = () => reject(localFailure(EXIT.failed, 'no-answer', NOTHING_CHANGED));
    });
    process.once('beforeExit', end);
    try {
      const { read } = await import('read');
      const answer = await Promise.race([read({ prompt: question, silent, input, output }), ended]);
      if (silent) output.write('\n');
      return answer;
    } catch (error) {
      output.write('\n');
      // `read` says so of Ctrl-C.
      throw error instanceof Failure ? error : localFailure(EXIT.interrupted, 'interrupted', NOTHING_CHANGED);
    } finally {
      process.removeListener('beforeExit', end);
    }
  }

  private async nextLine(question: string): Promise<string> {
    this.lines ??= this.readLines();
    const line = (await this.lines).shift();
    if (line) return line;
    throw localFailure(EXIT.usage, 'password-missing', `--password-stdin: stdin has no line for this: ${question}.`);
  }

  private async readLines(): Promise<string[]> {
    if (this.terminal.stdin.isTTY) {
      const detail = '--password-stdin: stdin is a terminal, which would show it. Leave the option out to be asked.';
      throw localFailure(EXIT.usage, 'stdin-is-a-terminal', detail);
    }
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of this.terminal.stdin as Readable) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > MAX_STDIN_BYTES) throw localFailure(EXIT.usage, 'password-too-long', 'stdin: too long.');
    }
    return textOfBytes(Buffer.concat(chunks)).split(/\r?\n/);
  }
}
