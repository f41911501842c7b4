import type { Schema } from './bad-input.js';

type Content = Readonly<Record<string, { readonly schema?: Schema; readonly example?: unknown }>>;

/** An operation of a document, without references. */
export interface Operation {
  readonly operationId: string;
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly schema?: Schema }[];
  readonly requestBody?: { readonly required?: boolean; readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly headers?: object; readonly content?: Content }>>;
}

/** The operations of an OpenAPI document, by `METHOD /path`, with each reference replaced by what it names. */
export function operationsOf(document: { readonly paths: object }): Map<string, Operation> {
  const operations = new Map<string, Operation>();
  for (const [path, methods] of Object.entries<Record<string, unknown>>({ ...document.paths })) {
    for (const [method, operation] of Object.entries(methods)) {
      operations.set(`${method.toUpperCase()} ${path}`, resolved(document, operation) as Operation);
    }
  }
  return operations;
}

function resolved(document: object, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((each) => resolved(document, each));
  if (typeof value !== 'object' || value === null) return value;
  const { $ref, allOf, ...rest } = value as { $ref?: unknown; allOf?: unknown[] };
  if (typeof $ref === 'string') return resolved(document, named(document, $ref));
  const own = Object.fromEntries(Object.entries(rest).map(([key, each]) => [key, resolved(document, each)]));
  if (!Array.isArray(allOf)) return own;
  return allOf.map((part) => resolved(document, part) as Schema).reduce<Schema>(merged, own);
}

function merged(one: Schema, other: Schema): Schema {
  return { ...one, ...other, properties: { ...one.properties, ...other.properties } };
}

function named(document: object, reference: string): unknown {
  return reference
    .slice(2)
    .split('/')
    .reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], document);
}

/** An answer, as far as a document says something of it. */
export interface Told {
  readonly status: number;
  readonly type: string;
  /** Of a problem. */
  readonly code?: unknown;
}

/** What is wrong with an answer by its document, or null. Addresses that the document does not have are not looked at. */
export function undocumented(
  operations: Map<string, Operation>,
  method: string,
  url: string,
  told: Told,
): string | null {
  const operation = operationAt(operations, method, url.split('?')[0] ?? '');
  if (!operation) return null;
  const { status, type, code } = told;
  const where = `${operation.operationId} answers ${status} ${code ?? type}`;
  const own = operation.responses[status];
  const other = operation.responses[status < 500 ? '4XX' : 'default'];
  if (status < 400) {
    if (!own) return `${where}, which its document does not list`;
    const types = Object.keys(own.content ?? {});
    if (type === '' ? types.length === 0 : types.includes(type)) return null;
    // A 200 of OAuth, a redirect and the like may have no body, or one for people.
    return types.length === 0 && (status >= 300 || type === '') ? null : `${where}, not ${types.join(', ')}`;
  }
  for (const answer of [own, other]) {
    const codes = answer?.content?.[type]?.schema?.properties?.code?.enum;
    if (codes?.includes(code)) return null;
  }
  return `${where}, which its document does not list`;
}

/** The operation that an address and a method are of; one without parameters before one with. */
function operationAt(operations: Map<string, Operation>, method: string, path: string): Operation | undefined {
  const exact = operations.get(`${method} ${path}`);
  if (exact) return exact;
  for (const [route, operation] of operations) {
    const [of, pattern = ''] = route.split(' ');
    if (of === method && isAt(pattern, path)) return operation;
  }
  return undefined;
}

function isAt(pattern: string, path: string): boolean {
  const [parts, given] = [pattern.split('/'), path.split('/')];
  return parts.length === given.length && parts.every((part, n) => part.startsWith('{') || part === given[n]);
}

/** Without its parameters; empty where there is none. */
export function mediaTypeOf(header: string | null | undefined): string {
  return header?.split(';')[0]?.trim() ?? '';
}
