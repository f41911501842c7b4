import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  guardProblems,
  isProblemCode,
  type ProblemCode,
  problemBody,
  problems,
  statusesOf,
} from '@tokenlog/contracts/problems.js';
import { root } from '../../tools/paths.js';
import { errorsAsHtml, errorsAsMarkdown } from './errors-page.js';
import { Problem } from './problem.js';

const codes = Object.keys(problems) as ProblemCode[];

/** The product's own sources, each without the registry itself. */
function sources(): string[] {
  return ['apps', 'libs'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !/\.spec\.ts$|(^|\/)(testing|node_modules)\//.test(file))
      .filter((file) => file !== 'contracts/problems.ts')
      .map((file) => readFileSync(join(root, folder, file), 'utf8')),
  );
}

test('docs/errors.md is the registry, by npm run docs:errors', () => {
  expect(readFileSync(join(root, 'docs', 'errors.md'), 'utf8')).toBe(errorsAsMarkdown());
});

test('each code of the registry is answered somewhere', () => {
  const text = sources().join('\n');
  expect(codes.filter((code) => !text.includes(`'${code}'`))).toEqual([]);
});

test('the type of each code is an anchor of the page and a heading of the document', () => {
  const page = errorsAsHtml();
  const document = errorsAsMarkdown();
  for (const code of codes) {
    const anchor = problemBody(code, 'x').type.split('#')[1];
    expect(page).toContain(`id="${anchor}"`);
    expect(document).toContain(`\n### ${anchor}\n`);
  }
});

test('the README of the guard has each code with which it refuses', () => {
  const readme = readFileSync(join(root, 'libs', 'auth', 'README.md'), 'utf8');
  expect(Object.keys(guardProblems).filter((code) => !readme.includes(`\`${code}\``))).toEqual([]);
});

test.each(codes)('%s is named, has a title and says what the caller can do', (code) => {
  expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
  const { title, remedy } = problems[code];
  expect(title).toMatch(/^[A-Z].{3,60}[^.!]$/u);
  expect(remedy).toMatch(/^[A-Z].*\.$/u);
  for (const status of statusesOf(code)) expect(status >= 400 && status < 600).toBe(true);
});

test.each(codes.filter((code) => statusesOf(code).some((status) => status === 429 || status === 503)))(
  '%s says when to ask again',
  (code) => {
    expect(new Problem(code, 'x').headers['Retry-After']).toMatch(/^\d+$/);
  },
);

test('a text of a message is a code only if the registry has it', () => {
  expect(['unknown', 'toString', '__proto__', 'nonsense'].filter(isProblemCode)).toEqual(['unknown']);
});

test('a code that is in no registry, or with a status in the place of a code, does not compile', () => {
  // @ts-expect-error: no such code
  const make = () => new Problem('no-such-code', 'x');
  // @ts-expect-error: a status comes with the code
  const withStatus = () => new Problem(404, 'x');
  expect([make, withStatus].map((each) => typeof each)).toEqual(['function', 'function']);
});
