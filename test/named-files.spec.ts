import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import ts from 'typescript';
import { root } from '../tools/paths.js';

/** A name in a comment that is a file's: in backticks, with an ending that files here have. What begins with `/` is a route. */
const NAMED = /`(?!\/)([\w./-]*\w\.(?:ts|tsx|mjs|cjs|js|sql|md|conf|json|yml))`/g;

/** Those that a deployment has, and this tree has not. */
const WRITTEN = ['secrets.json'];

const tree = globSync('{*,.*,{apps,libs,tools,test,bench,docs,deploy,.github}/**/*}', {
  cwd: root,
  exclude: (name) => /(?:^|\/)(?:node_modules|dist|\.data|\.git)$/.test(name),
}).map((file) => file.replaceAll('\\', '/'));

/** Whether a name in a comment is that of a file in a tree: whole, or from any folder on; a `.js` is a `.ts` before it is built. */
function isThere(name: string, files: readonly string[]): boolean {
  const sought = name.replace(/^(?:\.{0,2}\/)+/, '');
  const names = [sought, sought.replace(/\.js$/, '.ts')];
  return files.some((file) => names.some((each) => file === each || file.endsWith(`/${each}`)));
}

/** The comments of a source, from its syntax: what stands in a text is none. */
function commentsOf(text: string): string[] {
  const source = ts.createSourceFile('a.ts', text, ts.ScriptTarget.Latest, true);
  const comments = new Set<string>();
  const walk = (node: ts.Node): void => {
    for (const range of ts.getLeadingCommentRanges(text, node.getFullStart()) ?? []) {
      comments.add(text.slice(range.pos, range.end));
    }
    for (const range of ts.getTrailingCommentRanges(text, node.getEnd()) ?? []) {
      comments.add(text.slice(range.pos, range.end));
    }
    node.getChildren(source).forEach(walk);
  };
  walk(source);
  return [...comments];
}

function missingIn(text: string, files: readonly string[]): string[] {
  const named = commentsOf(text).flatMap((comment) => [...comment.matchAll(NAMED)].map(([, name]) => name ?? ''));
  return named.filter((name) => !isThere(name, files));
}

describe('the files that comments name', () => {
  const sources = tree.filter((file) => /\.(?:ts|tsx|mjs|cjs)$/.test(file) && !file.includes('generated-client/'));

  it('are there', () => {
    const missing = sources
      .filter((file) => file !== `test/${basename(import.meta.url)}`)
      .flatMap((file) =>
        missingIn(readFileSync(join(root, file), 'utf8'), [...tree, ...WRITTEN]).map((name) => `${file}: ${name}`),
      );
    expect(sources.length).toBeGreaterThan(100);
    expect(missing).toEqual([]);
  });

  it.each([
    ['a line', '// see `gone.ts`\nconst a = 1;', ['gone.ts']],
    ['a block before what is exported', '/** As `b/gone.sql` has it. */\nexport const a = 1;', ['b/gone.sql']],
    ['a block within a type', 'interface A {\n  /** `gone.md` */\n  b: string;\n}', ['gone.md']],
    ['behind a statement', 'const a = 1; // `gone.json`', ['gone.json']],
    ['a file that is there, by its name', '// `here.ts`', []],
    ['by a part of its path, as it is imported', '// `./b/here.js`', []],
    ['by the end of its name alone', '// `ere.ts`', ['ere.ts']],
    ['a route', '// `/openapi.json`', []],
    ['no comment', "const a = '`gone.ts`';", []],
  ])('are found in %s', (_, text, missing) => {
    expect(missingIn(text, ['a/b/here.ts'])).toEqual(missing);
  });
});
