import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { root } from '../tools/paths.js';

type Rooms = Record<string, string[]>;
const rules = createRequire(import.meta.url)('../tools/rooms.cjs') as Record<string, Rooms>;
const page = readFileSync(join(root, 'docs/architecture.md'), 'utf8');

/** The table below a service's heading, in its order. */
function drawn(service: string): [room: string, mayUse: string[]][] {
  const [, section = ''] = page.split(`### ${service}\n`);
  const lines = (section.split('\n###')[0] ?? '').split('\n').filter((line) => line.startsWith('| `'));
  return lines.map((line) => {
    const [, room = '', , mayUse = ''] = line.split('|');
    const names = (cell: string) => [...cell.matchAll(/`([\w-]+)\/?`/g)].map(([, name]) => name ?? '');
    return [names(room)[0] ?? '', names(mayUse)];
  });
}

describe.each(Object.keys(rules))('the rooms of %s', (service) => {
  const rooms = Object.entries(rules[service] ?? {});

  it('are the folders that there are', () => {
    const folders = readdirSync(join(root, 'apps', service), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && entry.name !== 'testing')
      .map(({ name }) => name);
    expect(rooms.map(([room]) => room).sort()).toEqual(folders.sort());
  });

  it('are drawn in docs/architecture.md as the rules have them', () => {
    expect(drawn(service)).toEqual(rooms);
  });

  it('use those below them alone', () => {
    for (const [index, [room, mayUse]] of rooms.entries()) {
      const below = rooms.slice(index + 1).map(([name]) => name);
      expect({ [room]: mayUse.filter((used) => !below.includes(used)) }).toEqual({ [room]: [] });
    }
  });
});
