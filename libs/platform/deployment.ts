import { setTimeout as delay } from 'node:timers/promises';
import type { NatsConnection, Subscription } from '@nats-io/transport-node';
import { type Deployment, present } from '@tokenlog/contracts/internal/present.js';
import { parseMessage } from '@tokenlog/contracts/parse-message.js';
import type { Sql } from '@tokenlog/event-store/sql.js';
import { ConfigError } from './config.js';

/** How long an answer may take after the one before it, and how long all of them together, in ms. */
const STALL_MS = 200;
const ASK_MS = 1000;

/** Which Tokenlog this database is of. */
export async function readDeployment(sql: Sql, serverName: string): Promise<Deployment> {
  const { rows } = await sql.query<{ id: string; database: string }>(
    `SELECT id, (SELECT system_identifier FROM pg_control_system()) || '/' ||
       (SELECT oid FROM pg_database WHERE datname = current_database()) AS database
     FROM tokenlog.deployment`,
  );
  return { ...(rows[0] as { id: string; database: string }), serverName };
}

/**
 * Says on NATS which deployment this is, and hears of others. Two on one server would answer each other's questions and
 * take each other's events for their own: the second one does not start.
 */
export class Presence {
  private constructor(
    readonly self: Deployment,
    private readonly nats: NatsConnection,
    private readonly subscription: Subscription,
  ) {}

  /** @throws ConfigError that names both, where the services of another deployment or of a copy of this one answer */
  static async join(nats: NatsConnection, self: Deployment): Promise<Presence> {
    const subscription = nats.subscribe(present.subject, {
      callback: (error, message) => {
        if (!error) message.respond(JSON.stringify(self));
      },
    });
    const presence = new Presence(self, nats, subscription);
    const other = (await presence.others())[0];
    if (other) {
      subscription.unsubscribe();
      throw new ConfigError(
        `NATS_URL: another Tokenlog is on this NATS server: ${nameOf(other)}, and this is ${nameOf(self)}. ` +
          'Give each a NATS server, or an account, of its own.',
      );
    }
    return presence;
  }

  /** The other deployments whose services answer now, and other databases of this one. */
  async others(): Promise<Deployment[]> {
    const others: Deployment[] = [];
    const answers = await this.nats.requestMany(present.subject, JSON.stringify(this.self), {
      strategy: 'stall',
      stall: STALL_MS,
      maxWait: ASK_MS,
    });
    const listen = async () => {
      // Its own answer comes too, and so do those of the other services of this deployment.
      for await (const message of answers) {
        const other = parseMessage(present.reply, message);
        if (other && !isSame(other, this.self)) others.push(other);
      }
    };
    // Whatever becomes of the connection meanwhile: a start must not wait for it.
    await Promise.race([listen(), delay(2 * ASK_MS, undefined, { ref: false })]);
    return others;
  }

  stop(): void {
    this.subscription.unsubscribe();
  }
}

/** A deployment as people tell it from another. */
export function nameOf({ id, serverName, database }: Deployment): string {
  return `${serverName} (deployment ${id}, database ${database})`;
}

function isSame(one: Deployment, other: Deployment): boolean {
  return one.id === other.id && one.database === other.database;
}
