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

/** What sets the address of a service: the first that is given counts. */
const SETTINGS = {
  identity: ['--identity-url', '--url', 'TOKENLOG_IDENTITY_URL', 'TOKENLOG_URL'],
  tokens: ['--tokens-url', '--url', 'TOKENLOG_TOKENS_URL', 'TOKENLOG_URL'],
} as const;
const DEFAULTS = { identity: 'http://localhost:3001', tokens: 'http://localhost:3002' } as const;

type Setting = (typeof SETTINGS)[Service][number];

/**
 * Where to call: what the command line says comes before what the environment says, and the address of one service before
 * that of the console.
 * @throws Failure (usage) naming the address that is wrong
 */
export function addressesOf(options: AddressOptions, env: NodeJS.ProcessEnv): Addresses {
  const find = (service: Service) => {
    const [name, text] = given(service, options, env) ?? ['', DEFAULTS[service]];
    const base = checked(name, text);
    return name === '--url' || name === 'TOKENLOG_URL' ? `${base}/api` : base;
  };
  return { identity: find('identity'), tokens: find('tokens') };
}

/** Which option or variable an address is of, and what sets it otherwise, in words that end a sentence. */
export function originOf(service: Service, options: AddressOptions, env: NodeJS.ProcessEnv): string {
  const [name] = given(service, options, env) ?? [];
  if (name) return `That address is of ${name}.`;
  const [own, , ownVariable, variable] = SETTINGS[service];
  return `That is the default: ${own}, ${ownVariable} or ${variable} names another one.`;
}

/** The addresses that carry a password or a token over a network in the clear. */
export function unencrypted(addresses: Addresses): string[] {
  return [...new Set(Object.values(addresses))].filter((address) => {
    const { protocol, hostname } = new URL(address);
    return protocol === 'http:' && !/^(localhost|.*\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
  });
}

function given(
  service: Service,
  { url, identityUrl, tokensUrl }: AddressOptions,
  env: NodeJS.ProcessEnv,
): [Setting, string] | undefined {
  const texts: Readonly<Record<Setting, string | undefined>> = {
    '--identity-url': identityUrl,
    '--tokens-url': tokensUrl,
    '--url': url,
    TOKENLOG_IDENTITY_URL: env.TOKENLOG_IDENTITY_URL,
    TOKENLOG_TOKENS_URL: env.TOKENLOG_TOKENS_URL,
    TOKENLOG_URL: env.TOKENLOG_URL,
  };
  const setting = SETTINGS[service].find((name) => texts[name]);
  return setting && [setting, texts[setting] ?? ''];
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
