import { STATUS_CODES } from 'node:http';
import { applyDecorators, HttpCode } from '@nestjs/common';
import { ApiOperation, ApiResponse } from '@nestjs/swagger';
import { type ProblemCode, statusesOf } from '@tokenlog/contracts/problems.js';
import type { z } from 'zod';

/** What an operation answers when it has done what it was asked. */
export interface AnswerSettings {
  /** Default: what HTTP calls the status. */
  readonly description?: string;
  /** Of its JSON; left out: there is none. */
  readonly schema?: z.ZodType;
  /** Other forms of the same answer, by media type, each with an example. */
  readonly formats?: Readonly<Record<string, string>>;
  /** Headers beside those of every answer: their names, and what they say. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A problem's code, with the status where the code has several and another than the first is meant. */
export type DocumentedProblem = ProblemCode | readonly [code: ProblemCode, status: number];

/** What the OpenAPI document says of an operation beside what its route says itself. */
export interface OperationSettings {
  /** What generated clients call it: a promise, as its path is. */
  readonly id: string;
  readonly summary: string;
  readonly description?: string;
  /** By status. A schema stands for an answer that has one; `null` for an answer without a body. */
  readonly answers: Readonly<Record<number, z.ZodType | AnswerSettings | null>>;
  /** What it refuses with, beside what follows from the route: its guard, its parameters and its body (`openapi.ts`). */
  readonly problems?: readonly DocumentedProblem[];
}

/** Of an answer's header: on which answers it is. */
export interface HeaderSettings {
  readonly name: string;
  readonly description: string;
  /** Default: on each answer below 400. */
  readonly statuses?: readonly number[];
}

/** Problems are answered in this form too, by the routes that say so. */
export interface ProblemForm {
  readonly schema: z.ZodType;
  /** Beside `application/problem+json`, for those who ask for it. */
  readonly mediaTypes: readonly string[];
}

const PROBLEMS = 'tokenlog:operation-problems';
const HEADERS = 'tokenlog:operation-headers';
const FORMATS = 'tokenlog:operation-formats';
const FORM = 'tokenlog:operation-problem-form';

const ETAG = { name: 'ETag', description: 'Of what is answered, for `If-Match` (RFC 9110, 8.8.3).' };
const taggedSchemas = new WeakSet<z.ZodType>();

/** A schema whose answers carry an `ETag`. */
export function tagged<Schema extends z.ZodType>(schema: Schema): Schema {
  taggedSchemas.add(schema);
  return schema;
}

/** The database, NATS or the other service is away, or too much is asked at once. A guarded route can always answer so. */
export const UNAVAILABLE = [
  'database-unavailable',
  'nats-unavailable',
  'service-unavailable',
  'overloaded',
] as const satisfies readonly ProblemCode[];

/**
 * An operation as the OpenAPI document has it. The status is that of the lowest answer unless the handler sets another, so that a
 * route says once what it answers.
 */
export function Operation({ id, summary, description, answers, problems = [] }: OperationSettings): MethodDecorator {
  const documented = Object.entries(answers).map(([status, answer]) => ({
    status: Number(status),
    ...settings(answer),
  }));
  const [first] = documented;
  if (!first) throw new Error(`@Operation(): ${id} answers nothing`);
  return applyDecorators(
    ApiOperation({ operationId: id, summary, ...(description && { description }) }),
    HttpCode(first.status),
    ...documented.map(({ status, description = STATUS_CODES[status] ?? '', schema }) =>
      ApiResponse({ status, description, ...(schema && { standardSchema: schema as never }) }),
    ),
    ...documented.flatMap(({ status, schema }) =>
      schema && taggedSchemas.has(schema) ? [AnswersHeader({ ...ETAG, statuses: [status] })] : [],
    ),
    ...documented.flatMap(({ status, headers = {} }) =>
      Object.entries(headers).map(([name, description]) => AnswersHeader({ name, description, statuses: [status] })),
    ),
    ...documented.map(({ status, formats = {} }) => added(FORMATS, [{ status, formats }])),
    CanAnswer(...problems),
  );
}

/** Problems that a route, or each route of a controller, can answer beside those of its `@Operation`. */
export function CanAnswer(...problems: DocumentedProblem[]): MethodDecorator & ClassDecorator {
  const refusals = problems.map(statusAndCode);
  return added(PROBLEMS, refusals);
}

/** A header of a route's answers, or of those of each route of a controller. */
export function AnswersHeader(header: HeaderSettings): MethodDecorator & ClassDecorator {
  return added(HEADERS, [header]);
}

/** The form of a route's problems, or of those of a controller, where it is more than that of all others. */
export function AnswersProblemsAs(form: ProblemForm): MethodDecorator & ClassDecorator {
  return added(FORM, [form]);
}

/** What the decorators above have said of a route. */
export interface OperationNotes {
  readonly problems: readonly { readonly code: ProblemCode; readonly status: number }[];
  readonly headers: readonly HeaderSettings[];
  readonly formats: readonly { readonly status: number; readonly formats: Readonly<Record<string, string>> }[];
  readonly form: ProblemForm | undefined;
}

/** What a route's handler and its controller say. */
export function notesOf(handler: object, controller: object): OperationNotes {
  const both = (key: string) => [handler, controller].flatMap((target) => Reflect.getMetadata(key, target) ?? []);
  return { problems: both(PROBLEMS), headers: both(HEADERS), formats: both(FORMATS), form: both(FORM)[0] };
}

function settings(answer: z.ZodType | AnswerSettings | null): AnswerSettings {
  if (answer === null) return {};
  return '_zod' in answer ? { schema: answer } : answer;
}

function statusAndCode(problem: DocumentedProblem): { code: ProblemCode; status: number } {
  const [code, given] = typeof problem === 'string' ? [problem] : problem;
  const statuses = statusesOf(code);
  const status = given ?? statuses[0];
  if (status === undefined || !statuses.includes(status)) throw new Error(`${code} is not answered with ${given}`);
  return { code, status };
}

/** Decorators of one kind add up, on a method and on a class alike. */
function added(key: string, more: readonly unknown[]): MethodDecorator & ClassDecorator {
  return (target: object, _name?: string | symbol, descriptor?: PropertyDescriptor) => {
    const holder: object = descriptor?.value ?? target;
    Reflect.defineMetadata(key, [...(Reflect.getOwnMetadata(key, holder) ?? []), ...more], holder);
  };
}
