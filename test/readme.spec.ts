import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../tools/paths.js';
import { type System, startSystem } from '../tools/system.js';
import { newDataDir } from './support/data-dir.js';

const run = promisify(execFile);

describe('the README', () => {
  let readme: string;
  let system: System;

  beforeAll(async () => {
    readme = await readFile(join(root, 'README.md'), 'utf8');
    const ADMIN_PASSWORD = /ADMIN_PASSWORD=(\S+) npm start/.exec(readme)?.[1] ?? '';
    const env = { ...process.env, ADMIN_PASSWORD, DATABASE_URL: '', NATS_URL: '' };
    system = await startSystem({ dataDir: await newDataDir('readme'), ports: 'free', fsync: false, env });
  });
  afterAll(() => system.stop());

  it('has a tour whose every line answers as it says', async () => {
    const lines = [...readme.matchAll(/```bash\n(.*?)```/gs)].flatMap(([, block]) => block?.trim().split('\n') ?? []);
    expect(lines.length).toBeGreaterThan(8);
    const script = lines
      .map((line) => (line.startsWith('# ') ? '' : `${line}; printf '\\n@@\\n'`))
      .filter(Boolean)
      .join('\n')
      .replaceAll('localhost:3001', new URL(system.identity.url).host)
      .replaceAll('localhost:3002', new URL(system.tokens.url).host)
      .replaceAll('localhost:3003', new URL(system.example.url).host);
    const { stdout } = await run('bash', ['-c', script]);
    const outputs = stdout.split('\n@@\n');
    let command = -1;
    for (const line of lines) {
      if (line.startsWith('# ')) expect(outputs[command]).toContain(line.slice(2));
      else command++;
    }
  });

  it('links to files that are there', async () => {
    for (const [, path] of readme.matchAll(/\]\((?!https?:)([^)#]+)\)/g)) {
      await expect(run('ls', [join(root, path ?? '')])).resolves.toBeDefined();
    }
  });
});
