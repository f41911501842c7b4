import type { LoadResult } from './load.js';
import { percentile } from './statistics.js';

/** Prime, and so larger than any common step of the requests: consecutive ones lie far apart. */
const STRIDE = 7_919;
const PERCENTILES = [50, 75, 90, 95, 99, 99.9];
/** Where each list of requests goes on with the next measurement. */
const places = new Map<string, number>();

/** So many clients, each of which asks again as soon as it has its answer, until the time is over. */
export async function askInTurn<Request>(
  name: string,
  requests: readonly Request[],
  { clients, milliseconds }: { clients: number; milliseconds: number },
  ask: (request: Request, client: number) => Promise<void>,
): Promise<LoadResult> {
  let place = places.get(name) ?? 0;
  const latencies: number[] = [];
  const begun = performance.now();
  const end = begun + milliseconds;
  const client = async (_: unknown, index: number) => {
    for (let now = performance.now(); now < end; ) {
      place = (place + STRIDE) % requests.length;
      await ask(requests[place] as Request, index);
      const answered = performance.now();
      latencies.push(answered - now);
      now = answered;
    }
  };
  await Promise.all(Array.from({ length: clients }, client));

  places.set(name, place);
  return resultOf(latencies, performance.now() - begun);
}

/** What operations come to that took so long each, and so long together, in ms. */
export function resultOf(latencies: readonly number[], milliseconds: number): LoadResult {
  const sorted = Float64Array.from(latencies).sort();
  return {
    count: sorted.length,
    rate: (sorted.length / milliseconds) * 1_000,
    p50: percentile(sorted, 0.5),
    p99: percentile(sorted, 0.99),
    percentiles: Object.fromEntries(PERCENTILES.map((each) => [each, percentile(sorted, each / 100)])),
  };
}
