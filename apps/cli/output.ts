import { once } from 'node:events';
import { styleText } from 'node:util';
import type { Failure } from './failure.js';
import { type Cell, type Column, properties, table } from './table.js';
import { printable, printableJson } from './text.js';

const DEFAULT_COLUMNS = 80;

type Colour = 'bold' | 'green' | 'yellow' | 'red' | 'dim';

/** Everything that a command says: what was asked for on stdout, the rest on stderr. */
export class Output {
  constructor(
    private readonly stdout: NodeJS.WriteStream,
    private readonly stderr: NodeJS.WriteStream,
    /** `--json` */
    readonly json: boolean,
    private readonly env: NodeJS.ProcessEnv = process.env,
  ) {}

  /** Whether stdout is for eyes. */
  get isTerminal(): boolean {
    return this.stdout.isTTY === true;
  }

  /** The cells of a line (`COLUMNS` comes before what the terminal says); `Infinity` where stdout is no terminal. */
  get width(): number {
    return this.isTerminal ? columnsOf(this.stdout, this.env) : Number.POSITIVE_INFINITY;
  }

  /** A body as the API answered it. */
  body(value: unknown): void {
    this.stdout.write(`${printableJson(value)}\n`);
  }

  /** A line on stdout. */
  line(text: string): void {
    this.stdout.write(`${printable(text)}\n`);
  }

  /** Text that is safe already, or that is not meant for a terminal. */
  raw(text: string): void {
    this.stdout.write(text);
  }

  /** Much text, as fast as its reader takes it. */
  async stream(text: string): Promise<void> {
    if (!this.stdout.write(text)) await once(this.stdout, 'drain');
  }

  /** @param wide all columns, and all that is in them, whatever the width */
  table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], wide = false): void {
    const { text, leftOut } = table(columns, rows, { ...this.style, wide });
    this.raw(text);
    if (leftOut.length > 0) this.note(`Left out for want of width: ${leftOut.join(', ')}. --wide shows all.`);
  }

  properties(pairs: readonly (readonly [string, string | Cell])[]): void {
    this.raw(properties(pairs, this.style));
  }

  /** A remark on stderr; with `--json` there are none. */
  note(text: string): void {
    if (!this.json) this.stderr.write(`${printable(text)}\n`);
  }

  /** Why the command failed: one line, or the problem with `--json`. */
  failure({ problem, hint }: Failure): void {
    if (this.json) {
      this.stderr.write(`${printable(JSON.stringify(problem))}\n`);
      return;
    }
    const line = `tokenlog: ${problem.code}: ${problem.detail}${hint ? ` ${hint}` : ''}`;
    this.stderr.write(`${this.paint('red', printable(line), this.stderr)}\n`);
  }

  /** In colour where stdout is a terminal that wants it (NO_COLOR, FORCE_COLOR). */
  paint(colour: Colour, text: string, stream: NodeJS.WriteStream = this.stdout): string {
    return wantsColours(stream, this.env) ? styleText(colour, text, { validateStream: false }) : text;
  }

  cell(colour: Colour, text: string): Cell {
    return { text, paint: (safe) => this.paint(colour, safe) };
  }

  private get style() {
    return { bold: (text: string) => this.paint('bold', text), width: this.width };
  }
}

/** The cells of a line of a terminal. */
export function columnsOf(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv): number {
  const given = /^[1-9]\d{0,4}$/.exec(env.COLUMNS ?? '')?.[0];
  // A pseudo-terminal that nobody has sized says 0.
  return given ? Number(given) : stream.columns || DEFAULT_COLUMNS;
}

/** By Node's own rules for a terminal (NO_COLOR, FORCE_COLOR, TERM); elsewhere only where FORCE_COLOR asks for it. */
function wantsColours(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv): boolean {
  if (env.NO_COLOR) return false;
  if (stream.isTTY) return stream.hasColors(env);
  return env.FORCE_COLOR !== undefined && !['0', 'false'].includes(env.FORCE_COLOR);
}
