import { EXIT, localFailure } from './failure.js';

export type Service = 'identity' | 'tokens';

/** Where the services are, without a slash at the end. */
export type Addresses = Readonly<Record<Service, string>>;

/** The options that name them. */
export interface AddressOptions {
  readonly url?: string | undefined;
  readonly identityUrl?: string | undefined;
  readonly tokensUrl?: string | undefined;
}

/**
 * Where to call: what the command line says comes before what the environment says, and the address of one service before
 * that of the console.
 * @throws Failure (usage) naming the address that is wrong
 */
export function addressesOf(options: AddressOptions, env: NodeJS.ProcessEnv): Addresses {
  const find = (own: [string, string | undefined][], fallback: string) => {
    const [name, text] = own.find(([, text]) => text) ?? ['', fallback];
    const base = checked(name, text ?? fallback);
    return name === '--url' || name === 'TOKENLOG_URL' ? `${base}/api` : base;
  };
  const identity: [string, string | undefined][] = [
    ['--identity-url', options.identityUrl],
    ['--url', options.url],
    ['TOKENLOG_IDENTITY_URL', env.TOKENLOG_IDENTITY_URL],
    ['TOKENLOG_URL', env.TOKENLOG_URL],
  ];
  const tokens: [string, string | undefined][] = [
    ['--tokens-url', options.tokensUrl],
    ['--url', options.url],
    ['TOKENLOG_TOKENS_URL', env.TOKENLOG_TOKENS_URL],
    ['TOKENLOG_URL', env.TOKENLOG_URL],
  ];
  return { identity: find(identity, 'http://localhost:3001'), tokens: find(tokens, 'http://localhost:3002') };
}

/** The addresses that carry a password or a token over a network in the clear. */
export function unencrypted(addresses: Addresses): string[] {
  return [...new Set(Object.values(addresses))].filter((address) => {
    const { protocol, hostname } = new URL(address);
    return protocol === 'http:' && !/^(localhost|.*\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
  });
}

function checked(name: string, text: string): string {
  const wrong = (why: string) => localFailure(EXIT.usage, 'invalid-address', `${name}: ${why}`);
  if (!URL.canParse(text)) throw wrong(`${text} is not an address such as https://tokens.example.org.`);
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw wrong('an address begins with http:// or https://.');
  if (url.username || url.password) throw wrong('an address must not carry a user name or a password.');
  if (url.search || url.hash) throw wrong('an address ends before ? and #.');
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}
