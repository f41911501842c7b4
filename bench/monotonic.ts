/** The monotonic clock, in ms: the same in every process of this machine. */
export function monotonicNow(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
