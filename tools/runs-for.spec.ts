const at = './runs-for.mjs';
const { runsFor } = (await import(at)) as { runsFor(files: string[]): string[][] };

const unit = ['--selectProjects', 'unit', '--passWithNoTests'];
const service = ['--selectProjects', 'service', '--passWithNoTests'];
const page = 'docs/seeds.md';
const [one, other] = ['apps/tokens/token/token.ts', 'libs/auth/same-origin.ts'] as const;

it.each([
  ['at the beginning, the unit specs run', [], [unit]],
  [
    'of sources, the unit specs that they concern, and then the service specs',
    [one, other],
    [
      [...unit, '--findRelatedTests', one, other],
      [...service, '--findRelatedTests', one, other],
    ],
  ],
  ['of what nobody imports, all unit specs', [page], [unit]],
  [
    'of both, all unit specs, and the service specs of the sources',
    [one, page],
    [unit, [...service, '--findRelatedTests', one]],
  ],
])('%s', (_what, files, runs) => {
  expect(runsFor(files)).toEqual(runs);
});
