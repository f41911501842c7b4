import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';

/** After a run of all tests: fails it unless each row of `docs/seeds.md` has been proved by tests that passed. */
export default class SeedsReporter {
  #config;
  #error;

  constructor(config) {
    this.#config = config;
  }

  async onRunComplete(projects, { testResults }) {
    if (this.#isPartial(projects)) return;
    // What setup has compiled; on the first run it was not there yet when reporters were made.
    const { readSeedRows, unproven } = await import('../../dist/test/support/seeds.js');
    const root = this.#config.rootDir;
    const rows = readSeedRows(await readFile(join(root, 'docs', 'seeds.md'), 'utf8'));
    const tests = testResults.flatMap(({ testFilePath, testResults: results }) =>
      results.map(({ fullName, status }) => ({ file: relative(root, testFilePath), title: fullName, status })),
    );
    const missing = unproven(rows, tests);
    const proved = rows.filter(({ number }) => !missing.some((line) => line.startsWith(`S${number}:`)));
    const lines = [`docs/seeds.md: ${proved.length} of ${rows.length} behaviours proved by this run.`, ...missing];
    process.stderr.write(`${lines.join('\n')}\n`);
    if (missing.length > 0) this.#error = new Error(lines[0]);
  }

  /** Jest's way to fail a run. */
  getLastError() {
    return this.#error;
  }

  #isPartial(projects) {
    const { testPathPatterns, testNamePattern, onlyChanged, onlyFailures, findRelatedTests, shard, bail } =
      this.#config;
    const some = testPathPatterns?.patterns.length > 0 || Boolean(testNamePattern);
    const isOneKind = projects.size < this.#config.projects.length;
    return some || isOneKind || onlyChanged || onlyFailures || findRelatedTests || Boolean(shard) || bail > 0;
  }
}
