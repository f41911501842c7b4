// Compares the report of a mutation run with docs/mutation.md, for the files that the run mutated: fails when a mutant
// survived that is not listed, and when one is listed that did not survive.
import { readFileSync } from 'node:fs';

const report = JSON.parse(readFileSync('coverage/mutation/report.json', 'utf8'));
const page = readFileSync('docs/mutation.md', 'utf8');

const found = new Map();
const counts = {};
for (const [file, { source, mutants }] of Object.entries(report.files)) {
  const lines = source.split('\n');
  for (const { status, location, replacement } of mutants) {
    counts[status] = (counts[status] ?? 0) + 1;
    if (status !== 'Survived' && status !== 'NoCoverage') continue;
    add(found, [file, inOneLine(textAt(lines, location)), inOneLine(replacement)]);
  }
}

const listed = new Map();
for (const line of page.split('\n')) {
  const row = /^\| `([^`]+)` \| `` (.+?) `` \| `` (.+?) `` \| (.*) \|$/.exec(line);
  if (!row) continue;
  const [, file, from, to, reason] = row;
  if (!reason.trim()) throw new Error(`docs/mutation.md gives no reason: ${line}`);
  if (report.files[file]) add(listed, [file, from, to]);
}

const unlisted = difference(found, listed);
const gone = difference(listed, found);
for (const key of unlisted) console.error(`Survives and is not listed:\n${rowOf(key)}`);
for (const key of gone) console.error(`Is listed and does not survive:\n${rowOf(key)}`);
console.log(
  Object.entries(counts)
    .map(([status, count]) => `${status} ${count}`)
    .join(', '),
);
if (unlisted.length + gone.length > 0) process.exitCode = 1;

function add(counted, parts) {
  const key = JSON.stringify(parts);
  counted.set(key, (counted.get(key) ?? 0) + 1);
}

/** Each key as often as the first has it more than the second. */
function difference(first, second) {
  return [...first].flatMap(([key, count]) => Array(Math.max(0, count - (second.get(key) ?? 0))).fill(key));
}

function textAt(lines, { start, end }) {
  const within = lines.slice(start.line - 1, end.line);
  within[within.length - 1] = within.at(-1).slice(0, end.column - 1);
  within[0] = within[0].slice(start.column - 1);
  return within.join('\n');
}

/** As a cell of a table holds it. */
function inOneLine(text) {
  return text.replaceAll(/\s+/g, ' ').replaceAll('|', '¦').trim();
}

function rowOf(key) {
  const [file, from, to] = JSON.parse(key);
  return `| \`${file}\` | \`\` ${from} \`\` | \`\` ${to} \`\` | |`;
}
