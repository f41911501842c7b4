import 'reflect-metadata';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { RequestMethod } from '@nestjs/common';
import { identityEvents } from '@tokenlog/contracts/identity/identity-events.js';
import { tokenEvents } from '@tokenlog/contracts/tokens/token-events.js';
import type { Parent } from '../apps/cli/command.js';
import { programOf } from '../apps/cli/program.js';
import { root } from '../tools/paths.js';

const PAGE = 'docs/behaviours.md';
const apps = ['identity', 'tokens'] as const;
const page = readFileSync(join(root, PAGE), 'utf8');
const source = (path: string) => readFileSync(join(root, path), 'utf8');
const spans = (text = '') => [...text.matchAll(/`([^`]+)`/g)].map(([, span = '']) => span);
const subjectOf = new Map<string, string>(
  [...identityEvents, ...tokenEvents].map(({ subject, example }): [string, string] => [example.type, subject]),
);

interface Row {
  readonly app: string;
  readonly what: string;
  readonly ways: string[];
  readonly words: string[];
  readonly spec: string;
}
interface Verb extends Row {
  readonly command: string;
  readonly file: string;
  readonly events: string[];
  readonly subjects: string[];
}

/** The rows of the tables with this head, below the service's heading. */
function tablesOf(head: string): [app: string, cells: string[]][] {
  const rows: [string, string[]][] = [];
  for (const section of page.split(/^### /m).slice(1)) {
    const [app = '', ...lines] = (section.split('\n## ')[0] ?? '').split('\n');
    const cells = lines
      .filter((line) => line.startsWith('| '))
      .map((line) => line.split('|').map((cell) => cell.trim()));
    if (cells[0]?.[1] === head) rows.push(...cells.slice(2).map((row): [string, string[]] => [app, row.slice(1)]));
  }
  return rows;
}
const linked = (cell = '') => join('docs', cell.match(/\]\(([^)#]+)\)/)?.[1] ?? 'nothing');
const verbs = tablesOf('verb').map(
  ([app, [what = '', ways, words, command, events, subjects, spec]]): Verb => ({
    app,
    what,
    ways: spans(ways),
    words: spans(words),
    command: spans(command)[0] ?? '',
    file: linked(command),
    events: spans(events),
    subjects: spans(subjects),
    spec: linked(spec),
  }),
);
const questions = tablesOf('question').map(
  ([app, [what = '', ways, words, spec]]): Row => ({
    app,
    what,
    ways: spans(ways),
    words: spans(words),
    spec: linked(spec),
  }),
);
const rows: Row[] = [...verbs, ...questions];

function filesOf(folder: string, end: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith(end) && !path.endsWith('.spec.ts'))
    .map((path) => join(folder, path))
    .sort();
}

/** Each route of a service and each request that it answers, with the code of its handler. */
async function waysOf(app: string): Promise<Map<string, string>> {
  const ways = new Map<string, string>();
  for (const file of filesOf(join('apps', app), '.controller.ts')) {
    const classes = Object.values<unknown>(await import(join(root, file))).filter((each) => typeof each === 'function');
    for (const controller of classes) {
      const at: string | undefined = Reflect.getMetadata('path', controller);
      for (const name of at === undefined ? [] : Object.getOwnPropertyNames(controller.prototype)) {
        const handler = controller.prototype[name];
        const method: RequestMethod | undefined = Reflect.getMetadata('method', handler);
        if (method !== undefined) {
          const path = ['', at, Reflect.getMetadata('path', handler)].join('/').replaceAll(/\/+/g, '/');
          const written = path.replaceAll(/[:*](\w+)/g, '{$1}').replace(/(.)\/$/, '$1');
          ways.set(`${RequestMethod[method]} ${written}`, String(handler));
        }
        // Of guards with a name of their own it is the same request.
        const subjects: string[] = [Reflect.getMetadata('microservices:pattern', handler) ?? []].flat(2);
        for (const subject of subjects.filter((each) => !each.includes('*'))) ways.set(subject, String(handler));
      }
    }
  }
  return ways;
}

/** The command classes of a service, by name. */
function commandsOf(app: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const file of filesOf(join('apps', app), '.ts')) {
    for (const [, name = ''] of source(file).matchAll(/^export class (\w+) extends Command</gm)) found.set(name, file);
  }
  return found;
}

/** The types of published events that a file makes. */
function eventsIn(file: string): string[] {
  const made = [...source(file).matchAll(/\btype: '([\w-]+)'/g)].map(([, type = '']) => type);
  return made.filter((type) => subjectOf.has(type));
}

/** A file and all of its own service that it stands on. */
function reach(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const [, path = ''] of source(file).matchAll(/from '(\.[^']+)\.js'/g))
    reach(join(dirname(file), `${path}.ts`), seen);
  return seen;
}

/** Every command of the command line that does something, as it is typed. */
function wordsOf(command: Parent, before: string[] = []): string[] {
  if (command.commands.length === 0) return before[0]?.startsWith('_') ? [] : [before.join(' ')];
  return command.commands.flatMap((each) => wordsOf(each, [...before, each.name()]));
}
const surroundings = { env: {}, stdout: process.stdout, stdin: process.stdin, stderr: process.stderr };

describe(PAGE, () => {
  it.each(apps)('has each command of %s in one row, which leads to its file', (app) => {
    const told = verbs.filter((verb) => verb.app === app).map(({ command, file }) => [command, file]);
    expect(told.sort()).toEqual([...commandsOf(app)].sort());
  });

  it.each(apps)('has each route and request of %s, in the row of the command that its handler gives', async (app) => {
    const ways = await waysOf(app);
    const told = rows.filter((row) => row.app === app).flatMap((row) => row.ways);
    expect([...new Set(told)].sort()).toEqual([...ways.keys()].sort());
    for (const [way, code] of ways) {
      const given = verbs
        .filter(({ command }) => new RegExp(`\\bnew ${command}\\(`).test(code))
        .map(({ what }) => what);
      if (given.length === 0) continue;
      expect([
        way,
        verbs.filter((verb) => verb.app === app && verb.ways.includes(way)).map(({ what }) => what),
      ]).toEqual([way, given]);
    }
  });

  it('has each command of the command line, and no other', () => {
    const [, alone = ''] = page.split('## What the command line does by itself');
    const words = [...rows.flatMap((row) => row.words), ...spans(alone).filter((span) => !/^[A-Z]+ \//.test(span))];
    expect(words.sort()).toEqual(wordsOf(programOf(surroundings)).sort());
  });

  it.each(verbs)('$what: appends what its code appends, published under the subjects of the contracts', (verb) => {
    expect(verb.subjects).toEqual(verb.events.map((type) => subjectOf.get(type)));
    expect(verb.events).toEqual(expect.arrayContaining(eventsIn(verb.file)));
    const reached = [...reach(verb.file)].flatMap((file) =>
      [...source(file).matchAll(/'([\w-]+)'/g)].map(([, text]) => text),
    );
    expect(reached).toEqual(expect.arrayContaining(verb.events));
  });

  it('has each event and message of the contracts', () => {
    const subjects = filesOf('libs/contracts', '.ts').flatMap((file) =>
      [...source(file).matchAll(/^ {2}subject: '([^']+)'/gm)].map(([, subject = '']) => subject),
    );
    expect(subjects.length).toBeGreaterThan(30);
    expect(spans(page)).toEqual(expect.arrayContaining(subjects));
  });

  it.each(rows)('$what: its spec is there', ({ spec }) => {
    expect([spec, existsSync(join(root, spec))]).toEqual([spec, true]);
  });

  it('leads to specs that call a route of the row, give its command, or stand beside it', () => {
    const silent = rows.filter(({ spec, ways, ...row }) => {
      const text = source(spec);
      const paths = ways.filter((way) => way.includes(' ')).map((way) => way.split(' ')[1]?.split('{')[0] ?? way);
      const { command, file } = row as Partial<Verb>;
      if (paths.length === 0 && !command) return false;
      if (file && dirname(spec) === dirname(file)) return false;
      return ![...paths, ...(command ? [command] : [])].some((name) => text.includes(name));
    });
    expect(silent.map(({ what, spec }) => [what, spec])).toEqual([]);
  });
});
