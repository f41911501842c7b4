import { testFolder } from '../test/support/folder.js';
import { Bench } from './bench.js';
import { appendInBatches } from './cases/append.js';
import { rebuildOfTheTokenTable } from './cases/rebuild.js';
import { verificationOverNats } from './cases/verification-over-nats.js';
import { asMarkdown, asText } from './report.js';
import { runCase } from './run-case.js';
import { percentile, spreadOf } from './statistics.js';

test('a case yields every figure, and a report that names neither this machine nor a path', async () => {
  const dataDir = await testFolder('bench');
  const { signal } = new AbortController();
  const bench = new Bench(dataDir, { rounds: 1, milliseconds: 100, tokens: 300, users: 3 }, signal, () => {});
  try {
    const subject = { ...verificationOverNats, levels: [1, 64] };
    const result = await runCase(subject, bench);

    expect(result.figures.map(({ level, contender }) => `${contender} @ ${level}`)).toEqual([
      'verification @ 1',
      'NATS echo @ 1',
      'Nest echo @ 1',
      'verification @ 64',
      'NATS echo @ 64',
      'Nest echo @ 64',
    ]);
    for (const { value, p50, p99 } of result.figures) {
      for (const figure of [value, p50, p99]) expect(figure?.median).toBeGreaterThan(0);
    }
    for (const { spread } of result.ratios) expect(spread.median).toBeGreaterThan(0);

    for (const other of [appendInBatches, rebuildOfTheTokenTable]) {
      const { figures, ratios } = await runCase(other, bench);
      for (const { value } of figures) expect(value.median).toBeGreaterThan(0);
      expect(ratios).toHaveLength(other.levels.length);
    }

    const machine = await (await bench.stage()).versions();
    expect(machine).toEqual({ PostgreSQL: expect.stringMatching(/^18/), 'nats-server': expect.stringMatching(/^2/) });
    const report = asMarkdown([result], { machine, date: '2026-03-14', dataset: '' });
    for (const text of [report, asText(result)]) {
      expect(text).toContain('rate: verification / Nest echo');
      expect(text).not.toMatch(/undefined|NaN|127\.0\.0\.1|localhost/);
      expect(text).not.toContain(dataDir);
    }
  } finally {
    await bench.end();
  }
});

test('the median and the percentiles are those of the figures themselves', () => {
  expect(spreadOf([5, 1, 4, 2, 3])).toEqual({ median: 3, min: 1, max: 5 });
  expect(percentile([10, 20, 30, 40], 0.5)).toBe(20);
  expect(percentile([10, 20, 30, 40], 0.99)).toBe(40);
});
