import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';
import pg from 'pg';

const CLIENT = { client_id: 'gateway', client_secret: 'a-secret-of-the-gateway' };
const YEAR_S = 31_536_000;

/** oidc-provider with opaque access tokens of users, in PostgreSQL by its interface for adapters. */
export async function start({ databaseUrl, connections, users, keys }) {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: connections });
  await pool.query('CREATE TABLE models (kind text, id text, payload jsonb NOT NULL, PRIMARY KEY (kind, id))');
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(url, {
    adapter: adapterOn(pool),
    clients: [{ ...CLIENT, redirect_uris: ['https://gateway.example/callback'] }],
    jwks: { keys: [generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' })] },
    cookies: { keys: ['the bench sets no cookie'] },
    features: { devInteractions: { enabled: false }, introspection: { enabled: true, allowedPolicy: () => true } },
    ttl: { AccessToken: YEAR_S, Grant: YEAR_S },
  });
  const tokens = await fill(provider, pool, users, keys);
  server.on('request', provider.callback());

  const authorization = `Basic ${Buffer.from(`${CLIENT.client_id}:${CLIENT.client_secret}`).toString('base64')}`;
  return {
    url,
    requests: tokens.map((token) => ({
      method: 'POST',
      path: '/token/introspection',
      headers: { authorization, 'content-type': 'application/x-www-form-urlencoded' },
      body: `token=${token}&token_type_hint=access_token`,
    })),
    expect: { status: 200, body: '"active":true' },
  };
}

/** Of the interface what introspection and the first token need. */
function adapterOn(pool) {
  return (kind) => ({
    async upsert(id, payload) {
      await pool.query('INSERT INTO models VALUES ($1, $2, $3)', [kind, id, payload]);
    },
    async find(id) {
      const text = 'SELECT payload FROM models WHERE kind = $1 AND id = $2';
      const { rows } = await pool.query({ name: 'find', text, values: [kind, id] });
      return rows[0]?.payload;
    },
  });
}

/** A user's grant and a token of it by its own models, the others as copies of their rows. */
async function fill(provider, pool, users, keys) {
  const client = await provider.Client.find(CLIENT.client_id);
  const grant = new provider.Grant({ accountId: 'user-0', clientId: client.clientId });
  grant.addOIDCScope('openid rest');
  const grantId = await grant.save();
  const token = { accountId: 'user-0', client, grantId, gty: 'authorization_code', scope: 'openid rest' };
  await new provider.AccessToken(token).save();
  await pool.query(
    `INSERT INTO models SELECT kind, 'grant-' || n,
       payload || jsonb_build_object('jti', 'grant-' || n, 'accountId', 'user-' || n)
     FROM models, generate_series(1, $1::int) n WHERE kind = 'Grant'`,
    [users],
  );
  const texts = Array.from({ length: keys }, () => randomBytes(32).toString('base64url'));
  await pool.query(
    `INSERT INTO models SELECT kind, jti,
       payload || jsonb_build_object('jti', jti, 'grantId', 'grant-' || owner, 'accountId', 'user-' || owner)
     FROM models, (SELECT jti, 1 + n % $2 AS owner FROM unnest($1::text[]) WITH ORDINALITY AS of(jti, n)) AS new
     WHERE kind = 'AccessToken'`,
    [texts, users],
  );
  await pool.query('VACUUM ANALYZE');
  return texts;
}
