// Writes what docker-compose.yml reads: .env, from deploy/env.example, and a file for each secret, below `secrets`. What is
// there is left as it is. A version before this one kept the secrets in .env: they are taken over from there.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from './build.mjs';

const env = join(root, '.env');
const former = existsSync(env) ? readFileSync(env, 'utf8') : '';
/** Begins with a letter: it stands in nats-server's configuration and in URLs. */
const secret = (name) =>
  new RegExp(`^${name}=(.+)$`, 'm').exec(former)?.[1]?.trim() ?? `k${randomBytes(24).toString('hex')}`;
const database = (login, password) => `postgres://${login}:${password}@postgres:5432/tokenlog`;
const nats = (user, password) => `nats://${user}:${password}@nats:4222`;

const owner = secret('POSTGRES_PASSWORD');
const passwords = { identity: secret('IDENTITY_DATABASE_PASSWORD'), tokens: secret('TOKENS_DATABASE_PASSWORD') };
const users = ['IDENTITY', 'TOKENS', 'GUARD', 'OBSERVER'];
const natsPasswords = Object.fromEntries(users.map((user) => [user, secret(`NATS_${user}_PASSWORD`)]));

// Each of a group stands in several files, or belongs to what another one opens: they are made together or not at all.
const groups = [
  {
    'postgres/password': owner,
    'migrate/DATABASE_URL': database('tokenlog', owner),
    'migrate/IDENTITY_DATABASE_URL': database('identity', passwords.identity),
    'identity/DATABASE_URL': database('identity', passwords.identity),
    'migrate/TOKENS_DATABASE_URL': database('tokens', passwords.tokens),
    'tokens/DATABASE_URL': database('tokens', passwords.tokens),
    'tokens/TOKEN_PEPPER': secret('TOKEN_PEPPER'),
    'migrate/ADMIN_PASSWORD': secret('ADMIN_PASSWORD'),
  },
  {
    'nats/passwords.env': users.map((user) => `NATS_${user}_PASSWORD=${natsPasswords[user]}`).join('\n'),
    'identity/NATS_URL': nats('identity', natsPasswords.IDENTITY),
    'tokens/NATS_URL': nats('tokens', natsPasswords.TOKENS),
    'example-api/NATS_URL': nats('guard', natsPasswords.GUARD),
  },
];

try {
  const made = groups.flatMap((group) => write(Object.entries(group)));
  if (!former) writeFileSync(env, readFileSync(join(root, 'deploy', 'env.example')), { flag: 'wx', mode: 0o600 });
  console.log(former ? '.env is there already: it was left as it is.' : 'Wrote .env.');
  if (made.length === 0) console.log('The secrets are there already: they were left as they are.');
  else console.log('Wrote the files of secrets; the first admin’s password is in secrets/migrate/ADMIN_PASSWORD.');
  const moved = [...former.matchAll(/^(\w*PASSWORD|TOKEN_PEPPER)=.+$/gm)].map(([, name]) => name);
  if (moved.length > 0) console.log(`Take out of .env what is in files now: ${moved.join(', ')}`);
  console.log('Next: docker compose up --build --wait');
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}

/** @returns the files that were made */
function write(files) {
  const found = files.filter(([file]) => existsSync(join(root, 'secrets', file)));
  if (found.length === files.length) return [];
  if (found.length > 0) {
    const missing = files.filter((file) => !found.includes(file)).map(([file]) => `secrets/${file}`);
    throw new Error(
      `${missing.join(', ')} missing beside ${found.map(([file]) => `secrets/${file}`).join(', ')}: new ones would ` +
        'not fit those. Restore them from a back-up. Nothing was changed.',
    );
  }
  for (const [file, text] of files) {
    const path = join(root, 'secrets', file);
    // Nobody else comes past the outer folder; a container's user, who is not this one, reads the file that it is given.
    mkdirSync(join(root, 'secrets'), { recursive: true, mode: 0o700 });
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    writeFileSync(path, `${text}\n`, { flag: 'wx', mode: 0o444 });
  }
  return files;
}
