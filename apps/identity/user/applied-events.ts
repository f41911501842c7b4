import type { NatsConnection, Subscription } from '@nats-io/transport-node';
import { identityEventApplied } from '@tokenlog/contracts/internal/identity-event-applied.js';
import { parseMessage } from '@tokenlog/contracts/parse-message.js';

/** How long a caller is kept waiting for the token service. */
export const APPLIED_WITHIN_MS = 2000;
/** How long the word that an event was applied is kept for whoever asks after it came. */
const KEPT_MS = 5000;

/** Hears which events the token service has applied. Every instance hears all: it does not know whose caller waits. */
export class AppliedEvents {
  private readonly waiting = new Map<string, () => void>();
  private readonly arrived = new Map<string, NodeJS.Timeout>();
  private readonly subscription: Subscription;

  constructor(nats: NatsConnection) {
    this.subscription = nats.subscribe(identityEventApplied.subject, {
      callback: (error, message) => {
        const applied = error ? undefined : parseMessage(identityEventApplied.schema, message);
        if (applied) this.hear(applied.eventId);
      },
    });
  }

  /** Whether the token service applies this event within 2 s. */
  async wait(eventId: string): Promise<boolean> {
    if (this.arrived.has(eventId)) return true;
    return new Promise((resolve) => {
      const answer = (applied: boolean) => {
        clearTimeout(timer);
        this.waiting.delete(eventId);
        resolve(applied);
      };
      const timer = setTimeout(() => answer(false), APPLIED_WITHIN_MS);
      this.waiting.set(eventId, () => answer(true));
    });
  }

  stop(): void {
    this.subscription.unsubscribe();
    for (const timer of this.arrived.values()) clearTimeout(timer);
  }

  private hear(eventId: string): void {
    const timer = setTimeout(() => this.arrived.delete(eventId), KEPT_MS);
    this.arrived.set(eventId, timer.unref());
    this.waiting.get(eventId)?.();
  }
}
