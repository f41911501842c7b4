import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from '../paths.js';

/**
 * The lines of the `sh` block of docs/operations.md that stands under a bold title.
 * @throws Error when there is none
 */
export async function documentedCommands(title: string): Promise<string> {
  const text = await readFile(join(root, 'docs', 'operations.md'), 'utf8');
  const after = text.split(`**${title}**`)[1];
  const block = after && /```sh\n(.*?)```/s.exec(after.split(/^\*\*|^## /m)[0] ?? '')?.[1];
  if (!block) throw new Error(`docs/operations.md has no commands under ${title}`);
  return block;
}
