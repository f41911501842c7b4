import { readFileSync } from 'node:fs';
import { type ConnectionOptions, checkServerIdentity, type SecureVersion } from 'node:tls';

/** The parameters of a database's URL that say how it is encrypted, as libpq names them. */
export const TLS_PARAMETERS = [
  'sslmode',
  'ssl',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'sslpassword',
  'sslcrl',
  'ssl_min_protocol_version',
  'ssl_max_protocol_version',
] as const;

const MODES = ['disable', 'require', 'verify-ca', 'verify-full'] as const;
type Mode = (typeof MODES)[number];
/** What drivers other than libpq call it. */
const SSL: Record<string, Mode> = { true: 'require', '1': 'require', false: 'disable', '0': 'disable' };
const VERSIONS = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];

/**
 * What TLS a database's URL asks for, as libpq reads it: `require` encrypts and asks nobody who the server is (but with a
 * `sslrootcert` it is `verify-ca`), `verify-ca` wants a certificate of a known authority, `verify-full` of this host. Without a
 * `sslrootcert`, or with `system`, the authorities are Node's, those of `NODE_EXTRA_CA_CERTS` among them.
 * @returns what the socket is made with; false: no TLS
 * @throws Error naming the parameter that cannot be done, without its value where that is secret
 */
export function tlsOf(parameters: ReadonlyMap<string, string>, host: string): ConnectionOptions | false {
  const mode = modeOf(parameters);
  const given = TLS_PARAMETERS.filter((name) => name !== 'sslmode' && name !== 'ssl' && parameters.has(name));
  if (mode === undefined || mode === 'disable') {
    if (given.length === 0) return false;
    throw new Error(`${given.join(', ')} ${given.length > 1 ? 'ask' : 'asks'} for TLS: add sslmode=verify-full`);
  }
  if (host.startsWith('/')) throw new Error(`sslmode=${mode} and a socket in a folder contradict each other`);
  const authority = parameters.get('sslrootcert');
  if (parameters.has('sslcert') !== parameters.has('sslkey')) throw new Error('sslcert and sslkey go together');
  const file = (name: string) => {
    const path = parameters.get(name);
    return path === undefined ? undefined : readFile(name, path);
  };
  const verifies = mode !== 'require' || authority !== undefined;
  return {
    ...defined({
      ca: authority === 'system' ? undefined : file('sslrootcert'),
      cert: file('sslcert'),
      key: file('sslkey'),
      crl: file('sslcrl'),
      passphrase: parameters.get('sslpassword'),
      minVersion: versionOf(parameters, 'ssl_min_protocol_version'),
      maxVersion: versionOf(parameters, 'ssl_max_protocol_version'),
    }),
    rejectUnauthorized: verifies,
    // The driver does not tell Node the host where that is an address: it would be compared with `localhost`.
    checkServerIdentity: (_, certificate) =>
      mode === 'verify-full' ? checkServerIdentity(host, certificate) : undefined,
  };
}

function modeOf(parameters: ReadonlyMap<string, string>): Mode | undefined {
  const mode = parameters.get('sslmode');
  const ssl = parameters.get('ssl');
  if (ssl !== undefined && SSL[ssl] === undefined) throw new Error('ssl is true or false');
  if (mode === undefined) {
    if (ssl === undefined && parameters.get('sslrootcert') === 'system') return 'verify-full';
    return ssl === undefined ? undefined : SSL[ssl];
  }
  if (mode === 'prefer' || mode === 'allow') {
    throw new Error(
      `sslmode=${mode} says nothing that holds: a connection would be in the clear whenever somebody wants it to be. ` +
        'Say verify-full, verify-ca, require or disable',
    );
  }
  if (!isMode(mode)) throw new Error(`sslmode is one of ${MODES.join(', ')}`);
  if (ssl !== undefined && (SSL[ssl] === 'disable') !== (mode === 'disable')) {
    throw new Error(`ssl=${ssl} and sslmode=${mode} contradict each other`);
  }
  return mode;
}

function isMode(text: string): text is Mode {
  return (MODES as readonly string[]).includes(text);
}

function versionOf(parameters: ReadonlyMap<string, string>, name: string): SecureVersion | undefined {
  const version = parameters.get(name);
  if (version !== undefined && !VERSIONS.includes(version)) throw new Error(`${name} is one of ${VERSIONS.join(', ')}`);
  return version as SecureVersion | undefined;
}

function readFile(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Error(`${name}: ${path} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

function defined<Value extends object>(values: Value): { [Key in keyof Value]?: NonNullable<Value[Key]> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}
