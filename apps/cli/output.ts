import { once } from 'node:events';
import { styleText } from 'node:util';
import type { Failure } from './failure.js';
import { type Cell, type Column, properties, table } from './table.js';
import { printable, printableJson } from './text.js';

type Colour = 'bold' | 'green' | 'yellow' | 'red' | 'dim';

/** Everything that a command says: what was asked for on stdout, the rest on stderr. */
export class Output {
  constructor(
    private readonly stdout: NodeJS.WriteStream,
    private readonly stderr: NodeJS.WriteStream,
    /** `--json` */
    readonly json: boolean,
  ) {}

  /** Whether stdout is for eyes. */
  get isTerminal(): boolean {
    return this.stdout.isTTY === true;
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

  table<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): void {
    this.raw(table(columns, rows, this.style));
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
    return styleText(colour, text, { stream });
  }

  cell(colour: Colour, text: string): Cell {
    return { text, paint: (safe) => this.paint(colour, safe) };
  }

  private get style() {
    return { bold: (text: string) => this.paint('bold', text) };
  }
}
