import { verify } from '@tokenlog/contracts/tokens/verify.js';
import type { Contender } from './case.js';
import type { Stage } from './stage.js';
import { type Provable, verifyRequest } from './verify-request.js';

/** Clients that have these credentials verified over NATS, in turn. Every reply must accept its credential. */
export async function verification(stage: Stage, name: string, credentials: readonly Provable[]): Promise<Contender> {
  await stage.load.prepare(
    name,
    credentials.map((credential) => JSON.stringify(verifyRequest(credential))),
  );
  return {
    name,
    measure: (clients, milliseconds) =>
      stage.measure(
        { subject: verify.subject, payloads: name, clients, milliseconds, expect: 'active' },
        { service: stage.system.pid('tokens'), PostgreSQL: stage.system.pid('postgres') },
      ),
  };
}
