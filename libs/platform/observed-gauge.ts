import { Logger } from '@nestjs/common';
import { Gauge } from 'prom-client';

/** A value, and what it is of. Labels have few values each, and no person's. */
export interface Reading<Label extends string = string> {
  readonly labels?: Partial<Record<Label, string>>;
  readonly value: number;
}

/** Reads what a gauge shows. One that fails leaves its series out of the answer. */
export type Source<Label extends string> = () => readonly Reading<Label>[] | Promise<readonly Reading<Label>[]>;

/** A gauge that is read when somebody asks for it. */
export interface ObservedGauge<Label extends string> {
  /** @returns what ends it */
  observe(source: Source<Label>): () => void;
}

/** Makes a gauge whose values come from whoever has them now: a pool, a consumer. Made once, as its module is loaded. */
export function observedGauge<Label extends string = never>(options: {
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly Label[];
}): ObservedGauge<Label> {
  const { name, help, labelNames = [] } = options;
  const sources = new Set<Source<Label>>();
  const logger = new Logger('Metrics');
  const failing = new Set<Source<Label>>();
  new Gauge({
    name,
    help,
    labelNames: [...labelNames],
    async collect() {
      const read = await Promise.all(
        [...sources].map(async (source) => {
          try {
            const readings = await source();
            failing.delete(source);
            return readings;
          } catch (error) {
            // What cannot be read has no value: a gap in the curve, and one line.
            if (!failing.has(source)) logger.warn(`${name} is not read: ${(error as Error).message}`);
            failing.add(source);
            return [];
          }
        }),
      );
      this.reset();
      for (const { labels = {}, value } of read.flat()) this.set(labels as Record<Label, string>, value);
    },
  });
  return {
    observe(source) {
      sources.add(source);
      return () => {
        sources.delete(source);
        failing.delete(source);
      };
    },
  };
}

/** The same answer for whoever asks within a second: what is read from a server is read once for all series, and scrapers. */
export function onceASecond<Answer>(read: () => Promise<Answer>): () => Promise<Answer> {
  let last: { at: number; answer: Promise<Answer> } | undefined;
  return () => {
    if (!last || performance.now() - last.at > 1000) last = { at: performance.now(), answer: read() };
    return last.answer;
  };
}
