import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../tools/paths.js';
import { services } from '../tools/services.js';

interface Launch {
  name: string;
  request: 'attach' | 'launch';
  port?: number;
  program?: string;
  runtimeExecutable?: string;
}
const { configurations, compounds } = JSON.parse(readFileSync(join(root, '.vscode', 'launch.json'), 'utf8')) as {
  configurations: Launch[];
  compounds: { configurations: string[] }[];
};
const attached = configurations.filter(({ request }) => request === 'attach');

it('a debugger attaches to each service where npm run dev opens it', () => {
  const ports = Object.values(services).map(({ app, inspectPort }) => [app, inspectPort]);
  expect(attached.map(({ name, port }) => [name.split(/[ ,]/)[0], port])).toEqual(ports);
  expect(compounds.map((compound) => compound.configurations)).toEqual([attached.map(({ name }) => name)]);
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  expect(scripts.dev).toContain('--inspect');
});

it('what a debugger launches is there', () => {
  const programs = configurations
    .flatMap(({ program, runtimeExecutable }) => [program, runtimeExecutable])
    .filter((program) => program !== undefined);
  expect(programs.length).toBeGreaterThan(0);
  expect(programs.filter((program) => !existsSync(program.replace(/^\$\{workspaceFolder\}/, root)))).toEqual([]);
});
