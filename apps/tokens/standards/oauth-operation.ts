import { applyDecorators } from '@nestjs/common';
import { ApiConsumes, ApiSecurity } from '@nestjs/swagger';
import { named } from '@tokenlog/contracts/named.js';
import { problems, problemType } from '@tokenlog/contracts/problems.js';
import { AnswersProblemsAs, CanAnswer, Operation, type OperationSettings } from '@tokenlog/platform/operation.js';
import { problemSchema } from '@tokenlog/platform/problem-schema.js';
import { z } from 'zod';
import { guardRefusals } from '../guards/guard-refusals.js';

/** What `OAuthErrorFilter` answers. */
const oauthProblem = named(
  'OAuthProblem',
  problemSchema.extend({
    error: z.string().describe('the code of RFC 6749, RFC 6750 or RFC 7009'),
    error_description: z.string().describe('`detail`, in the characters that RFC 6749 allows'),
  }),
  {
    type: problemType('credential-missing'),
    title: problems['credential-missing'].title,
    status: 401,
    code: 'credential-missing',
    detail: 'A token is needed.',
    error: 'invalid_client',
    error_description: 'A token is needed.',
  },
);

/** A route whose errors are OAuth's too. */
export function AnswersOAuthErrors() {
  return AnswersProblemsAs({ schema: oauthProblem, mediaTypes: ['application/json'] });
}

/** An operation that `OAuthClientGuard` guards, and whose errors are OAuth's too. */
export function OAuthOperation(settings: OperationSettings): MethodDecorator {
  return applyDecorators(
    Operation(settings),
    ApiConsumes('application/x-www-form-urlencoded'),
    ApiSecurity('bearer'),
    CanAnswer(...guardRefusals({ roles: false })),
    AnswersOAuthErrors(),
  );
}
