import { named } from '@tokenlog/contracts/named.js';
import { problemBody } from '@tokenlog/contracts/problems.js';
import { z } from 'zod';

/** A problem as it is documented: what `ProblemBody` is, and what some problems say beside it (RFC 9457, 3.2). */
export const problemSchema = named(
  'Problem',
  z.looseObject({
    type: z
      .string()
      .describe('a reference that says what kind of problem it is, and resolves at the service that answers'),
    title: z.string().describe('the same for each problem of this code'),
    status: z.int(),
    code: z.string().describe('stable: programs decide on it'),
    detail: z.string().describe('what is wrong this time, for people'),
    errors: z
      .array(
        z.object({
          field: z.string().describe('its path, as in `roles.0`; `body`, `query` or `path` for the whole'),
          detail: z.string(),
        }),
      )
      .optional()
      .describe('the fields that are wrong, with `invalid-request`'),
    requestId: z.string().optional().describe('that of `X-Request-Id`: the log’s lines have it too'),
  }),
  {
    ...problemBody('invalid-request', 'limit: must be at most 500', {
      errors: [{ field: 'limit', detail: 'must be at most 500' }],
    }),
    errors: [{ field: 'limit', detail: 'must be at most 500' }],
    requestId: 'c5f4c3f0-6f0b-4b57-9d0b-2f1f5d0f6a31',
  },
);
