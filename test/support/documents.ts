import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../tools/paths.js';

/** A piece of code or of what is printed, in a document, between two fences. */
export interface Block {
  readonly file: string;
  /** Of its first fence. */
  readonly line: number;
  /** What stands behind the fence. */
  readonly language: string;
  readonly text: string;
}

/** Every document of this repository that somebody reads to do something. */
export const documents: readonly string[] = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'CHANGELOG.md',
  'libs/auth/README.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .sort()
    .map((path) => `docs/${path}`),
];

/** The blocks of a document, in its order. */
export function blocksOf(file: string): Block[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(/^( *)```([^\n`]*)\n(.*?)^ *```$/gms)].map((found) => ({
    file,
    line: text.slice(0, found.index).split('\n').length,
    language: found[2]?.trim() ?? '',
    text: (found[3] ?? '').replaceAll(new RegExp(`^${found[1]}`, 'gm'), ''),
  }));
}

/** The first block whose text has this in it. */
export function blockWith(file: string, part: string): string {
  const found = blocksOf(file).find(({ text }) => text.includes(part));
  if (!found) throw new Error(`${file} has no block with ${part}`);
  return found.text;
}

/** What a shown output stands for: `…` is anything within a line. */
export function shownAs(text: string): RegExp {
  const line = (shown: string) =>
    shown
      .split('…')
      .map((part) => part.replaceAll(/[$()*+.?[\\\]^{|}]/g, '\\$&'))
      .join('[^\\n]*');
  return new RegExp(`^${text.trimEnd().split('\n').map(line).join('\\n')}$`, 'm');
}
