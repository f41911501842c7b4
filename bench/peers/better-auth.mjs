import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { apiKey } from '@better-auth/api-key';
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import pg from 'pg';

/**
 * better-auth with its API-key plugin, its rate limits off. The plugin verifies keys for its own process only, so the
 * least of a server stands before it: a 204 for a key that is good.
 */
export async function start({ databaseUrl, connections, users, keys }) {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: connections });
  const auth = betterAuth({
    baseURL: 'http://127.0.0.1',
    secret: 'the bench signs nothing that anybody believes',
    database: pool,
    emailAndPassword: { enabled: true },
    logger: { disabled: true },
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
    plugins: [apiKey({ rateLimit: { enabled: false } })],
  });
  await (await getMigrations(auth.options)).runMigrations();
  const texts = await fill(auth, pool, users, keys);

  const server = createServer(async (request, response) => {
    const { valid } = await auth.api.verifyApiKey({ body: { key: request.headers['x-api-key'] } });
    response.writeHead(valid ? 204 : 401).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    requests: texts.map((text) => ({ path: '/verify', headers: { 'x-api-key': text } })),
    expect: { status: 204 },
  };
}

/** A user and a key by its own functions, the others as copies of their rows. */
async function fill(auth, pool, users, keys) {
  const body = { name: 'bench', email: 'bench@example.org', password: 'a password of the bench' };
  const { user } = await auth.api.signUpEmail({ body });
  const created = await auth.api.createApiKey({ body: { userId: user.id, name: 'nightly export' } });
  const random = created.key.slice(0, -8);
  const texts = Array.from({ length: keys }, (_, n) => random + String(n).padStart(8, '0'));
  const hashes = texts.map((text) => createHash('sha256').update(text).digest('base64url'));
  await pool.query(
    `INSERT INTO "user" SELECT made.* FROM "user" first, generate_series(1, $1::int) n,
       jsonb_populate_record(first, jsonb_build_object('id', 'user-' || n, 'email', n || '@example.org')) made`,
    [users],
  );
  await pool.query(
    `INSERT INTO apikey SELECT made.* FROM apikey first, unnest($1::text[]) WITH ORDINALITY AS k(hash, n),
       LATERAL (SELECT id FROM "user" WHERE id = 'user-' || 1 + n % $2) owner,
       jsonb_populate_record(first, jsonb_build_object('id', 'key-' || n, 'key', hash, 'referenceId', owner.id)) made`,
    [hashes, users],
  );
  await pool.query('VACUUM ANALYZE');
  return texts;
}
