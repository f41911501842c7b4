import { spawnSync } from 'node:child_process';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Plugin } from 'rollup';
import { dist, root } from './paths.js';

export interface PackageOptions {
  /** Where the packed file goes. Default: dist/packages. */
  readonly folder?: string | undefined;
  /** Default: that of its folder. */
  readonly readme?: string | undefined;
}

/** An npm package in the making: what is packed, and nothing of this repository beside it. */
export class Package {
  /** No script of it runs where it is installed or packed again. */
  readonly stage: string;

  private constructor(
    private readonly folder: string,
    /** Its package.json, README.md and TypeScript. */
    readonly source: string,
    name: string,
  ) {
    this.stage = join(folder, name);
  }

  /**
   * Begins with README, licence and manifest.
   * @param source its folder in this repository
   */
  static async begin(name: string, source: string, { folder, readme }: PackageOptions = {}): Promise<Package> {
    const made = new Package(resolve(folder ?? join(dist, 'packages')), join(root, source), name);
    await rm(made.stage, { recursive: true, force: true });
    await mkdir(made.stage, { recursive: true });
    await copyFile(readme ?? join(made.source, 'README.md'), join(made.stage, 'README.md'));
    await copyFile(join(root, 'LICENSE'), join(made.stage, 'LICENSE'));
    const { private: _, ...manifest } = JSON.parse(await readFile(join(made.source, 'package.json'), 'utf8'));
    await writeFile(join(made.stage, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
    return made;
  }

  /**
   * Packs it, and prints the file's path.
   * @throws Error when npm fails
   */
  pack(): void {
    const args = ['pack', '--ignore-scripts', '--loglevel=error', '--pack-destination', this.folder];
    const npm = spawnSync('npm', args, { cwd: this.stage, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
    if (npm.status !== 0) throw new Error(`npm pack failed: ${npm.error?.message ?? `exit code ${npm.status}`}`);
    console.log(join(this.folder, npm.stdout.trim()));
  }
}

/** Maps lead to the TypeScript, and not to what swc made of it. */
export function mapsOfInputs(): Plugin {
  return {
    name: 'maps-of-inputs',
    async load(id) {
      if (!id.startsWith(dist)) return null;
      return { code: await readFile(id, 'utf8'), map: JSON.parse(await readFile(`${id}.map`, 'utf8')) };
    },
  };
}
