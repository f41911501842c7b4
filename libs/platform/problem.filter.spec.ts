import { BadRequestException, HttpException, NotFoundException, ServiceUnavailableException } from '@nestjs/common';
import { AuthProblem } from '@tokenlog/auth';
import { type GuardProblemCode, guardProblems } from '@tokenlog/contracts/problems.js';
import type { Request } from 'express';
import { describeError } from './problem.filter.js';
import { Problem } from './problem.js';

const layer = (path: string, ...methods: string[]) => ({
  route: { methods: Object.fromEntries(methods.map((method) => [method, true])) },
  match: (asked: string) => asked === path,
});
const router = {
  stack: [layer('/things', 'get', 'post'), layer('/things', 'delete'), layer('/all', '_all'), { match: () => true }],
};
const asked = (path: string) => ({ path, app: { router } }) as unknown as Request;
const answerTo = (error: unknown, path = '/things') => {
  const { body, headers } = describeError(error, asked(path));
  return { status: body.status, code: body.code, detail: body.detail, headers };
};
const SECRET = 'what-was-sent';

test('what no route has taken is a 405 with Allow where the address has other methods, and else a 404', () => {
  const error = new NotFoundException(`Cannot PUT /things?x=${SECRET}`);
  const Allow = 'DELETE, GET, HEAD, OPTIONS, POST';
  expect(answerTo(error)).toMatchObject({ status: 405, code: 'method-not-allowed', headers: { Allow } });
  for (const path of ['/nope', '/all']) {
    expect(answerTo(error, path)).toMatchObject({ status: 404, code: 'not-found', headers: {} });
  }
  expect(JSON.stringify(answerTo(error))).not.toContain(SECRET);
});

test.each<[string, object, number, string]>([
  ['broken JSON', { status: 400, type: 'entity.parse.failed' }, 400, 'bad-request'],
  ['a body that is cut off', { status: 400, type: 'request.aborted', code: 'ECONNABORTED' }, 400, 'bad-request'],
  ['a body of another length', { status: 400, type: 'request.size.invalid' }, 400, 'bad-request'],
  ['a broken gzip', { status: 400, code: 'Z_DATA_ERROR' }, 400, 'bad-request'],
  ['a charset', { status: 415, type: 'charset.unsupported' }, 400, 'bad-request'],
  ['an encoding', { status: 415, type: 'encoding.unsupported' }, 400, 'bad-request'],
  ['a body that is too large', { status: 413, type: 'entity.too.large' }, 413, 'payload-too-large'],
  ['a form of too many fields', { status: 413, type: 'parameters.too.many' }, 413, 'payload-too-large'],
])('%s is told in our words, wrapped by Nest or not', (_name, members, status, code) => {
  const error = Object.assign(new Error(`the library says ${SECRET}`), members);
  for (const each of [error, new HttpException(error.message, 400, { cause: error })]) {
    const answer = answerTo(each);
    expect(answer).toMatchObject({ status, code });
    expect(answer.detail).not.toContain(SECRET);
  }
});

test('what a check of bytes refuses stays what it is, wrapped by the parser and by Nest', () => {
  const problem = Object.assign(new Problem('bad-request', 'The body is not UTF-8.'), { status: 403 });
  const wrapped = new BadRequestException('x', { cause: problem });
  expect(answerTo(wrapped)).toMatchObject({ status: 400, code: 'bad-request', detail: 'The body is not UTF-8.' });
});

test.each(Object.keys(guardProblems) as GuardProblemCode[])('%s of the guard keeps its headers', (code) => {
  const { status } = guardProblems[code];
  const headers = { 'WWW-Authenticate': ['Bearer', 'Basic'], ...(status === 503 && { 'Retry-After': '5' }) };
  expect(answerTo(new AuthProblem(code, 'x', headers))).toEqual({ status, code, detail: 'x', headers });
  // By rule: whoever makes one need not think of it.
  expect(new AuthProblem(code, 'x').headers).toEqual(status === 503 ? { 'Retry-After': '1' } : {});
});

test('each 503 says when to ask again: of a service that stops, of what is away', () => {
  const away = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
  for (const error of [new ServiceUnavailableException(), away, new Problem('not-ready', 'x')]) {
    expect(answerTo(error)).toMatchObject({ status: 503, headers: { 'Retry-After': '1' } });
  }
});

test('a failure says nothing of itself', () => {
  const answer = answerTo(new Error(SECRET));
  expect(answer).toMatchObject({ status: 500, code: 'internal-error' });
  expect(JSON.stringify(answer)).not.toContain(SECRET);
});
