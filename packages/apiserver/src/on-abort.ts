import { type Clock, delay } from '@kubets/platform';
import { WATCH_END_PAUSE_MS } from './limits.ts';

/** Everybody who waits for a signal, by the signal. */
const waiting = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls back when a signal that many wait for is aborted; not if it has been. A signal looks through all of its listeners to
 * add or to take off one, which with a watch for each of thousands of nodes was a tenth of the server's work; here both cost
 * the same however many there are.
 * @returns how to wait no longer
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const all = waiting.get(signal) ?? waitFor(signal);
  const entry = (): void => callback();
  all.add(entry);
  return () => all.delete(entry);
}

function waitFor(signal: AbortSignal): Set<() => void> {
  const all = new Set<() => void>();
  waiting.set(signal, all);
  signal.addEventListener(
    'abort',
    () => {
      const told = [...all];
      all.clear();
      for (const each of told) each();
    },
    { once: true },
  );
  return all;
}

/**
 * Aborts a signal, but calls back those who wait for it a few at a time, so that not all of them come back elsewhere at once.
 * @param withinMs the time for all of them; 0: at once
 */
export async function abortInTurn(
  controller: AbortController,
  { withinMs, clock }: { readonly withinMs: number; readonly clock: Clock },
): Promise<void> {
  const all = waiting.get(controller.signal) ?? new Set();
  const parts = Math.max(1, Math.floor(withinMs / WATCH_END_PAUSE_MS));
  const each = Math.ceil(all.size / parts);
  for (let part = 1; part < parts && all.size > each; part += 1) {
    for (const one of [...all].slice(0, each)) {
      all.delete(one);
      one();
    }
    await delay(WATCH_END_PAUSE_MS, { clock });
  }
  controller.abort();
}
