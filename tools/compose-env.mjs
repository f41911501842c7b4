// Writes .env for docker-compose.yml: deploy/env.example with every empty secret filled in.
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './build.mjs';

const example = readFileSync(join(root, 'deploy', 'env.example'), 'utf8');
const filled = example.replace(/^([A-Z_]+)=$/gm, (_, name) => `${name}=k${randomBytes(24).toString('hex')}`);
try {
  // wx: what protects existing data must not be overwritten.
  writeFileSync(join(root, '.env'), filled, { mode: 0o600, flag: 'wx' });
  console.log('Wrote .env; the first admin’s password is in it. Next: docker compose up --build --wait');
} catch (error) {
  console.error(error.code === 'EEXIST' ? '.env is there already: it was left as it is.' : error.message);
  process.exitCode = 1;
}
