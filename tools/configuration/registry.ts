/** What reads a variable: a service, a program of this repository, or what runs them in containers. */
export type Reader =
  | 'identity'
  | 'tokens'
  | 'example-api'
  | '`npm start`'
  | 'migrations'
  | 'rebuild'
  | '`admin:password`'
  | '`seed`'
  | 'command line'
  | 'guard'
  | 'Compose'
  | '`test:compose`'
  | 'tests';

/** An environment variable, as docs/configuration.md tells it. */
export interface Variable {
  readonly name: string;
  readonly what: string;
  /** Of a number. */
  readonly unit?: string;
  /** The value, as the variable would have it, that is taken where it is not set. */
  readonly fallback?: string;
  /** What happens where it is not set, where that is no value. */
  readonly unset?: string;
  readonly readBy: readonly Reader[];
  /** Whether `NAME_FILE` can name a file that has the value. */
  readonly file: boolean;
}

const SERVICES: readonly Reader[] = ['identity', 'tokens', 'example-api'];
const WITH_DATABASE: readonly Reader[] = ['identity', 'tokens'];
const OWNERS: readonly Reader[] = ['migrations', 'rebuild', '`admin:password`'];

const of = (readBy: readonly Reader[], file: boolean) => (name: string, what: string, more: Partial<Variable>) => ({
  name,
  what,
  readBy,
  file,
  ...more,
});
const ofIdentity = of(['identity'], true);
const ofTokens = of(['tokens'], true);
const ofStart = of(['`npm start`'], true);
const ofCommandLine = of(['command line'], false);
const ofCompose = of(['Compose'], false);

const CONTAINERS: Readonly<Record<string, string>> = {
  POSTGRES: 'PostgreSQL',
  NATS: 'nats-server',
  IDENTITY: 'identity',
  TOKENS: 'the token service',
  EXAMPLE: 'example-api',
  MIGRATE: 'the migrations',
};

const listed: readonly Variable[] = [
  of([...WITH_DATABASE, '`npm start`', ...OWNERS], true)(
    'DATABASE_URL',
    'PostgreSQL 18 or newer: [what a URL may ask for](operations.md#database)',
    { unset: '`npm start` embeds one; else it has to be set' },
  ),
  of([...WITH_DATABASE, '`npm start`', ...OWNERS], true)(
    'DATABASE_ROLE_PREFIX',
    "the roles are `<prefix>_identity` and `<prefix>_tokens`: names of one's own where two deployments share a cluster",
    { fallback: 'tokenlog' },
  ),
  of(['migrations'], true)('IDENTITY_DATABASE_URL', 'what identity will connect with: its login is made', {
    unset: 'no login is made',
  }),
  of(['migrations'], true)('TOKENS_DATABASE_URL', 'what the token service will connect with: its login is made', {
    unset: 'no login is made',
  }),
  of([...SERVICES, '`npm start`', 'command line', 'guard'], true)(
    'NATS_URL',
    'nats-server with JetStream: [what a URL may ask for](operations.md#nats). A guarded application gives it to ' +
      '`AuthModule` as its option `nats`; where the command line finds it, `guards` wants `--config`',
    { unset: '`npm start` embeds one; else it has to be set' },
  ),
  ofStart('NATS_URL_IDENTITY', 'a URL with the credentials of identity alone, in the place of `NATS_URL`', {
    unset: '`NATS_URL` is for all',
  }),
  ofStart('NATS_URL_TOKENS', 'the same of the token service', { unset: '`NATS_URL` is for all' }),
  ofStart('NATS_URL_GUARD', 'the same of guards', { unset: '`NATS_URL` is for all' }),
  of(['`npm start`'], false)(
    'NATS_PASSWORDS_FILE',
    "a file with the passwords of nats-server.conf's users, as [`compose:env`](operations.md#containers) writes one; " +
      '`NATS_URL` has none then',
    { unset: 'the URL has them' },
  ),
  of(['`npm start`', 'tests'], false)('NATS_SERVER_BIN', 'the nats-server program to embed', {
    unset: 'found in `PATH`, or obtained',
  }),
  of(['tests'], false)('NATS_SERVER_BINS', 'more nats-servers to try the permissions on: paths, as in `PATH`', {
    unset: 'one is tried',
  }),
  of(['`npm start`', '`admin:password`', 'command line'], false)(
    'DATA_DIR',
    'the folder of embedded data, generated secrets and logs',
    { fallback: '.data' },
  ),

  of([...SERVICES, '`npm start`', 'Compose'], true)(
    'BIND_ADDRESS',
    'the address that HTTP is listened on; `0.0.0.0` or `::`: every one. Of Compose: the one of the host',
    { unset: '`npm start`, Compose: `127.0.0.1`; else every one' },
  ),
  of(['identity', '`npm start`', '`seed`', 'Compose'], true)('IDENTITY_PORT', 'HTTP port of identity', {
    fallback: '3001',
  }),
  of(['tokens', '`npm start`', '`seed`', 'Compose'], true)('TOKENS_PORT', 'HTTP port of the token service', {
    fallback: '3002',
  }),
  of(['example-api', '`npm start`', 'Compose'], true)('EXAMPLE_PORT', 'HTTP port of example-api', { fallback: '3003' }),
  of(SERVICES, true)(
    'TRUSTED_PROXIES',
    "how many proxies stand in front (0 to 16), so that addresses are the callers'",
    { fallback: '0', unit: 'proxies' },
  ),
  of(WITH_DATABASE, true)('SERVER_NAME', 'name of this deployment', { fallback: 'default' }),
  ofTokens('SERVERS', 'the deployments that the console can pick from: [several servers](expiry.md#several-servers)', {
    unset: 'this one alone',
  }),
  ofTokens(
    'OAUTH_ISSUER',
    'the address that OAuth clients know the token service by (RFC 8414), `https://` or loopback: [metadata](standards.md#metadata)',
    { unset: 'the address that is asked' },
  ),
  of(SERVICES, true)('LOG_LEVEL', 'from which level on is logged: `debug`, `info`, `warn` or `error`', {
    fallback: 'info',
  }),
  of(SERVICES, true)('LOG_FORMAT', '`json`, an object a line; or `text`, for people', { fallback: 'json' }),

  of(['`npm start`', 'migrations', '`admin:password`', '`seed`'], true)(
    'ADMIN_PASSWORD',
    "the first admin's password; counts until somebody has logged in. Of `admin:password`: the one to set. Of `seed`: the " +
      'one that there is',
    { unset: 'random, to be changed at the first login; `seed` asks' },
  ),
  of(['tokens', '`npm start`'], true)('TOKEN_PEPPER', 'key of the stored hashes, 16 characters or more', {
    unset: '`npm start` makes one, in `DATA_DIR`; else it has to be set',
  }),
  of(['tokens', '`npm start`'], true)('TOKEN_PEPPERS_RETIRED', 'older keys that are still accepted, a list', {
    unset: 'none',
  }),
  ofTokens(
    'TOKEN_PEPPERS_MISSING',
    '`stop`, or `accept`: start although live secrets are under a key that is missing',
    {
      fallback: 'stop',
    },
  ),
  ofTokens('ACCESS_KEYS_FILE', 'static keys to import, UTF-8: [their form](operations.md#static-keys)', {
    unset: 'none',
  }),
  ofTokens('ACCESS_KEYS_SCOPES', 'the scopes that imported keys get, a list', { fallback: 'rest' }),
  ofTokens('SESSION_LIFETIME_HOURS', 'how long a session lasts at most', { fallback: '12', unit: 'hours' }),
  ofIdentity(
    'LOGIN_ATTEMPTS_PER_ACCOUNT',
    'wrong passwords for one account from one address in 15 minutes before a 429: [security](security.md)',
    { fallback: '10', unit: 'tries' },
  ),
  ofIdentity(
    'LOGIN_ATTEMPTS_PER_ADDRESS',
    'wrong passwords from one address in 15 minutes, for accounts that have not logged in from there',
    { fallback: '100', unit: 'tries' },
  ),
  ofIdentity(
    'LOGIN_ATTEMPTS_PER_ACCOUNT_HOURLY',
    'wrong passwords for one account in an hour, from all addresses where it has not logged in before',
    { fallback: '100', unit: 'tries' },
  ),

  ofTokens('POLICY_CREATE', 'who creates tokens: `self` or `admin-only`', { fallback: 'self' }),
  ofTokens(
    'POLICY_REQUIRE_PASSWORD',
    'which of `create`, `refresh` and `revoke` ask for the password again, a list, or `none`',
    { fallback: 'create,refresh,revoke' },
  ),
  ofTokens('POLICY_OWNER_ROLES', 'roles that may own tokens, a list, or `*`', { fallback: '*' }),
  ofTokens('POLICY_ALLOW_ADMIN_TOKENS', 'whether admins may own tokens: `true` or `false`', { fallback: 'true' }),
  ofTokens('POLICY_REQUIRE_FIRST_LOGIN', 'whether a token is only for who has logged in once: `true` or `false`', {
    unset: '`true` with external login, else `false`',
  }),
  ofTokens(
    'POLICY_ON_PASSWORD_CHANGE',
    "what becomes of a user's tokens when the password changes: `revoke`, `end-sessions` or `keep`",
    { fallback: 'revoke' },
  ),
  ofTokens('POLICY_SCOPES', 'scopes that tokens may have, a list, or `*`', { fallback: '*' }),
  ofTokens('POLICY_MAX_LIFETIME_DAYS', 'how long a token may last', { unit: 'days', unset: 'no limit' }),
  ofTokens('POLICY_DEFAULT_LIFETIME_DAYS', 'how long a token lasts for which nobody said it', {
    unit: 'days',
    unset: 'for ever',
  }),
  ofTokens('POLICY_MAX_TOKENS_PER_USER', 'how many tokens a user may have', { unit: 'tokens', unset: 'no limit' }),

  of(WITH_DATABASE, true)(
    'OIDC_ISSUER',
    'the OpenID Connect provider of [external login](external-login.md); `https://`, or `http://` on loopback alone. It and the ' +
      'next three are set all or none',
    { unset: 'no external login' },
  ),
  ofIdentity('OIDC_CLIENT_ID', 'this client, registered there for the authorization code flow', { unset: 'as above' }),
  ofIdentity('OIDC_CLIENT_SECRET', 'its secret', { unset: 'as above' }),
  ofIdentity(
    'OIDC_REDIRECT_URL',
    'the public address of `/login/oidc/callback`, as registered there; behind the console `https://…/api/login/oidc/callback`',
    { unset: 'as above' },
  ),
  ofIdentity('OIDC_ROLES_CLAIM', "where roles are: a claim's name, or a path such as `realm_access.roles`", {
    fallback: 'roles',
  }),
  ofIdentity('OIDC_USERNAME_CLAIM', 'the account name of a first login', { fallback: 'preferred_username' }),
  ofIdentity('OIDC_SCOPES', 'what is asked for, with blanks between', { fallback: 'openid profile email' }),
  ofIdentity('LOCAL_ACCOUNTS', '`keep`, or [`vanish`](external-login.md#when-local-accounts-vanish)', {
    fallback: 'keep',
  }),

  ofTokens(
    'EXPIRY_WARNING_DAYS',
    'how long before its end a token is [warned of](expiry.md): up to 16 different whole numbers from 1 to 3650, a list, or `none`',
    { fallback: '30,7,1', unit: 'days' },
  ),
  ofIdentity(
    'SMTP_URL',
    'the mail server, `smtp://host:port` or `smtps://host:port`, with `user:password@` if need be; set with `MAIL_FROM` or not at all',
    { unset: 'no mail' },
  ),
  ofIdentity('MAIL_FROM', 'whom mail is from, `tokens@example.org` or `Tokenlog <tokens@example.org>`', {
    unset: 'no mail',
  }),

  of(['command line', '`seed`'], true)(
    'TOKENLOG_TOKEN',
    'a token or session to call with. The command line reads no `TOKENLOG_TOKEN_FILE`',
    { unset: 'the session that `login` kept; `seed` logs in' },
  ),
  ofCommandLine('TOKENLOG_URL', "the console's address, whose `/api` leads to both services", {
    unset: 'the next two',
  }),
  ofCommandLine('TOKENLOG_IDENTITY_URL', 'the address of identity', { fallback: 'http://localhost:3001' }),
  ofCommandLine('TOKENLOG_TOKENS_URL', 'the address of the token service', { fallback: 'http://localhost:3002' }),
  ofCommandLine('XDG_CONFIG_HOME', 'the folder in which `login` keeps sessions, in `tokenlog/credentials.json`', {
    unset: '`~/.config`',
  }),
  ofCommandLine('NO_COLOR', 'set: no colours', { unset: 'colours in a terminal' }),
  ofCommandLine('FORCE_COLOR', 'set: colours, in a pipe as well', { unset: 'colours in a terminal' }),
  ofCommandLine('COLUMNS', 'the width that tables keep within', { unit: 'characters', unset: "the terminal's" }),
  of(['`npm start`', 'tests'], false)('XDG_CACHE_HOME', 'the folder that keeps an obtained nats-server', {
    unset: '`~/.cache`',
  }),
  of(['`npm start`', 'command line'], false)('HOME', 'the user’s folder, where the two above are not set', {
    unset: 'as the system says',
  }),
  of(['`npm start`'], false)('PATH', 'where `npm` and nats-server are looked for', { unset: 'they are not found' }),
  of([...SERVICES, '`npm start`', 'migrations'], false)(
    'NODE_EXTRA_CA_CERTS',
    'a file of certificate authorities, beside those that Node knows: for PostgreSQL, NATS, the provider and mail',
    { unset: 'those that Node knows' },
  ),
  of([...WITH_DATABASE, '`npm start`', ...OWNERS], false)('PGUSER', 'the user of a `DATABASE_URL` that names none', {
    unset: "the system's user",
  }),

  ofCompose('NATS_PORT', 'the port of the host at which nats-server is reached', { fallback: '4222' }),
  ofCompose('NATS_CONFIGURATION', "nats-server's configuration, below the folder of docker-compose.yml", {
    fallback: 'deploy/nats-server.conf',
  }),
  ...['IDENTITY', 'TOKENS', 'GUARD', 'OBSERVER'].map((user) =>
    ofCompose(
      `NATS_${user}_PASSWORD`,
      `nats-server.conf's password of the user \`${user.toLowerCase()}\`: in \`secrets/nats/passwords.env\`, not in \`.env\``,
      { unset: '`compose:env` makes one' },
    ),
  ),
  ofCompose('POSTGRES_SHARED_BUFFERS', "PostgreSQL's cache, a part of `POSTGRES_MEMORY`", { fallback: '256MB' }),
  ...Object.entries({
    POSTGRES: '1g',
    NATS: '256m',
    IDENTITY: '1g',
    TOKENS: '1g',
    EXAMPLE: '256m',
    MIGRATE: '512m',
  }).map(([name, fallback]) =>
    ofCompose(`${name}_MEMORY`, `memory that the container of ${CONTAINERS[name]} may take`, {
      fallback,
    }),
  ),
  ...Object.entries({
    NODE_IMAGE: 'node:24-bookworm-slim',
    POSTGRES_IMAGE: 'postgres:18',
    NATS_IMAGE: 'nats:2.12-alpine',
  }).map(([name, fallback]) =>
    of(['Compose', '`test:compose`'], false)(name, `the image to build on: [what it has](operations.md#containers)`, {
      fallback,
    }),
  ),
  of(['`test:compose`'], false)('COMPOSE_ENGINE', '`docker` or `podman`', { unset: 'the one that is there' }),
];

/** All, in the order of their names. */
export const variables: readonly Variable[] = [...listed].sort((one, other) => (one.name < other.name ? -1 : 1));
