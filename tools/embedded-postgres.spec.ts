import { join } from 'node:path';
import { testFolder } from '../test/support/folder.js';
import { startPostgres } from './embedded-postgres.js';
import { choosePort } from './ports.js';
import { generateSecret } from './secrets.js';

test('of two clusters that start at the same time and want the same port each has one', async () => {
  const folder = await testFolder('clusters');
  const wanted = await choosePort();
  const start = (name: string) =>
    startPostgres({ dataDir: join(folder, name), password: generateSecret(), fsync: false, wantedPorts: [wanted] });
  const started = await Promise.allSettled([start('one'), start('two')]);
  await Promise.all(started.map((each) => (each.status === 'fulfilled' ? each.value.stop() : undefined)));

  const ports = started.map((each) => (each.status === 'fulfilled' ? each.value.port : each.reason));
  expect(ports).toContain(wanted);
  expect(ports).toEqual([expect.any(Number), expect.any(Number)]);
  expect(new Set(ports).size).toBe(2);
});
