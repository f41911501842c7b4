import { printable } from './text.js';
import { widthOf, wrapped } from './wrapped.js';

/** What a table is drawn with. */
export interface TableStyle {
  /** Of the header. */
  readonly bold: (text: string) => string;
  /** The cells of a line; `Infinity` where nobody looks: then a row is a line, and nothing is cut. */
  readonly width: number;
  /** No column is left out and nothing is cut, whatever the width. */
  readonly wide?: boolean;
}

/** A column: its words, and what stands in it for a row. */
export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string | Cell;
  /** Never broken: an id is copied, a state is looked for. */
  readonly whole?: true;
  /** Text that is read: a spare column is left out rather than that this one becomes very narrow. */
  readonly prose?: true;
  /** Left out where there is no room; of several, the one with the highest number goes first. */
  readonly spare?: number;
}

/** A cell that is painted; its text is made safe first. */
export interface Cell {
  readonly text: string;
  readonly paint: (text: string) => string;
}

/** A drawn table, and what it could not show. */
export interface Drawn {
  readonly text: string;
  /** The titles of the columns that are left out. */
  readonly leftOut: readonly string[];
}

const GAP = 2;
/** What a column is not made narrower than, unless its cells are. */
const NARROWEST = 10;
const PROSE = 24;
/** What a row takes in a list at the most: all of it is in `show`. */
const LINES = 3;

/**
 * Rows below a header, aligned, without lines between: as good for `grep` as for eyes. Where they are wider than a line, cells
 * are wrapped, spare columns left out, and where that is not enough, each row stands as a block of properties.
 */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], style: TableStyle): Drawn {
  const { width, wide = false } = style;
  const measured = columns.map((column) => measure(column, rows));
  const lines = wide ? Number.POSITIVE_INFINITY : LINES;
  const shown = width === Number.POSITIVE_INFINITY || wide ? measured : chosen(measured, width);
  if (needed(shown, 'least') > width) return { text: blocks(measured, rows.length, lines, style), leftOut: [] };

  const isAmple = needed(shown, 'natural') <= width;
  const widths = isAmple ? shown.map(({ natural }) => natural) : allotted(shown, width);
  const head = shown.map(({ title }, index) => wrapped(title, widths[index] ?? 0));
  const body = rows.map((_, row) =>
    shown.map(({ cells }, index) => linesOf(cells[row] ?? '', widths[index] ?? 0, lines)),
  );
  const text = [head.map((title) => title.map((line) => ({ line, paint: style.bold }))), ...body]
    .map((cells) => drawRow(cells, widths))
    .join('');
  return { text, leftOut: measured.filter((column) => !shown.includes(column)).map(({ title }) => title) };
}

/** One thing: a line for each of its properties, or as many as a value needs. */
export function properties(pairs: readonly (readonly [string, string | Cell])[], { bold, width }: TableStyle): string {
  return block(pairs, bold, width, Number.POSITIVE_INFINITY);
}

interface Measured {
  readonly title: string;
  readonly cells: readonly (string | Cell)[];
  readonly spare: number;
  /** The cells of a line that it would take, with its title and without, that it reads well in, and that it needs. */
  readonly natural: number;
  readonly content: number;
  readonly fair: number;
  readonly least: number;
}

type Size = 'natural' | 'content' | 'fair' | 'least';

function measure<Row>({ title, cell, whole, prose, spare = 0 }: Column<Row>, rows: readonly Row[]): Measured {
  const cells = rows.map(cell);
  const longest = Math.max(0, ...cells.map((value) => widthOf(safeText(value))));
  const ofTitle = Math.max(...title.split(' ').map(widthOf));
  return {
    title,
    cells,
    spare,
    natural: Math.max(longest, widthOf(title)),
    content: Math.max(longest, ofTitle),
    fair: Math.max(ofTitle, whole ? longest : Math.min(longest, prose ? PROSE : NARROWEST)),
    least: Math.max(ofTitle, whole ? longest : Math.min(longest, NARROWEST)),
  };
}

/** The columns that there is room for, in their order. */
function chosen(columns: readonly Measured[], width: number): Measured[] {
  let shown = columns.filter(({ spare }) => spare === 0);
  for (const column of columns.filter(({ spare }) => spare > 0).sort((a, b) => a.spare - b.spare)) {
    const more = columns.filter((other) => other === column || shown.includes(other));
    if (needed(more, 'fair') <= width) shown = more;
  }
  return shown;
}

function needed(columns: readonly Measured[], size: Size): number {
  return columns.reduce((sum, column) => sum + column[size], GAP * (columns.length - 1));
}

/** What there is beyond the least goes to the narrowest column that can use it: to read well, to hold its cells, its title. */
function allotted(columns: readonly Measured[], width: number): number[] {
  const widths = columns.map(({ least }) => least);
  let rest = width - needed(columns, 'least');
  for (const size of ['fair', 'content', 'natural'] as const) {
    const wanted = (index: number) => columns[index]?.[size] ?? 0;
    while (rest > 0) {
      const inNeed = [...widths.keys()].filter((index) => (widths[index] ?? 0) < wanted(index));
      if (inNeed.length === 0) break;
      const narrowest = inNeed.reduce((a, b) => ((widths[b] ?? 0) < (widths[a] ?? 0) ? b : a));
      widths[narrowest] = (widths[narrowest] ?? 0) + 1;
      rest--;
    }
  }
  return widths;
}

interface Line {
  readonly line: string;
  readonly paint: (text: string) => string;
}

function linesOf(value: string | Cell, width: number, lines: number): Line[] {
  const paint = typeof value === 'string' ? (text: string) => text : value.paint;
  return wrapped(safeText(value), width, lines).map((line) => ({ line, paint }));
}

function drawRow(cells: readonly (readonly Line[])[], widths: readonly number[]): string {
  const height = Math.max(...cells.map(({ length }) => length));
  let text = '';
  for (let row = 0; row < height; row++) {
    let drawn = '';
    let spaces = '';
    cells.forEach((lines, index) => {
      const { line, paint } = lines[row] ?? { line: '', paint: (text: string) => text };
      if (line !== '') {
        drawn += spaces + paint(line);
        spaces = '';
      }
      spaces += ' '.repeat(Math.max(0, (widths[index] ?? 0) - widthOf(line)) + GAP);
    });
    text += `${drawn}\n`;
  }
  return text;
}

function blocks(columns: readonly Measured[], rows: number, lines: number, { bold, width }: TableStyle): string {
  return Array.from({ length: rows }, (_, row) => {
    const pairs = columns.map(({ title, cells }) => [title, cells[row] ?? ''] as const);
    return block(pairs, bold, width, lines);
  }).join('\n');
}

/** A value whose longest word does not fit beside its title stands below it. */
function block(
  pairs: readonly (readonly [string, string | Cell])[],
  bold: (text: string) => string,
  width: number,
  lines: number,
): string {
  const margin = Math.max(...pairs.map(([title]) => widthOf(title))) + GAP;
  return pairs
    .map(([title, value]) => {
      const longestWord = Math.max(...safeText(value).split(' ').map(widthOf));
      const isBeside = longestWord <= width - margin;
      const indent = isBeside ? margin : GAP;
      const drawn = linesOf(value, Math.max(1, width - indent), lines).map(({ line, paint }) => line && paint(line));
      const head = isBeside ? bold(title) + ' '.repeat(margin - widthOf(title)) + drawn.shift() : bold(title);
      return [head, ...drawn.map((line) => ' '.repeat(indent) + line)].map((line) => `${line.trimEnd()}\n`).join('');
    })
    .join('');
}

function safeText(value: string | Cell): string {
  return printable(typeof value === 'string' ? value : value.text);
}
