import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';

/** What a client of NATS is to do, read from a URL. */
export interface NatsServers {
  /** `host:port` of each server; any of them will do. */
  readonly servers: string[];
  readonly user?: string;
  readonly pass?: string;
  readonly token?: string;
  /** Present: TLS or nothing, by the authorities that Node knows, or by a file of one's own. */
  readonly tls?: {
    readonly caFile?: string;
    readonly certFile?: string;
    readonly keyFile?: string;
    readonly handshakeFirst?: boolean;
    readonly checkServerIdentity?: (name: string, certificate: PeerCertificate) => Error | undefined;
  };
}

const PORT = '4222';
const FILES = { tls_ca_file: 'caFile', tls_cert_file: 'certFile', tls_key_file: 'keyFile' } as const;

/**
 * Reads `nats://` and `tls://` URLs, one or more with commas between them; from the second on, `host:port` will do. All have
 * the same credentials, which need stand in one only: a name and a password, or a token alone. With `tls://` in any of them
 * nothing is sent in the clear. What a `tls://` URL may ask for besides: `tls_ca_file`, the authority that the server's certificate
 * is of; `tls_cert_file` and `tls_key_file`, a certificate of one's own; `tls_first=true` for a server that begins with TLS.
 * @throws Error that says which part cannot be done; nothing secret stands in it
 */
export function parseNatsUrl(text: string): NatsServers {
  const urls = text.split(',').map((part) => urlOf(part.trim()));
  const secure = urls.some(({ protocol }) => protocol === 'tls:');
  return {
    servers: urls.map(({ hostname, port }) => `${hostname}:${port || PORT}`),
    ...credentialsOf(urls),
    ...tlsOf(urls, secure),
  };
}

function urlOf(text: string): URL {
  const withScheme = text.includes('://') ? text : `nats://${text}`;
  const scheme = withScheme.slice(0, withScheme.indexOf(':'));
  if (!['nats', 'tls'].includes(scheme)) throw new Error('must begin with nats:// or tls://');
  let url: URL;
  try {
    url = new URL(withScheme);
  } catch {
    throw new Error(
      'it is no URL: in a password, write / as %2F, ? as %3F, @ as %40, : as %3A, a comma as %2C and % as %25',
    );
  }
  if (url.hostname === '') throw new Error('it names no host');
  if (url.hash !== '') throw new Error('it has a #, which is written %23 in a URL');
  if (url.pathname !== '' && url.pathname !== '/') throw new Error('it has a path, and NATS knows none');
  return url;
}

function credentialsOf(urls: readonly URL[]): Pick<NatsServers, 'user' | 'pass' | 'token'> {
  const given = urls.filter(({ username, password }) => username !== '' || password !== '');
  const [first] = given;
  if (!first) return {};
  if (given.some(({ username, password }) => username !== first.username || password !== first.password)) {
    throw new Error('its servers have different credentials: give all the same');
  }
  const [user, pass] = [decoded('user', first.username), decoded('password', first.password)];
  return pass === '' ? { token: user } : { user, pass };
}

function tlsOf(urls: readonly URL[], secure: boolean): Pick<NatsServers, 'tls'> {
  const tls: Record<string, string | boolean> = {};
  for (const [name, value] of urls.flatMap(({ searchParams }) => [...searchParams])) {
    if (name !== 'tls_first' && !(name in FILES))
      throw new Error(`${name} is asked for, and cannot be done: leave it out`);
    if (!secure) throw new Error(`${name} asks for TLS: begin the URL with tls://`);
    if (name === 'tls_first' && value !== 'true' && value !== 'false') throw new Error('tls_first is true or false');
    if (name === 'tls_first') tls.handshakeFirst = value === 'true';
    else tls[FILES[name as keyof typeof FILES]] = value;
  }
  if (Boolean(tls.certFile) !== Boolean(tls.keyFile)) throw new Error('tls_cert_file and tls_key_file go together');
  return secure ? { tls: { ...tls, checkServerIdentity: identityOf(urls) } } : {};
}

/** The client does not tell Node the host where that is an address: it would be compared with `localhost`. */
function identityOf(urls: readonly URL[]) {
  const hosts: string[] = urls.map(({ hostname }) => hostname.replace(/^\[(.*)\]$/, '$1'));
  const addresses = hosts.filter((host) => isIP(host) !== 0);
  return (name: string, certificate: PeerCertificate): Error | undefined => {
    const names = name === 'localhost' ? [...hosts.filter((host) => host === name), ...addresses] : [name];
    const refusals = names.map((each) => checkServerIdentity(each, certificate));
    return refusals.includes(undefined) ? undefined : refusals[0];
  };
}

function decoded(what: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Error(`its ${what} has a % that is written %25 in a URL`);
  }
}
