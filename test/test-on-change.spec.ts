import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { atTheLatest } from './support/at-the-latest.js';
import { copyOfRepository } from './support/copy.js';
import { eventually } from './support/eventually.js';

const SPEC = 'libs/contracts/instant.spec.ts';

/** On a copy of the sources: they are changed. */
test('a changed spec runs at once, though others ran; what failed runs again when it is mended; Ctrl-C ends it', async () => {
  const copy = await copyOfRepository();
  const watching = spawn(process.execPath, [join(copy, 'tools', 'test-on-change.mjs')], { cwd: copy });
  const closed = once(watching, 'close');
  const end = atTheLatest(async () => {
    watching.kill('SIGINT');
    await closed;
  });
  let output = '';
  for (const stream of [watching.stdout, watching.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk;
    });
  }
  const said = async (...texts: string[]) => {
    for (const text of texts) await eventually(() => expect(output).toContain(text), { timeoutMs: 60_000 });
    const all = output;
    output = '';
    return all;
  };
  const source = await readFile(join(copy, SPEC), 'utf8');

  await said('Running one project: unit');
  await writeFile(join(copy, SPEC), `${source}\nit('fails', () => expect(1).toBe(2));\n`);
  expect(await said(`FAIL unit ${SPEC}`, 'Failed; waiting for a change.')).not.toContain(
    'Running one project: service',
  );
  await writeFile(join(copy, SPEC), source);
  await said(`PASS unit ${SPEC}`, 'Running one project: service', 'Passed; waiting for a change.');
  await end();
  expect(await closed).toEqual([130, null]);
});
