import { readFileSync } from 'node:fs';

/** The version of Tokenlog that runs: that of its `package.json`, above the sources or above what they are compiled to. */
export const VERSION = readVersion();

function readVersion(): string {
  for (const path of ['../../package.json', '../../../package.json']) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
      if (name === 'tokenlog') return version;
    } catch {
      // Not there: the other one is.
    }
  }
  return 'unknown';
}
