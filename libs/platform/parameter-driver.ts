import {
  type Dictionary,
  isRaw,
  JsonProperty,
  type LoggingOptions,
  NativeQueryBuilder,
  type Platform,
  PostgreSqlConnection,
  PostgreSqlDriver,
  type RawQueryFragment,
  raw,
  type Transaction,
  Utils,
} from '@mikro-orm/postgresql';
import { CompiledQuery } from 'kysely';

/**
 * MikroORM's driver for PostgreSQL, sending values as parameters. Its own writes them into the statement, which the server
 * puts into its log when it fails: a password's hash, names and addresses would stand there.
 */
export class ParameterDriver extends PostgreSqlDriver {
  protected override readonly connection = new ParameterConnection(this.config);
}

class ParameterConnection extends PostgreSqlConnection {
  override async execute<Result>(
    query: string | NativeQueryBuilder | RawQueryFragment,
    params: readonly unknown[] | Dictionary<unknown> = [],
    method: 'all' | 'get' | 'run' = 'all',
    ctx?: Transaction,
    _options?: LoggingOptions,
  ): Promise<Result> {
    await this.ensureConnection();
    const { sql, values } = numbered(this.platform, query, params);
    return this.executeQuery(sql, async () => {
      const client = ctx ?? this.getClient();
      return this.transformRawResult<Result>(await client.executeQuery(CompiledQuery.raw(sql, values)), method);
    });
  }
}

/** A statement with `$1` in the place of each `?`, and what stands there. */
function numbered(
  platform: Platform,
  query: string | NativeQueryBuilder | RawQueryFragment,
  params: readonly unknown[] | Dictionary<unknown>,
): { sql: string; values: unknown[] } {
  const { sql, params: given } = fragment(query, params);
  const values: unknown[] = [];
  // The platform's own way through a statement, with numbers where it would write values.
  const numbering: Platform = Object.create(platform, { quoteValue: { value: place } });
  function place(value: unknown): string {
    if (isRaw(value)) return numbering.formatQuery(value.sql, value.params);
    if (Array.isArray(value)) return value.map(place).join(', ');
    values.push(toParameter(value));
    return `$${values.length}`;
  }
  return { sql: numbering.formatQuery(sql, given), values };
}

function fragment(
  query: string | NativeQueryBuilder | RawQueryFragment,
  params: readonly unknown[] | Dictionary<unknown>,
): { sql: string; params: readonly unknown[] } {
  if (query instanceof NativeQueryBuilder) return query.toRaw();
  if (isRaw(query)) return query;
  // Named parameters.
  return Utils.isPlainObject(params) ? raw(query, params) : { sql: query, params: params as readonly unknown[] };
}

function toParameter(value: unknown): unknown {
  const isJson = Utils.isPlainObject(value) || (value as Record<symbol, unknown> | null)?.[JsonProperty];
  if (isJson) return JSON.stringify(value);
  return value === undefined ? null : value;
}
