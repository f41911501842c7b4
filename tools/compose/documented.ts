import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from '../paths.js';
import { show } from './engine.js';
import type { ComposeProject } from './project.js';

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

/** Runs the commands under a title as somebody pastes them, in the project's folder, with its engine and names. */
export async function paste(project: ComposeProject, title: string): Promise<void> {
  const script = (await documentedCommands(title))
    .replaceAll('docker compose', [...project.engine.compose, '-p', project.name].join(' '))
    .replaceAll(/\bdocker\b/g, project.engine.name)
    .replaceAll('npx tokenlog', `${process.execPath} ${join(root, 'apps', 'cli', 'tokenlog.mjs')}`)
    .replaceAll('tokenlog_postgres', `${project.name}_postgres`);
  await show(['sh', '-ec', `set -a; . ./.env; set +a\n${script}`], { cwd: project.folder });
}
