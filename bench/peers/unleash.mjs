import { createHash, randomBytes } from 'node:crypto';
import pg from 'pg';
import { start as startUnleash } from 'unleash-server';

const silent = () => ({ debug() {}, info() {}, warn() {}, error() {}, fatal() {} });

/**
 * Unleash with personal access tokens in their newer form, found by an indexed selector. Asked is the settings route,
 * which needs a token and, beside it, nothing from the database.
 */
export async function start({ databaseUrl, connections, users, keys }) {
  const unleash = await startUnleash({
    databaseUrl,
    db: { ssl: false, pool: { min: 0, max: connections } },
    server: { host: '127.0.0.1', port: 0, gracefulShutdownEnable: false, disableCompression: true },
    authentication: { initialAdminUser: { username: 'bench', password: 'A password of the bench, 1' } },
    rateLimiting: { tokenAuthenticationMaxPerMinute: Number.MAX_SAFE_INTEGER },
    experimental: { flags: { secureAccountTokenStorage: true } },
    versionCheck: { enable: false },
    telemetry: false,
    getLogger: silent,
  });
  const { address, port } = unleash.server.address();
  return {
    url: `http://${address}:${port}`,
    requests: (await fill(unleash, databaseUrl, users, keys)).map((authorization) => ({
      path: '/api/admin/telemetry/settings',
      headers: { authorization },
    })),
    expect: { status: 200, body: 'versionInfoCollectionEnabled' },
  };
}

/** A token by its own function, the others, and the users, as copies of its row and the admin's. */
async function fill({ services }, databaseUrl, users, keys) {
  const [admin] = await services.userService.getAll();
  const expiresAt = new Date(Date.now() + 86_400_000).toISOString();
  await services.patService.createAccountToken({ description: 'nightly export', expiresAt }, admin.id);
  const random = () => [randomBytes(16), randomBytes(32)].map((bytes) => bytes.toString('base64url'));
  const parts = Array.from({ length: keys }, random);
  const texts = parts.map(([selector, secret]) => `user:v2_${selector}_${secret}`);
  const client = new pg.Client(databaseUrl);
  await client.connect();
  await client.query(
    `INSERT INTO users SELECT made.* FROM users first, generate_series(1, $1::int) n, jsonb_populate_record(first,
       jsonb_build_object('id', $2::int + n, 'username', 'bench-' || n, 'email', n || '@example.org')) made
     WHERE first.id = $2`,
    [users, admin.id],
  );
  await client.query(
    `INSERT INTO personal_access_tokens SELECT made.* FROM personal_access_tokens first,
       unnest($1::text[], $2::text[]) WITH ORDINALITY AS k(s, v, n),
       jsonb_populate_record(first, jsonb_build_object('id', first.id + n, 'user_id', $3::int + 1 + n % $4,
         'selector', s, 'verifier', v, 'description', 'export ' || n)) made`,
    [
      parts.map(([selector]) => selector),
      texts.map((text) => createHash('sha256').update(text).digest('base64url')),
      admin.id,
      users,
    ],
  );
  await client.query('VACUUM ANALYZE');
  await client.end();
  return texts;
}
