import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../tools/paths.js';
import { documents } from './support/documents.js';

const read = (path: string) => readFileSync(join(root, path), 'utf8');
const page = read('CONTRIBUTING.md');
const [, walk = ''] = page.split('## A verb from end to end\n');
const table = (walk.split('\n## ')[0] ?? '').split('\n').filter((line) => line.startsWith('| `'));
const files = table.map((line) => {
  const [, file = '', what = ''] = line.split('|').map((cell) => cell.trim());
  return { file: file.replaceAll('`', ''), isNew: what.startsWith('new: ') };
});

describe('a verb from end to end, as CONTRIBUTING.md has it', () => {
  it('touches six files at most', () => {
    expect(files.length).toBeGreaterThan(3);
    expect(files.length).toBeLessThanOrEqual(6);
  });

  it.each(files)('$file is there, unless it is new', ({ file, isNew }) => {
    expect(existsSync(join(root, file))).toBe(!isNew);
  });

  it('is the way of a verb that there is: all that speak of editing, but for what its columns and fields are for', () => {
    const asEdit = files.map(({ file }) => file.replace('noted', 'edited').replace('note-token', 'edit-token'));
    for (const file of asEdit) expect([file, /EditToken|token-?edited/i.test(read(file))]).toEqual([file, true]);
  });
});

it.each(['CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md'])(
  '%s names no file and no script that is not there',
  (name) => {
    const text = read(name);
    const spoken = [...text.matchAll(/`((?:apps|libs|test|tools|docs)\/[\w./-]+)`/g)].map(([, path = '']) => path);
    const linked = [...text.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, path = '']) => path);
    const made = [
      ...files.filter(({ isNew }) => isNew).map(({ file }) => file),
      'apps/tokens/verbs/note-token.spec.ts',
    ];
    const missing = [...spoken, ...linked].filter((path) => !made.includes(path) && !existsSync(join(root, path)));
    expect(missing).toEqual([]);
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const run = [...text.matchAll(/npm run ([\w:-]+)/g)].map(([, script = '']) => script);
    expect(run.filter((script) => !(script in scripts))).toEqual([]);
    expect(documents).toContain(name);
  },
);
