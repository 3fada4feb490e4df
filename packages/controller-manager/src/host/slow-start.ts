import { SLOW_START_INITIAL_BATCH } from '../limits.ts';

/**
 * Calls `run` `count` times in batches of 1, 2, 4 …, each batch in parallel, and stops after the
 * first batch with a failure: a quota that forbids the first pod must not be asked a thousand times.
 * @returns how many succeeded, and the first failure
 */
export async function slowStart(
  count: number,
  run: () => Promise<void>,
): Promise<{ succeeded: number; error?: unknown }> {
  let succeeded = 0;
  let batch = SLOW_START_INITIAL_BATCH;
  let left = count;
  while (left > 0) {
    const size = Math.min(batch, left);
    const results = await Promise.allSettled(Array.from({ length: size }, run));
    succeeded += results.filter((r) => r.status === 'fulfilled').length;
    const failed = results.find((r) => r.status === 'rejected');
    if (failed) return { succeeded, error: failed.reason };
    left -= size;
    batch *= 2;
  }
  return { succeeded };
}

/** Runs over the items with at most `width` at a time; every item is tried, failures are collected. */
export async function forEachLimit<T>(
  items: readonly T[],
  width: number,
  run: (item: T) => Promise<void>,
): Promise<unknown[]> {
  const failures: unknown[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) {
      await run(item).catch((error: unknown) => failures.push(error));
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker));
  return failures;
}
