import type { CaseResult, Figures, Ratio } from './run-case.js';
import type { Spread } from './statistics.js';

type Row = readonly string[];

/** How long after a load its consequences must go on to be worth a line; in ms. */
const AFTERMATH_MS = 100;
/** More than this of the processors taken by others, and the figures say more of them than of us. */
const BUSY = 0.1;

/** The results of a case as the terminal shows them. */
export function asText(result: CaseResult): string {
  const lines = [
    result.case.title,
    '',
    ...alignColumns([FIGURE_HEADINGS, ...result.figures.map(figureRow)]),
    '',
    ...alignColumns([RATIO_HEADINGS, ...result.ratios.map(ratioRow)]),
  ];
  const processor = processorRows(result.figures);
  if (processor) lines.push('', ...alignColumns(processor));
  return [...lines, ...remarks(result).map((line) => `\n${line}`)].join('\n');
}

/** The whole report, for a reader who has not seen this project before. */
export function asMarkdown(
  results: readonly CaseResult[],
  { machine, date, dataset }: { machine: Readonly<Record<string, string>>; date: string; dataset: string },
): string {
  const parts = [
    '# What is fast, and against what',
    `Written by \`npm run bench\` on ${date}. Do not edit: run it again.`,
    `Rates depend on the machine; ratios much less. So each figure that matters is a ratio of two things that were
measured side by side, in the same run: in each round every contender is measured once, right after the others, in an
order that changes from round to round. Shown are the **medians of the rounds**, with the smallest and the largest in brackets. Ratios
are computed within each round. \`p50\` and \`p99\` are latencies as a client sees them: half of the requests, and all but one
in a hundred, took no longer.`,
    ['## The machine', '', ...markdownTable([['', ''], ...Object.entries(machine)])].join('\n'),
    `Real servers with their data on a real disk, set up as by \`npm start\`: PostgreSQL with \`fsync\` and
\`synchronous_commit\` on. ${dataset}`,
    ...results.map(caseAsMarkdown),
  ];
  return `${parts.map((part) => part.trim()).join('\n\n')}\n`;
}

function caseAsMarkdown(result: CaseResult): string {
  const { pace, figures, ratios } = result;
  const processor = processorRows(figures);
  const parts = [
    `## ${result.case.title}`,
    result.case.explanation.trim(),
    `${pace.rounds} rounds of ${pace.milliseconds / 1000} s for each line. \`npm run bench -- --case ${result.case.name}\``,
    markdownTable([FIGURE_HEADINGS, ...figures.map(figureRow)]).join('\n'),
    markdownTable([RATIO_HEADINGS, ...ratios.map(ratioRow)]).join('\n'),
  ];
  if (processor) {
    parts.push(
      `Processor time of one operation, in µs, by the process that spends it. It counts everything until the last
consequence is worked off: here, until the log is published to JetStream.`,
      markdownTable(processor).join('\n'),
    );
  }
  return [...parts, ...remarks(result)].join('\n\n');
}

const FIGURE_HEADINGS = ['clients', 'contender', 'a second', 'p50 ms', 'p99 ms'];
const RATIO_HEADINGS = ['clients', 'ratio', 'median', 'goal', ''];

function figureRow({ level, contender, rate, p50, p99 }: Figures): Row {
  return [String(level), contender, spread(rate, count), spread(p50, fixed(2)), spread(p99, fixed(2))];
}

function ratioRow({ level, name, spread: figure, goal }: Ratio): Row {
  const row = [String(level), name, spread(figure, fixed(2))];
  if (!goal) return [...row, '', ''];
  const isMet = 'atLeast' in goal ? figure.median >= goal.atLeast : figure.median <= goal.atMost;
  const wanted = 'atLeast' in goal ? `at least ${goal.atLeast}` : `at most ${goal.atMost}`;
  return [...row, wanted, isMet ? 'met' : 'missed'];
}

function processorRows(figures: readonly Figures[]): Row[] | undefined {
  const names = [...new Set(figures.flatMap(({ processor }) => Object.keys(processor ?? {})))];
  if (names.length === 0) return undefined;
  const rows = figures.map(({ level, contender, processor = {} }) => {
    const total = Object.values(processor).reduce((sum, each) => sum + each, 0);
    const cells = names.map((name) => (processor[name] === undefined ? '' : count(processor[name])));
    return [String(level), contender, ...cells, count(total)];
  });
  return [['clients', 'µs each', ...names, 'together'], ...rows];
}

function remarks({ figures, strangers }: CaseResult): string[] {
  const lines = figures.flatMap(({ level, contender, aftermath }) =>
    aftermath && aftermath.median > AFTERMATH_MS
      ? `After each measurement of ${contender} at ${level} clients it took ${spread(aftermath, fixed(0))} ms until all that was logged was published.`
      : [],
  );
  if (strangers) {
    const advice = strangers.median > BUSY ? ' Run it again on an idle machine.' : '';
    lines.push(`Other programs took ${spread(strangers, percent)} of the processors meanwhile.${advice}`);
  }
  return lines;
}

function spread(figure: Spread | undefined, format: (value: number) => string): string {
  if (!figure) return '';
  return `${format(figure.median)} (${format(figure.min)}–${format(figure.max)})`;
}

const count = (value: number) => Math.round(value).toLocaleString('en');
const percent = (value: number) => `${Math.round(value * 100)} %`;
const fixed = (digits: number) => (value: number) => value.toFixed(digits);

function alignColumns(rows: readonly Row[]): string[] {
  const widths = widthsOf(rows);
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** Aligned, as the project's formatter wants it. */
function markdownTable([headings = [], ...rows]: readonly Row[]): string[] {
  const widths = widthsOf([headings, headings.map(() => '---'), ...rows]);
  const line = (cells: Row) => `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(headings), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)];
}

function widthsOf(rows: readonly Row[]): number[] {
  return (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
}
