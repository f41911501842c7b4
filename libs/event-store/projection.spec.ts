import fc from 'fast-check';
import type { RecordedEvent } from './event.js';
import { batchesByType } from './projection.js';

const handled = { a: 1, b: 1, c: 1 };
const events = fc.array(
  fc.record({ type: fc.constantFrom('a', 'b', 'c', 'unknown'), entity: fc.constantFrom('1', '2', '3') }),
);

describe('batches of a projection', () => {
  it('keep for each thing the order of its events, and apply each event once', () => {
    fc.assert(
      fc.property(events, (list) => {
        const numbered = list.map((event, index) => ({ ...event, position: String(index) })) as RecordedEvent[];
        const applied = batchesByType(numbered, handled).flatMap((batch) => batch.events);
        for (const entity of ['1', '2', '3']) {
          const positions = (all: readonly RecordedEvent[]) =>
            all.filter((event) => event.entity === entity && event.type !== 'unknown').map(({ position }) => position);
          expect(positions(applied)).toEqual(positions(numbered));
        }
        expect(applied).toHaveLength(numbered.filter(({ type }) => type !== 'unknown').length);
      }),
    );
  });

  it('hold one type and each thing once, so that one statement can apply them', () => {
    fc.assert(
      fc.property(events, (list) => {
        for (const batch of batchesByType(list as RecordedEvent[], handled)) {
          expect(new Set(batch.events.map(({ entity }) => entity)).size).toBe(batch.events.length);
          expect(batch.events.every(({ type }) => type === batch.type)).toBe(true);
        }
      }),
    );
  });
});
