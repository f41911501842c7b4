import { spawnSync } from 'node:child_process';
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { newDataDir } from './support/data-dir.js';
import { eventually } from './support/eventually.js';
import { ADMIN_PASSWORD, WholeSystem } from './support/whole-system.js';

const LONG = { timeoutMs: 80_000 };
const MINUTES = 300_000;
/** How long nats-server may not answer, instead of the twelve seconds of an `npm start`. */
const PATIENCE_MS = 4_000;

/** A file system of its own, where this machine lets us have one. */
function mountSmall(folder: string): boolean {
  return spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=24m,mode=700', 'tmpfs', folder]).status === 0;
}

it(
  'logins go on while JetStream’s disk is full, and events are published when there is space',
  async () => {
    const folder = await newDataDir('full-disk');
    const store = join(folder, 'nats');
    await mkdir(store, { recursive: true });
    if (!mountSmall(store)) {
      // Without a file system of its own to fill, the server that does not answer, above, stands for this one.
      return;
    }
    const lines: string[] = [];
    let whole: WholeSystem | undefined;
    try {
      whole = await WholeSystem.startIn(folder, {}, { output: (line) => lines.push(line), patienceMs: PATIENCE_MS });
      const { identity, tokens } = whole;
      const { bavail, bsize } = await statfs(store);
      await writeFile(join(store, 'filler'), Buffer.alloc(bavail * bsize - 64 * 1024)).catch(() => undefined);
      // Each login is an event to be published, until the server has no space for one.
      await eventually(async () => {
        await identity('POST', '/login', { json: { username: 'admin', password: ADMIN_PASSWORD } });
        expect(lines.join('\n')).toContain('has no space for JetStream');
      }, LONG);
      await eventually(() => whole?.logIn('admin', ADMIN_PASSWORD), LONG);
      const user = await eventually(() => whole?.register('meanwhile'), LONG);
      await rm(join(store, 'filler'));
      await eventually(() => expect(lines.join('\n')).toContain('has space for JetStream again'), LONG);
      await eventually(async () => {
        for (const service of ['identity', 'tokens'] as const) {
          expect((await fetch(`${whole?.system[service].url}/health/ready`)).status).toBe(200);
        }
        const answer = await tokens('POST', '/admin/tokens', {
          as: await whole?.logIn('admin', ADMIN_PASSWORD),
          json: { userId: user?.id, description: 'x', scopes: ['rest'], password: ADMIN_PASSWORD },
        });
        expect(answer.status).toBe(201);
      }, LONG);
    } finally {
      await whole?.stop();
      spawnSync('umount', [store]);
    }
  },
  MINUTES,
);
