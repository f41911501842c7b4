import type { NatsConnection } from '@nats-io/transport-node';
import { type RequestContract, requestError } from '@tokenlog/contracts/message.js';
import { PEPPER_UNKNOWN } from '@tokenlog/contracts/tokens/verify.js';
import type { z } from 'zod';
import { Problem } from './problem.js';

/**
 * Asks another service and checks its answer.
 * @throws Problem 503 `service-unavailable` when nobody answers in time, 503 `pepper-unknown` when that is the answer, 502 `service-failed` when the answer is an error
 */
export async function request<Request extends z.ZodType, Reply extends z.ZodType>(
  nats: NatsConnection,
  contract: RequestContract<Request, Reply>,
  payload: z.input<Request>,
  timeoutMs = 3000,
): Promise<z.output<Reply>> {
  let body: unknown;
  try {
    const message = await nats.request(contract.subject, JSON.stringify(payload), { timeout: timeoutMs });
    body = message.json();
  } catch {
    throw new Problem(503, 'service-unavailable', `No answer to ${contract.subject}; try again.`, {
      headers: { 'Retry-After': '1' },
    });
  }
  const failed = requestError.safeParse(body);
  if (failed.success && failed.data.error.code === PEPPER_UNKNOWN) {
    throw new Problem(503, PEPPER_UNKNOWN, failed.data.error.detail, { headers: { 'Retry-After': '5' } });
  }
  if (failed.success) {
    throw new Problem(502, 'service-failed', `${contract.subject}: ${failed.data.error.detail}`);
  }
  return contract.reply.parse(body);
}
