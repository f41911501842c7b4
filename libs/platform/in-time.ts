/**
 * What a promise resolves or rejects with, or `late()` where that takes longer.
 * @param withinMs in milliseconds
 */
export function inTime<Result>(promise: Promise<Result>, withinMs: number, late: () => Error): Promise<Result> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(late()), withinMs);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
