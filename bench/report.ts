import { fileOf } from './picture.js';
import type { CaseResult, Ratio } from './run-case.js';
import type { Spread } from './statistics.js';

type Row = readonly string[];

/** Beside the report. */
export const PICTURES = 'pictures';
/** How long after a load its consequences must go on to be worth a line; in ms. */
const AFTERMATH_MS = 100;
/** More than this of the processors taken by others, and the figures say more of them than of us. */
const BUSY = 0.1;

/** The results of a case as the terminal shows them. */
export function asText(result: CaseResult): string {
  const lines = [result.case.title, '', ...alignColumns(figureRows(result)), '', ...alignColumns(ratioRows(result))];
  const processor = processorRows(result);
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
    ['## The goals', '', ...markdownTable(goalRows(results))].join('\n'),
    ...results.map(caseAsMarkdown),
  ];
  return `${parts.map((part) => part.trim()).join('\n\n')}\n`;
}

function caseAsMarkdown(result: CaseResult): string {
  const { pace } = result;
  const processor = processorRows(result);
  const parts = [
    `## ${result.case.title}`,
    result.case.explanation.trim(),
    `${pace.rounds} rounds of ${pace.milliseconds / 1000} s for each line. \`npm run bench -- --case ${result.case.name}\``,
    markdownTable(figureRows(result)).join('\n'),
    markdownTable(ratioRows(result)).join('\n'),
  ];
  if (processor) {
    parts.push(
      `Processor time of one operation, in µs, by the process that spends it. It counts everything until the last
consequence is worked off: here, until the log is published to JetStream.`,
      markdownTable(processor).join('\n'),
    );
  }
  const pictures = (result.case.pictures ?? []).map(
    (picture) => `![${picture.title}](${PICTURES}/${fileOf(picture, result)})`,
  );
  return [...parts, ...pictures, ...remarks(result)].join('\n\n');
}

/** Every goal at a glance. */
function goalRows(results: readonly CaseResult[]): Row[] {
  const rows = results.flatMap((result) =>
    ratioRows(result)
      .slice(1)
      .filter(([, , , goal]) => goal)
      .map(([level = '', ...rest]) => [
        `[${result.case.title}](#${anchorOf(result.case.title)})`,
        `${result.case.levelName ?? 'clients'}: ${level}`,
        ...rest,
      ]),
  );
  return [['case', 'at', 'ratio', 'median', 'goal', ''], ...rows];
}

function anchorOf(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^\p{L}\p{N} -]/gu, '')
    .replaceAll(' ', '-');
}

function figureRows({ case: { unit = 'a second', levelName = 'clients' }, figures }: CaseResult): Row[] {
  const timed = figures.some(({ p50 }) => p50);
  const rows = figures.map(({ level, contender, value, p50, p99 }) => {
    const latencies = timed ? [spread(p50, fixed(2)), spread(p99, fixed(2))] : [];
    return [level.toLocaleString('en'), contender, spread(value, figure), ...latencies];
  });
  return [[levelName, 'contender', unit, ...(timed ? ['p50 ms', 'p99 ms'] : [])], ...rows];
}

function ratioRows({ case: { levelName = 'clients' }, ratios }: CaseResult): Row[] {
  return [[levelName, 'ratio', 'median', 'goal', ''], ...ratios.map(ratioRow)];
}

function ratioRow({ level, name, spread: ratio, goal }: Ratio): Row {
  const row = [level.toLocaleString('en'), name, spread(ratio, figure)];
  if (!goal) return [...row, '', ''];
  const isMet = 'atLeast' in goal ? ratio.median >= goal.atLeast : ratio.median <= goal.atMost;
  const wanted = 'atLeast' in goal ? `at least ${goal.atLeast}` : `at most ${goal.atMost}`;
  return [...row, wanted, isMet ? 'met' : 'missed'];
}

function processorRows({ case: { levelName = 'clients' }, figures }: CaseResult): Row[] | undefined {
  const names = [...new Set(figures.flatMap(({ processor }) => Object.keys(processor ?? {})))];
  if (names.length === 0) return undefined;
  const rows = figures.flatMap(({ level, contender, processor }) => {
    if (!processor) return [];
    const total = Object.values(processor).reduce((sum, each) => sum + each, 0);
    const cells = names.map((name) => (processor[name] === undefined ? '' : count(processor[name])));
    return [[level.toLocaleString('en'), contender, ...cells, count(total)]];
  });
  return [[levelName, 'µs each', ...names, 'together'], ...rows];
}

function remarks({ case: { levelName = 'clients' }, figures, missing, strangers }: CaseResult): string[] {
  const lines = figures.flatMap(({ level, contender, aftermath }) =>
    aftermath && aftermath.median > AFTERMATH_MS
      ? `After each measurement of ${contender} at ${level.toLocaleString('en')} ${levelName} it took ${spread(aftermath, fixed(0))} ms until all that was logged was published.`
      : [],
  );
  for (const [contender, reason] of Object.entries(missing)) lines.push(`${contender} took no part: ${reason}`);
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

/** Three digits that say something, and no more. */
const figure = (value: number) => (value < 100 ? String(Number(value.toPrecision(3))) : count(value));
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
