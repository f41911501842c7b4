import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorsAsMarkdown } from '@tokenlog/platform/errors-page.js';
import { root } from './paths.js';

/** Writes `docs/errors.md` from the registry of problems. */
await writeFile(join(root, 'docs', 'errors.md'), errorsAsMarkdown());
