/**
 * What a connection's session is set to, whatever a database, a role or a cluster has for others: each of these changes what a
 * statement answers, or whether it answers at all.
 */
const SETTINGS = {
  DateStyle: 'ISO,MDY',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  bytea_output: 'hex',
  extra_float_digits: '1',
  standard_conforming_strings: 'on',
  array_nulls: 'on',
  transform_null_equals: 'off',
  row_security: 'on',
  gin_fuzzy_search_limit: '0',
  default_transaction_isolation: 'read committed',
  default_transaction_read_only: 'off',
  default_transaction_deferrable: 'off',
  // An answer is durable.
  synchronous_commit: 'on',
  // Those who want bounds set their own: `boundedPool`.
  statement_timeout: '0',
  lock_timeout: '0',
  transaction_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  idle_session_timeout: '0',
} as const;

/** What a kind of connection adds: the role that it becomes, its schema, and settings by name. */
export interface SessionSettings {
  readonly role?: string;
  readonly search_path?: string;
  readonly [name: string]: string | undefined;
}

/** Everywhere else these are somebody's own. */
const OURS = new Set([...Object.keys(SETTINGS), 'role', 'search_path', 'session_authorization'].map(lower));

/**
 * The `options` that a session starts with: those of the URL, then ours.
 * @throws Error naming a setting of the URL that Tokenlog sets itself
 */
export function sessionOptions(given: string | undefined, settings: SessionSettings = {}): string {
  for (const name of namesIn(given ?? '')) {
    if (OURS.has(name)) throw new Error(`options sets ${name}, which Tokenlog sets for itself: leave it out`);
  }
  // A search path of nobody's: what is meant is named with its schema.
  const ours = Object.entries({ search_path: 'pg_catalog', ...SETTINGS, ...settings });
  const text = ours.map(([name, value]) => `-c ${name}=${String(value).replace(/[\\\s]/g, '\\$&')}`);
  return [...(given ? [given] : []), ...text].join(' ');
}

/** The settings that libpq's `options` set: `-c name=value`, `-cname=value` and `--name=value`. */
function namesIn(options: string): string[] {
  const words = options.match(/(?:\\.|\S)+/gs) ?? [];
  return words.flatMap((word, index) => {
    const setting = word.startsWith('--')
      ? word.slice(2)
      : words[index - 1] === '-c'
        ? word
        : word.startsWith('-c') && word.length > 2
          ? word.slice(2)
          : '';
    const name = lower(setting.split('=')[0] ?? '').replaceAll('-', '_');
    return name ? [name] : [];
  });
}

function lower(name: string): string {
  return name.toLowerCase();
}
