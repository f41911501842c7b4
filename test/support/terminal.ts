import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { eventually } from './eventually.js';

const END = '@@ that is all @@';

/** A shell that is given line after line, as by somebody who pastes them, and what it prints, both streams as they come. */
export class Terminal {
  private printed = '';
  private readonly process: ChildProcess;
  private readonly exited: Promise<unknown>;
  private hasEnded = false;

  /** @param shell its name; it must read commands from standard input */
  constructor(shell: string, options: { cwd: string; env: NodeJS.ProcessEnv }) {
    // Programs open /dev/stderr: a pipe they can, the socket that Node would give them they cannot.
    this.process = spawn('sh', ['-c', `${shell} 2>&1 | cat`], {
      ...options,
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true,
    });
    this.process.stdout?.on('data', (chunk) => {
      this.printed += chunk;
    });
    this.exited = once(this.process, 'close').then(() => {
      this.hasEnded = true;
    });
  }

  /**
   * Pastes lines and resolves with what was printed once the shell is ready for the next, or has ended: unlike one that somebody
   * sits before, this one ends at a variable that is empty and must not be.
   */
  async paste(lines: string, timeoutMs = 60_000): Promise<string> {
    this.printed = '';
    this.process.stdin?.write(`${lines.trimEnd()}\nprintf '\\n%s\\n' '${END}'\n`);
    await eventually(() => this.hasEnded || this.printed.includes(`\n${END}\n`), { timeoutMs });
    return this.printed.split(`\n${END}\n`)[0] ?? '';
  }

  /** Pastes a line that goes on, and resolves once it has printed this. */
  async start(line: string, until: string, timeoutMs = 80_000): Promise<string> {
    this.printed = '';
    this.process.stdin?.write(`${line.trimEnd()}\n`);
    await eventually(() => this.printed.includes(until), { timeoutMs });
    return this.printed;
  }

  /** Ctrl-C to whatever runs, and the end of the shell. */
  async end(): Promise<void> {
    this.process.stdin?.end();
    if (this.process.pid && !this.hasEnded) process.kill(-this.process.pid, 'SIGINT');
    await this.exited;
  }
}
