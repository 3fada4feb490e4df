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
