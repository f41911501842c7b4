// npm run docs:configuration writes docs/configuration.md anew, from the registry of variables.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from '../paths.js';
import { configurationPage } from './page.js';

await writeFile(join(root, 'docs', 'configuration.md'), configurationPage());
