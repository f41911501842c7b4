import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { root } from '../tools/paths.js';
import { names, readSeedRows, type SeedRow, unproven } from './support/seeds.js';

const ROWS = 45;
const NOT_RUN = new Set(['only', 'skip', 'todo', 'failing']);
const NEVER_RUN = /^(?:x(?:it|test|describe)|f(?:it|describe))$/;

interface Title {
  readonly text: string;
  /** Of the describes around it, and its own. */
  readonly full: string;
  readonly isTest: boolean;
}

/** The table is held against the specs as they are written; that they ran and passed, `seeds-reporter.mjs` sees. */
describe('docs/seeds.md', () => {
  const rows = readSeedRows(readFileSync(join(root, 'docs', 'seeds.md'), 'utf8'));
  const specs = globSync('{apps,libs,tools,test,bench}/**/*.spec.{ts,tsx}', { cwd: root });
  const read = new Map(specs.map((file) => [file, readSpec(file)]));

  it('has each row from S1 to S45 once, in order', () => {
    expect(rows.map(({ number }) => number)).toEqual(Array.from({ length: ROWS }, (_, index) => index + 1));
  });

  it.each(rows)('says of S$number what it is, what proves it and where it is seen', ({ behaviour, specs, where }) => {
    expect(behaviour).toMatch(/\w/);
    expect(where).toMatch(/`/);
    expect(specs.length).toBeGreaterThan(0);
    expect(new Set(specs).size).toBe(specs.length);
  });

  it.each(rows)('names tests for S$number that are there', ({ number, specs }) => {
    for (const file of specs) {
      const titles = read.get(file)?.titles ?? [];
      expect([file, titles.some(({ full, isTest }) => isTest && names(full, number))]).toEqual([file, true]);
    }
  });

  it('names a row for every number that a test has', () => {
    const numbers = [...read].flatMap(([file, { titles }]) =>
      titles.flatMap(({ text }) =>
        [...text.matchAll(/\bS(\d+)\b/g)].map(([, number]) => [file, Number(number)] as const),
      ),
    );
    expect(numbers.filter(([, number]) => number < 1 || number > ROWS)).toEqual([]);
  });

  it('rests on no test that is left out', () => {
    const leftOut = [...read].flatMap(([file, { notRun }]) => notRun.map((call) => `${file}: ${call}`));
    expect(leftOut).toEqual([]);
  });
});

describe('a run', () => {
  const row: SeedRow = { number: 1, behaviour: 'one', specs: ['a.spec.ts', 'b.spec.ts'], where: '' };
  const passed = { file: 'a.spec.ts', title: 'tokens S1 are accepted', status: 'passed' };

  it('proves a row when each of its files has a test with its number, and all of those passed', () => {
    expect(unproven([row], [passed, { ...passed, file: 'b.spec.ts' }])).toEqual([]);
  });

  it.each([
    ['no test of a file has the number', { ...passed, file: 'b.spec.ts', title: 'S12 is another' }],
    ['one failed', { ...passed, file: 'b.spec.ts', status: 'failed' }],
    ['one was left out', { ...passed, file: 'b.spec.ts', status: 'pending' }],
  ])('does not when %s', (_, test) => {
    expect(unproven([row], [passed, test])).toEqual([expect.stringMatching(/^S1: .*b\.spec\.ts/)]);
  });

  it('reads a table of any other rows', () => {
    const table = '| S7 | shown `once` | `a.spec.ts`, `x/b.spec.tsx` | `GET /x?a\\|b` |\n| no row | | | |';
    expect(readSeedRows(table)).toEqual([
      { number: 7, behaviour: 'shown `once`', specs: ['a.spec.ts', 'x/b.spec.tsx'], where: '`GET /x?a\\|b`' },
    ]);
  });
});

/** The titles of a spec, from its syntax tree, and its calls that keep tests from running. */
function readSpec(file: string): { titles: Title[]; notRun: string[] } {
  const source = ts.createSourceFile(file, readFileSync(join(root, file), 'utf8'), ts.ScriptTarget.Latest, true);
  const titles: Title[] = [];
  const notRun: string[] = [];
  const walk = (node: ts.Node, around: string): void => {
    let inside = around;
    if (ts.isCallExpression(node)) {
      const { name, modifiers, table } = calleeOf(node);
      if (NEVER_RUN.test(name)) notRun.push(node.expression.getText());
      if (/^(?:it|test|describe)$/.test(name)) {
        if (modifiers.some((each) => NOT_RUN.has(each))) notRun.push(node.expression.getText());
        const text = titleOf(node.arguments[0]);
        if (text !== null) {
          // What a table puts into a title counts as its title.
          const full = `${around} ${text} ${/[%$]/.test(text) ? textsIn(table) : ''}`.trim();
          titles.push({ text, full, isTest: name !== 'describe' });
          if (name === 'describe') inside = full;
        }
      }
    }
    ts.forEachChild(node, (child) => walk(child, inside));
  };
  walk(source, '');
  return { titles, notRun };
}

/** `it.each(table)(…)` is `it`, with `each` and a table. */
function calleeOf(call: ts.CallExpression): { name: string; modifiers: string[]; table: readonly ts.Node[] } {
  const modifiers: string[] = [];
  let table: readonly ts.Node[] = [];
  let callee: ts.Expression = call.expression;
  for (;;) {
    if (ts.isPropertyAccessExpression(callee)) {
      modifiers.push(callee.name.text);
      callee = callee.expression;
    } else if (ts.isCallExpression(callee)) {
      table = callee.arguments;
      callee = callee.expression;
    } else if (ts.isTaggedTemplateExpression(callee)) callee = callee.tag;
    else break;
  }
  return { name: ts.isIdentifier(callee) ? callee.text : '', modifiers, table };
}

function textsIn(nodes: readonly ts.Node[]): string {
  const texts: string[] = [];
  const walk = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node)) texts.push(node.text);
    ts.forEachChild(node, walk);
  };
  nodes.forEach(walk);
  return texts.join(' ');
}

function titleOf(argument: ts.Expression | undefined): string | null {
  return argument && ts.isStringLiteralLike(argument) ? argument.text : null;
}
