import { exampleOf } from '@tokenlog/contracts/named.js';
import { isProblemCode, type ProblemCode, problemBody, problems, problemType } from '@tokenlog/contracts/problems.js';
import type { Answer, Content, Header, OperationObject, Schema } from './openapi-object.js';
import { nameOf, REFERENCE } from './openapi-schemas.js';
import type { OperationNotes, ProblemForm } from './operation.js';
import { problemSchema } from './problem-schema.js';
import { REQUEST_ID_HEADER } from './request-id.js';

const PROBLEM = 'application/problem+json';

/** What any address answers that is asked in another way than the document says. */
const OF_EVERY_REQUEST = [
  'bad-request',
  'not-found',
  'method-not-allowed',
  'request-timeout',
  'payload-too-large',
  'unsupported-media-type',
  'request-header-fields-too-large',
] as const satisfies readonly ProblemCode[];
const OF_EVERY_FAILURE = ['internal-error', 'service-failed'] as const satisfies readonly ProblemCode[];

/** Every code that an operation refuses with, by status. */
export function refusalsOf(operation: OperationObject, method: string, notes: OperationNotes, tolerant: boolean) {
  const { parameters = [], requestBody, responses } = operation;
  const refused = new Map<number, Set<ProblemCode>>();
  const add = (status: number, code: ProblemCode) => refused.set(status, (refused.get(status) ?? new Set()).add(code));
  // The guard has said what it refuses with.
  for (const [status, { content }] of Object.entries(responses)) {
    for (const code of content?.[PROBLEM]?.schema?.properties?.code?.enum ?? []) {
      if (isProblemCode(String(code))) add(Number(status), code as ProblemCode);
    }
  }
  for (const { status, code } of notes.problems) add(status, code);
  const takesBody = requestBody !== undefined || !['get', 'head'].includes(method);
  const route: ProblemCode[] = [
    ...(parameters.length > 0 || takesBody || !tolerant ? (['invalid-request', 'bad-request'] as const) : []),
    ...(takesBody ? (['payload-too-large', 'unsupported-media-type'] as const) : []),
  ];
  for (const code of route) add(problems[code].status, code);
  return [...refused].sort(([one], [other]) => one - other).map(([status, codes]) => [status, [...codes]] as const);
}

/** How these codes are answered. */
export function refusal(status: number, codes: readonly ProblemCode[], form?: ProblemForm): Answer {
  const [code] = codes;
  if (code === undefined) throw new Error(`no code is answered with ${status}`);
  const schema = nameOf(form?.schema ?? problemSchema);
  const shown = form ? (exampleOf(form.schema) as object) : {};
  const example = { ...shown, ...problemBody(code, problems[code].remedy, { status }), type: problemType(code) };
  const content: Content = {
    schema: {
      allOf: [
        { $ref: REFERENCE + schema },
        { type: 'object', properties: { code: { type: 'string', enum: codes } } } as Schema,
      ],
    },
    example,
  };
  return {
    description: codes.map((each) => `- \`${each}\`: ${problems[each].title}`).join('\n'),
    content: Object.fromEntries([PROBLEM, ...(form?.mediaTypes ?? [])].map((type) => [type, content])),
  };
}

const text = { type: 'string' };
export const COMMON_HEADERS = {
  [REQUEST_ID_HEADER]: {
    description: 'That of the request, or a new one: it stands in the log’s lines, and in problems.',
    schema: text,
  },
  'WWW-Authenticate': { description: 'The challenges of RFC 6750 and RFC 7617.', schema: text },
  'Retry-After': { description: 'When the same request may be answered, in seconds.', schema: { type: 'integer' } },
  Allow: { description: 'The methods that the address has.', schema: text },
} as const;

function common(...names: (keyof typeof COMMON_HEADERS)[]): Record<string, Header> {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}

export function headersOf(status: number, { headers }: OperationNotes): Record<string, Header> {
  const own = headers.filter(({ statuses }) => statuses?.includes(status) ?? status < 400);
  return {
    ...common(REQUEST_ID_HEADER),
    ...(status === 401 ? common('WWW-Authenticate') : {}),
    ...(status === 429 || status === 503 ? common('Retry-After') : {}),
    ...Object.fromEntries(own.map(({ name, description }) => [name, { description, schema: text }])),
  };
}

/** What every operation can answer beside what it lists. */
export function commonAnswers() {
  const answer = (codes: readonly ProblemCode[], headers: Record<string, Header>): Answer => {
    const { content } = refusal(problems[codes[0] as ProblemCode].status, codes);
    const lines = codes.map((code) => `- ${problems[code].status} \`${code}\`: ${problems[code].title}`);
    return { description: lines.join('\n'), headers: { ...common(REQUEST_ID_HEADER), ...headers }, content };
  };
  return {
    OtherRefusal: answer(OF_EVERY_REQUEST, common('Allow')),
    OtherFailure: answer(OF_EVERY_FAILURE, common('Retry-After')),
  };
}
