import { watch } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { root } from './paths.js';
import { type ServiceName, serviceNames, services } from './services.js';

/** Editors and `git checkout` write several files in one go: the change is over when nothing more comes for this long. In ms. */
const SETTLED_MS = 60;
const folders = ['apps', 'libs', 'tools'];
const ignored = /(\.spec\.tsx?|\.d\.ts)$|(^|\/)node_modules\//;
const read = /\.(ts|sql|json|html|css|svg)$/;

type Build = { build(): Promise<number> };
type Graph = { reachedFrom(file: string): Set<string> };

/** What runs the sources of a changed file. */
export type Concerned = { services: ServiceName[]; start: boolean };

/**
 * Compiles what changes below `apps`, `libs` and `tools`, and has those services started again that run it. One that does not
 * compile is told of, and what ran goes on; one that does not start is tried again with the next change.
 * @param restart stops a service and starts it, and rejects where it does not start
 * @returns what ends it
 */
export async function restartOnChange(
  restart: (name: ServiceName) => Promise<void>,
  output: (line: string) => void,
): Promise<() => void> {
  const { build } = await fromSource<Build>('build.mjs');
  const changed = new Set<string>();
  const down = new Set<ServiceName>();
  let ended = false;
  let busy = false;
  let isDue = false;

  const again = async (name: ServiceName) => {
    const { app } = services[name];
    const began = performance.now();
    try {
      down.add(name);
      await restart(name);
      down.delete(name);
      if (!ended) output(`${app} runs again, after ${((performance.now() - began) / 1_000).toFixed(1)} s.`);
    } catch (error) {
      if (!ended) output(`${(error as Error).message}\n${app} is down, and tried again with the next change.`);
    }
  };

  /** What has changed, once it is compiled. What does not compile stays noted until it does. */
  const compiled = async () => {
    // What changes meanwhile may be compiled as it was.
    const files = [...changed];
    changed.clear();
    try {
      await build();
      return { files, concerned: await concernedBy(files) };
    } catch (error) {
      for (const file of files) changed.add(file);
      throw error;
    }
  };

  const apply = async () => {
    if (busy) return;
    busy = true;
    try {
      while (isDue && !ended) {
        isDue = false;
        await delay(SETTLED_MS);
        if (isDue) continue;
        const { files, concerned } = await compiled();
        if (concerned.start) output('The start itself changed: stop it and start it again to have that.');
        const names = new Set([...concerned.services, ...down]);
        if (names.size > 0) output(`Changed: ${files.join(', ')}.`);
        await Promise.all([...names].map(again));
      }
    } catch (error) {
      output(`${(error as Error).message}\nWhat ran before goes on.`);
    } finally {
      busy = false;
    }
    if (isDue && !ended) await apply();
  };

  const watchers = folders.map((folder) =>
    watch(join(root, folder), { recursive: true }, (_event, name) => {
      if (!name || !read.test(name) || ignored.test(name)) return;
      changed.add(`${folder}/${name}`);
      isDue = true;
      void apply();
    }).on('error', (error) => output(`Changes below ${folder} are not seen: ${error.message}`)),
  );
  return () => {
    ended = true;
    for (const watcher of watchers) watcher.close();
  };
}

/** Which services run a file: by their imports; what is no source is read by its whole application or library. */
export async function concernedBy(files: readonly string[]): Promise<Concerned> {
  const { reachedFrom } = await fromSource<Graph>('import-graph.mjs');
  const reached = (main: string) => {
    const all = reachedFrom(main);
    const parts = new Set([...all].map(partOf));
    return (file: string) => (file.endsWith('.ts') ? all.has(file) : parts.has(partOf(file)));
  };
  return {
    services: serviceNames.filter((name) => files.some(reached(`apps/${services[name].app}/main.ts`))),
    start: files.some((file) => isOfStart(file) && reached('tools/start.ts')(file)),
  };
}

const partOf = (file: string) => file.split('/').slice(0, 2).join('/');
/** Migrations run as it starts, and not in the services. */
const isOfStart = (file: string) => /^tools\/|\/migrations\//.test(file);

/** A module that runs as it is written, and is not compiled. */
function fromSource<Module>(name: string): Promise<Module> {
  return import(pathToFileURL(join(root, 'tools', name)).href) as Promise<Module>;
}
