import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './paths.js';

type Kinds = { kindOf(file: string): 'unit' | 'service'; startsBy(file: string): string[]; specs(): string[] };
const at = './spec-kinds.mjs';
const { kindOf, startsBy, specs } = (await import(at)) as Kinds;

it.each([
  ['libs/contracts/credential.spec.ts', 'it imports nothing that starts something', 'unit'],
  ['apps/tokens/config/policy.spec.ts', 'what a service imports does not count', 'unit'],
  ['libs/event-store/append.spec.ts', 'it takes a database', 'service'],
  ['apps/tokens/verbs/refresh-token.spec.ts', 'a helper of its own takes a database', 'service'],
  ['tools/supervise.spec.ts', 'a tool that it imports starts processes', 'service'],
  ['test/revocation-model.spec.ts', 'it is of the whole', 'service'],
])('%s: %s: %s', (file, _why, kind) => {
  expect(kindOf(file)).toBe(kind);
});

it('takes whatever finds the servers of a test run for what starts something', () => {
  const finding = globSync('test/support/*.ts', { cwd: root }).filter((file) =>
    /process\.env\.TEST_/.test(readFileSync(join(root, file), 'utf8')),
  );
  expect(finding.length).toBeGreaterThan(0);
  expect(finding.filter((file) => startsBy(file).length === 0)).toEqual([]);
});

it('finds specs of both kinds', () => {
  const units = specs().filter((file) => kindOf(file) === 'unit');
  expect(units.length).toBeGreaterThan(40);
  expect(specs().length).toBeGreaterThan(2 * units.length);
});
