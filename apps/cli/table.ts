import CliTable from 'cli-table3';
import { printable } from './text.js';

/** What cells and colours a table is drawn with. */
export interface TableStyle {
  /** Of the header. */
  readonly bold: (text: string) => string;
}

/** A column: its words, and what stands in it for a row. */
export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string | Cell;
}

/** A cell that is painted; its text is made safe first. */
export interface Cell {
  readonly text: string;
  readonly paint: (text: string) => string;
}

const NO_BORDERS = Object.fromEntries(
  ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right']
    .concat(['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid'])
    .map((place) => [place, '']),
);

/** Rows below a header, aligned, without lines between: as good for `grep` as for eyes. */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], { bold }: TableStyle): string {
  const lines = draw(
    columns.map(({ title }) => bold(title)),
    rows.map((row) => columns.map(({ cell }) => safe(cell(row)))),
  );
  return lines;
}

/** One thing: a line for each of its properties. */
export function properties(pairs: readonly (readonly [string, string | Cell])[], { bold }: TableStyle): string {
  return draw(
    [],
    pairs.map(([title, value]) => [bold(title), safe(value)]),
  );
}

function draw(head: string[], rows: string[][]): string {
  const drawn = new CliTable({
    head,
    chars: { ...NO_BORDERS, middle: '  ' },
    style: { head: [], border: [], compact: true, 'padding-left': 0, 'padding-right': 0 },
  });
  drawn.push(...rows);
  const lines = drawn.toString().split('\n');
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

function safe(value: string | Cell): string {
  return typeof value === 'string' ? printable(value) : value.paint(printable(value.text));
}
