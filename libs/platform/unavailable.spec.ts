import { errors } from '@nats-io/transport-node';
import { problemOf } from './problem.js';
import { causeOf } from './unavailable.js';

const withCode = (code: string, message = 'of inside: 10.0.0.7') => Object.assign(new Error(message), { code });

test.each([
  ...[
    '08006',
    '08P01',
    '53100',
    '53200',
    '53300',
    '57P01',
    '57P02',
    '57P03',
    '57014',
    '55P03',
    '25006',
    '58030',
    '28P01',
  ],
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENOTFOUND', 'EAI_AGAIN'],
])('PostgreSQL that is away (%s) is a 503 with Retry-After, one code, and nothing of inside', (code) => {
  const problem = problemOf(withCode(code));
  expect([problem?.getStatus(), problem?.code, problem?.headers]).toEqual([
    503,
    'database-unavailable',
    { 'Retry-After': '1' },
  ]);
  expect(JSON.stringify(problem?.getResponse())).not.toContain('10.0.0.7');
});

test.each([
  'timeout exceeded when trying to connect',
  'Connection terminated unexpectedly',
  'Connection terminated due to connection timeout',
  'Client has encountered a connection error and is not queryable',
])('so is what pg says without a code: %s', (message) => {
  expect(causeOf(new Error(message))?.code).toBe('database-unavailable');
  expect(causeOf(new Error('a wrapper', { cause: new Error(message) }))?.code).toBe('database-unavailable');
  expect(causeOf(new AggregateError([new Error(message)], ''))?.code).toBe('database-unavailable');
});

test('NATS that is away has its own code, and a service that is away behind it has another', () => {
  for (const error of [
    new errors.TimeoutError(),
    new errors.ClosedConnectionError(),
    new errors.DrainingConnectionError(),
    new errors.ConnectionError('refused'),
    new errors.RequestError('connection disconnected'),
  ]) {
    expect(causeOf(error)?.code).toBe('nats-unavailable');
  }
  const nobody = new errors.NoRespondersError('internal.tokens.start-session');
  expect(causeOf(nobody)).toMatchObject({
    code: 'service-unavailable',
    detail: expect.not.stringContaining('internal.'),
  });
  expect(causeOf(new errors.RequestError('no responders', { cause: nobody }))?.code).toBe('service-unavailable');
});

test.each([withCode('23505'), withCode('42P01'), withCode('22P02'), withCode('42501'), new TypeError('x'), 'a text'])(
  'a failure of our own is none of these: %s',
  (error) => {
    expect(problemOf(error)).toBeNull();
  },
);
