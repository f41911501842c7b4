import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from '../../tools/paths.js';
import { givenArguments, serveParent } from '../child.js';
import type { HttpServer } from '../http-contender.js';
import type { PeerOptions } from '../peer.js';

/** A peer, in a process of its own. It runs from the sources: what it needs is installed there. */
process.env.NODE_ENV = 'production';
process.noDeprecation = true;
const { name, ...options } = givenArguments<{ name: string } & PeerOptions>();

serveParent(async () => {
  const file = pathToFileURL(join(root, 'bench', 'peers', `${name}.mjs`));
  const { start } = (await import(file.href)) as { start: (options: PeerOptions) => Promise<HttpServer> };
  return start(options);
});
