import { setTimeout as delay } from 'node:timers/promises';
import { headers, type NatsConnection } from '@nats-io/transport-node';
import { Logger } from '@nestjs/common';
import { PATIENCE_HEADER, type RequestContract, requestError } from '@tokenlog/contracts/message.js';
import { isProblemCode } from '@tokenlog/contracts/problems.js';
import type { z } from 'zod';
import { isPatient, timeLeft } from './bounded-client.js';
import { askNats, isAway } from './nats.js';
import { Problem, unavailable } from './problem.js';
import { type Cause, natsAway, noteRefused, serviceAway } from './unavailable.js';

/** How long an answer may take, in ms: whoever asked this service was promised one within two seconds. */
const ANSWER_MS = 1_800;
/** What nobody waits for waits longer itself, in ms. */
const PATIENT_MS = 3_000;
/** So long before the end of that NATS itself is asked, to tell whether it is away or the service behind it. */
const DOUBT_MS = 300;
const LOOK_EVERY_MS = 20;

/**
 * Asks another service and checks its answer. What is inside, subjects and what they say of a request, stays in the log.
 * @param timeoutMs the other service is told, and stops by then
 * @throws Problem 503 `nats-unavailable` or `service-unavailable` when nobody answers in time, 503 with its own code where the
 * other service is told to be asked again, 502 `service-failed` when the answer is another error, or none by the contract
 */
export async function request<Request extends z.ZodType, Reply extends z.ZodType>(
  nats: NatsConnection,
  contract: RequestContract<Request, Reply>,
  payload: z.input<Request>,
  timeoutMs = isPatient() ? PATIENT_MS : Math.min(ANSWER_MS, timeLeft() ?? ANSWER_MS),
): Promise<z.output<Reply>> {
  const body = await ask(nats, contract.subject, payload, timeoutMs);
  const reply = contract.reply.safeParse(body);
  if (reply.success) return reply.data;
  const { error } = requestError.safeParse(body).data ?? {};
  if (error?.retryAfterSeconds !== undefined) {
    // Of a release to come it may be one that is not known here.
    const code = isProblemCode(error.code) ? error.code : 'service-unavailable';
    throw new Problem(code, error.detail, { retryAfterSeconds: error.retryAfterSeconds });
  }
  const said = error ? `${error.code}: ${error.detail}` : reply.error.message;
  new Logger('NatsRequest').error(`${contract.subject}: ${said}`);
  throw new Problem('service-failed', `There was a failure of ${serviceOf(contract.subject)}; it is in its log.`);
}

/** Waits for a connection where there is none: what is sent without one would arrive after its sender has given up. */
async function ask(nats: NatsConnection, subject: string, payload: unknown, timeoutMs: number): Promise<unknown> {
  const end = performance.now() + timeoutMs;
  const left = () => end - performance.now();
  while (isAway(nats) && left() > DOUBT_MS) await delay(LOOK_EVERY_MS);
  if (isAway(nats)) throw refused(natsAway(), `${subject}: no connection`);

  let isNatsThere: Promise<boolean> | undefined;
  const doubt = setTimeout(() => {
    isNatsThere = askNats(nats, left()).then(
      () => true,
      () => false,
    );
  }, left() - DOUBT_MS);
  try {
    const fields = headers();
    fields.set(PATIENCE_HEADER, String(Math.ceil(left())));
    const message = await nats.request(subject, JSON.stringify(payload), { timeout: left(), headers: fields });
    return message.json();
  } catch (error) {
    // Without a doubt the answer was that nobody is there to be asked.
    const cause = isAway(nats) || (await isNatsThere) === false ? natsAway() : serviceAway(serviceOf(subject));
    throw refused(cause, `${subject}: ${(error as Error).message}`);
  } finally {
    clearTimeout(doubt);
  }
}

function refused(cause: Cause, why: string): Problem {
  // What nobody waits for is no answer: who asked by itself asks again, and says so where it matters.
  if (!isPatient()) noteRefused(cause, why);
  return unavailable(cause);
}

function serviceOf(subject: string): string {
  return `the ${/^(?:internal\.)?(\w+)/.exec(subject)?.[1] === 'identity' ? 'identity' : 'token'} service`;
}
