import { RetentionPolicy } from '@nats-io/jetstream';
import { type NatsConnection, nanos } from '@nats-io/transport-node';
import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { guardNameIn, subjectsOfGuards } from '@tokenlog/contracts/guard/guard-name.js';
import { GUARD_USES_STREAM, type GuardUses, guardUses } from '@tokenlog/contracts/guard/uses.js';
import { DurableConsumer } from '@tokenlog/platform/durable-consumer.js';
import { NATS } from '@tokenlog/platform/nats.js';
import { REPORTS_KEPT_MS } from '../verification/refused-uses.js';
import { CountGuardUses } from './count-guard-uses.js';

/** Counts what caching guards report. A report waits in the stream until it is in the log. */
@Injectable()
export class GuardUsesConsumer extends DurableConsumer<GuardUses> implements OnModuleDestroy {
  constructor(@Inject(NATS) nats: NatsConnection, commands: CommandBus) {
    super(nats, {
      stream: GUARD_USES_STREAM,
      durable: 'tokens-guard-uses',
      schema: guardUses.schema,
      make: {
        subjects: [guardUses.subject, subjectsOfGuards(guardUses.subject)],
        retention: RetentionPolicy.Workqueue,
        max_age: nanos(REPORTS_KEPT_MS),
      },
      handle: (report, subject) => commands.execute(new CountGuardUses(report, guardNameIn(subject))),
    });
  }

  onModuleDestroy(): Promise<void> {
    return this.stop();
  }
}
