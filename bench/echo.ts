import type { Contender } from './case.js';
import { startChild } from './child.js';
import type { Stage } from './stage.js';
import { type Provable, verifyRequest } from './verify-request.js';

/** Below this the server lets identity's user, as which the clients ask, ask, and the token service's answer. */
const SUBJECTS = 'internal.tokens.bench';

/** A contender that runs a process of its own. */
export interface Echo extends Contender {
  readonly stop: () => Promise<void>;
}

/** A bare subscription that answers each message with its own bytes. */
export async function natsEcho(stage: Stage, credentials: readonly Provable[]): Promise<Echo> {
  const subject = `${SUBJECTS}-nats-echo`;
  const requests = credentials.map((credential) => JSON.stringify(verifyRequest(credential)));
  return echo(stage, 'NATS echo', 'nats-echo.js', subject, requests, 'what was sent');
}

/** A Nest microservice whose handler returns its payload, asked in Nest's envelope. */
export async function nestEcho(stage: Stage, credentials: readonly Provable[]): Promise<Echo> {
  const subject = `${SUBJECTS}-nest-echo`;
  const requests = credentials.map((credential, id) =>
    JSON.stringify({ pattern: subject, data: verifyRequest(credential), id: String(id) }),
  );
  return echo(stage, 'Nest echo', 'nest-echo.js', subject, requests, 'what was sent, in an envelope');
}

async function echo(
  stage: Stage,
  name: string,
  program: string,
  subject: string,
  requests: readonly string[],
  expect: 'what was sent' | 'what was sent, in an envelope',
): Promise<Echo> {
  await stage.load.prepare(name, requests);
  const child = await startChild(program, { natsUrl: stage.system.natsUrls.tokens, subject });
  return {
    name,
    measure: (clients, milliseconds) =>
      stage.measure({ subject, payloads: name, clients, milliseconds, expect }, { service: child.pid }),
    stop: () => child.stop(),
  };
}
