import type { NatsConnection } from '@nats-io/transport-node';
import { guardNameOf } from '@tokenlog/contracts/guard/guard-name.js';
import type { VerifyReply, VerifyRequest } from '@tokenlog/contracts/tokens/verify.js';
import { z } from 'zod';

/** What `AuthModule.forRoot` takes. */
export interface AuthOptions {
  /**
   * Where the token service is asked: `nats://user:password@host:port` (several, comma-separated, for a cluster), or a
   * connection of the application's own. A URL's connection is opened, kept and closed by the module.
   */
  readonly nats: string | NatsConnection;
  /** This application's name: in each token's history, and the realm of `WWW-Authenticate`. */
  readonly service: string;
  /**
   * The NATS user that `nats` logs in as; inboxes are `_INBOX_<user>`. A user `guard-<name>` is a guard of its own: it asks,
   * holds its lease and reports under that name. Default: the URL's user where it is such a one, else `guard`.
   */
  readonly natsUser?: string;
  /** Whether `auth_token` is taken from the URL of a POST (S3). URLs end up in proxies' logs. Default true. */
  readonly urlParameter?: boolean;
  /** Whether accepted requests are answered with `Token-Expires-At` (S41), for credentials that expire. Default false. */
  readonly expiresHeader?: boolean;
  /**
   * Whether accepted credentials are remembered, and a request that presents one again is answered without asking. A
   * revocation still waits for this guard before it answers. `maxEntries` bounds the memory. Default false.
   */
  readonly cache?: boolean | { readonly maxEntries?: number };
  /**
   * Answers verifications in this process, instead of the token service over NATS: for the token service itself, which would
   * ask itself. Default: asks over NATS.
   */
  readonly verify?: (request: VerifyRequest) => Promise<VerifyReply>;
  /** How long a verification may take, in milliseconds, before the request is refused with 503. Default 2000. */
  readonly requestTimeoutMs?: number;
  /**
   * Whether this guard's figures are shown to Prometheus: on the default registry of the application's `prom-client`, or on
   * the registry that is given. Default false.
   */
  readonly metrics?: boolean | MetricsRegistry;
}

/** A registry of `prom-client`, of whatever version. */
export interface MetricsRegistry {
  getSingleMetric(name: string): unknown;
}

/** Options with their defaults in place. */
export type ResolvedAuthOptions = Required<Omit<AuthOptions, 'cache' | 'verify'>> & {
  /** Of a guard with a NATS user of its own; `null`: it shares one. */
  readonly guardName: string | null;
  readonly verify?: AuthOptions['verify'];
  readonly cache: { readonly maxEntries: number } | null;
};

/** The NATS user of all guards that have none of their own. */
const SHARED_USER = 'guard';
/** Entries of a caching guard where nothing else is said. */
const MAX_ENTRIES = 100_000;

const schema = z.strictObject({
  nats: z.custom<string | NatsConnection>(
    (value) => (typeof value === 'string' ? value.split(',').every(isNatsUrl) : isNatsConnection(value)),
    'must be a URL that begins with nats:// or tls://, or a NATS connection',
  ),
  // RFC 6750, 3: what may stand between the quotes of an attribute.
  service: z
    .string()
    .regex(/^[\x20\x21\x23-\x5b\x5d-\x7e]{1,128}$/, 'must be 1 to 128 printable ASCII characters without " and \\'),
  natsUser: z
    .string()
    .regex(/^[A-Za-z0-9_-]+$/, 'must be letters, digits, - and _')
    .optional(),
  urlParameter: z.boolean().default(true),
  expiresHeader: z.boolean().default(false),
  cache: z
    .union([z.boolean(), z.strictObject({ maxEntries: z.int().min(1).max(10_000_000).default(MAX_ENTRIES) })])
    .default(false)
    .transform((cache) => (cache === true ? { maxEntries: MAX_ENTRIES } : cache === false ? null : cache)),
  verify: z
    .custom<NonNullable<AuthOptions['verify']>>((value) => typeof value === 'function', 'must be a function')
    .optional(),
  requestTimeoutMs: z.int().min(1).max(60_000).default(2_000),
  metrics: z
    .custom<boolean | MetricsRegistry>(
      (value) => typeof value === 'boolean' || typeof (value as MetricsRegistry)?.getSingleMetric === 'function',
      'must be true, false or a registry of prom-client',
    )
    .default(false),
});

/**
 * Checks options and fills in the defaults.
 * @throws Error with a line for each option that is missing, wrong or not known, naming it
 */
export function resolveAuthOptions(options: AuthOptions): ResolvedAuthOptions {
  const result = schema.safeParse(options);
  if (result.success) {
    const { nats, natsUser = ownUserIn(nats) ?? SHARED_USER } = result.data;
    return { ...result.data, natsUser, guardName: guardNameOf(natsUser) };
  }
  const lines = result.error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => `AuthModule: there is no option "${key}"`)
      : [`AuthModule: option "${issue.path.join('.')}": ${issue.message}`],
  );
  throw new Error(lines.join('\n'));
}

/** The user of a URL, if it is that of one guard. */
function ownUserIn(nats: string | NatsConnection): string | undefined {
  if (typeof nats !== 'string') return undefined;
  const user = decodeURIComponent(new URL(nats.split(',')[0] ?? '').username);
  return guardNameOf(user) === null ? undefined : user;
}

function isNatsUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return ['nats:', 'tls:'].includes(url.protocol) && url.host !== '';
}

/** By its shape: the application may have a copy of the client of its own. */
function isNatsConnection(value: unknown): boolean {
  return typeof (value as NatsConnection | undefined)?.request === 'function';
}
