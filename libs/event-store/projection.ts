import type { RecordedEvent } from './event.js';

/** Events of one type, at most one for each thing. */
export interface Batch<Type extends string> {
  readonly type: Type;
  readonly events: readonly RecordedEvent[];
}

/**
 * Splits events into batches that one statement can apply, keeping for each thing the order of its events. Types that
 * `handled` lacks are left out.
 */
export function batchesByType<Type extends string>(
  events: readonly RecordedEvent[],
  handled: Readonly<Record<Type, unknown>>,
  thingOf: (event: RecordedEvent) => string = (event) => event.entity,
): Batch<Type>[] {
  const batches: { type: Type; events: RecordedEvent[]; things: Set<string> }[] = [];
  for (const event of events) {
    if (!Object.hasOwn(handled, event.type)) continue;
    const thing = thingOf(event);
    const last = batches.findLastIndex((batch) => batch.things.has(thing));
    let at = batches.findIndex((batch, index) => index > last && batch.type === event.type);
    if (at === -1) at = batches.push({ type: event.type as Type, events: [], things: new Set() }) - 1;
    batches[at]?.events.push(event);
    batches[at]?.things.add(thing);
  }
  return batches;
}
