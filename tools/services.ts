import type { NatsUser } from './embedded-nats.js';
import { natsVariables } from './given-nats.js';
import { choosePort, isFree } from './ports.js';
import type { DatabaseUser } from './secrets.js';
import { StartError } from './start-error.js';

export const serviceNames = ['identity', 'tokens', 'example'] as const;
export type ServiceName = (typeof serviceNames)[number];

type Service = {
  app: string;
  variable: string;
  port: number;
  /** Where a debugger reaches it, when it is started for one: `.vscode/launch.json` has the same. */
  inspectPort: number;
  nats: NatsUser;
  database?: DatabaseUser;
};

/** What each service is started with. */
export const services: Record<ServiceName, Service> = {
  identity: {
    app: 'identity',
    variable: 'IDENTITY_PORT',
    port: 3001,
    inspectPort: 9231,
    nats: 'identity',
    database: 'identity',
  },
  tokens: { app: 'tokens', variable: 'TOKENS_PORT', port: 3002, inspectPort: 9232, nats: 'tokens', database: 'tokens' },
  example: { app: 'example-api', variable: 'EXAMPLE_PORT', port: 3003, inspectPort: 9233, nats: 'guard' },
};

/** Secrets that only some of the services are given; each may stand in a file, which is named by `NAME_FILE`. */
const identitySecrets = ['OIDC_CLIENT_SECRET', 'SMTP_URL'];
const tokensSecrets = ['TOKEN_PEPPER', 'TOKEN_PEPPERS_RETIRED'];
const withFiles = (names: readonly string[]) => names.flatMap((name) => [name, `${name}_FILE`]);
const withheld = withFiles([
  'ADMIN_PASSWORD',
  'DATABASE_URL',
  ...natsVariables,
  'NATS_PASSWORDS',
  ...identitySecrets,
  ...tokensSecrets,
]);

/**
 * The HTTP port of each service, by the environment or any free ones.
 * @throws StartError naming each variable that is wrong
 */
export async function choosePorts(
  mode: 'free' | undefined,
  env: NodeJS.ProcessEnv,
  address: string,
): Promise<Record<ServiceName, number>> {
  if (!(await isFree(0, address))) {
    throw new StartError(`BIND_ADDRESS is wrong: ${address} is no address of this machine that can be listened on.`);
  }
  const ports: Partial<Record<ServiceName, number>> = {};
  const wrong: string[] = [];
  for (const name of serviceNames) {
    const { variable, port: fallback } = services[name];
    if (mode === 'free') {
      do ports[name] = await choosePort();
      while (new Set(Object.values(ports)).size < Object.keys(ports).length);
      continue;
    }
    const text = env[variable] || String(fallback);
    const port = Number(text);
    if (!/^\d+$/.test(text) || port < 1 || port > 65_535) {
      wrong.push(`${variable} is wrong: ${text} is not a port (1 to 65535).`);
    } else if (Object.values(ports).includes(port)) {
      wrong.push(`${variable} is wrong: ${port} is given to two services.`);
    } else if (!(await isFree(port, address))) {
      wrong.push(`${variable} ${port} is taken: another program listens there. Stop it, or set ${variable}.`);
    }
    ports[name] = port;
  }
  if (wrong.length > 0) throw new StartError(wrong.join('\n'));
  return ports as Record<ServiceName, number>;
}

function given(env: NodeJS.ProcessEnv, names: readonly string[]): NodeJS.ProcessEnv {
  return Object.fromEntries(withFiles(names).map((name) => [name, env[name]]));
}

/** What a service's process is given, beside the variables that all may see. */
export type ServiceSecrets = {
  natsUrls: Record<NatsUser, string>;
  databaseUrls: Record<DatabaseUser, string>;
  tokenPepper: string;
};

/** The environment of a service's process: each is given only those secrets that it needs. */
export function serviceEnvironment(
  name: ServiceName,
  port: number,
  env: NodeJS.ProcessEnv,
  { natsUrls, databaseUrls, tokenPepper }: ServiceSecrets,
): NodeJS.ProcessEnv {
  const { variable, nats, database } = services[name];
  const shared = Object.fromEntries(Object.entries(env).filter(([key]) => !withheld.includes(key)));
  return {
    ...shared,
    NATS_URL: natsUrls[nats],
    [variable]: String(port),
    ...(database && { DATABASE_URL: databaseUrls[database] }),
    ...(name === 'identity' && given(env, identitySecrets)),
    // As it is given: line ends around it may have been a part of it.
    ...(name === 'tokens' && given(env, tokensSecrets)),
    ...(name === 'tokens' && !env.TOKEN_PEPPER && !env.TOKEN_PEPPER_FILE && { TOKEN_PEPPER: tokenPepper }),
  };
}
