import { RetentionPolicy } from '@nats-io/jetstream';
import { type NatsConnection, nanos } from '@nats-io/transport-node';
import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { GUARD_USES_STREAM, type GuardUses, guardUses } from '@tokenlog/contracts/guard/uses.js';
import { DurableConsumer } from '@tokenlog/platform/durable-consumer.js';
import { NATS } from '@tokenlog/platform/nats.js';
import { CountGuardUses } from './count-guard-uses.js';

const KEEP_MS = 7 * 86_400_000;

/** Counts what caching guards report. A report waits in the stream until it is in the log. */
@Injectable()
export class GuardUsesConsumer extends DurableConsumer<GuardUses> implements OnModuleDestroy {
  constructor(@Inject(NATS) nats: NatsConnection, commands: CommandBus) {
    super(nats, {
      stream: GUARD_USES_STREAM,
      durable: 'tokens-guard-uses',
      schema: guardUses.schema,
      inOrder: false,
      make: { subjects: [guardUses.subject], retention: RetentionPolicy.Workqueue, max_age: nanos(KEEP_MS) },
      handle: (report) => commands.execute(new CountGuardUses(report)),
    });
  }

  onModuleDestroy(): Promise<void> {
    return this.stop();
  }
}
