import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { keyOf, type LeaseHolder } from './guard-leases.js';

/** Those who are to show it within this time are asked together: however many heartbeats come, guards hear ten questions a second. */
const GATHERED_MS = 100;
/** How long they have. With the time before, less than a guard waits for the answer to its heartbeat. */
const SHOWN_WITHIN_MS = 500;
/** Of one name, in one question. */
const MOST_OF_A_NAME = 200;

interface Round {
  readonly id: string;
  readonly byName: Map<string | null, number>;
  /** Who has not acknowledged yet, by `keyOf`. */
  readonly silent: Set<string>;
  readonly ended: Promise<void>;
}

/**
 * Finds out whether guards acknowledge, before one of them is waited for: an invalidation of nothing is told to all, as any
 * other is, so that guards of every version answer it.
 */
export class GuardProofs {
  private gathering: Round | undefined;
  private readonly rounds = new Map<string, Round>();

  /** @param tell tells all guards an invalidation of this id, of nothing */
  constructor(private readonly tell: (id: string) => void) {}

  /** Whether this guard acknowledges, in 0.6 s at most. */
  async acknowledges(holder: LeaseHolder): Promise<boolean> {
    const round = this.gathering ?? this.begin();
    const count = round.byName.get(holder.name) ?? 0;
    if (count >= MOST_OF_A_NAME) return false;
    round.byName.set(holder.name, count + 1);
    const key = keyOf(holder);
    round.silent.add(key);
    await round.ended;
    return !round.silent.has(key);
  }

  /** To be told of each acknowledgement. */
  heard(invalidation: string, holder: LeaseHolder): void {
    this.rounds.get(invalidation)?.silent.delete(keyOf(holder));
  }

  private begin(): Round {
    const id = randomUUID();
    const round = { id, byName: new Map(), silent: new Set<string>(), ended: this.ask(id) };
    this.gathering = round;
    this.rounds.set(id, round);
    return round;
  }

  private async ask(id: string): Promise<void> {
    await delay(GATHERED_MS, undefined, { ref: false });
    this.gathering = undefined;
    this.tell(id);
    await delay(SHOWN_WITHIN_MS, undefined, { ref: false });
    this.rounds.delete(id);
  }
}
