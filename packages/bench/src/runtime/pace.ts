/** Work spread over time. */
import { setTimeout as sleep } from 'node:timers/promises';

export const waitMs = (ms: number): Promise<void> => sleep(ms);

/** Repeats the work for each name, one worker a name, until the time is over. */
export async function changeFor(
  ms: number,
  names: readonly string[],
  work: (name: string, turn: number) => Promise<void>,
): Promise<void> {
  const untilMs = performance.now() + ms;
  await Promise.all(
    names.map(async (name) => {
      for (let turn = 0; performance.now() < untilMs; turn += 1) await work(name, turn);
    }),
  );
}

const TICK_MS = 1;

/** Calls back for 0, 1, … `count` - 1 and again, evenly, each once a period, for so long. Resolves when all have been done. */
export async function everyPeriod(
  o: { count: number; periodMs: number; forMs: number },
  work: (index: number) => Promise<void>,
): Promise<void> {
  const startedMs = performance.now();
  const running = new Set<Promise<void>>();
  let done = 0;
  for (let now = 0; now < o.forMs; now = performance.now() - startedMs) {
    const due = Math.floor((now / o.periodMs) * o.count);
    for (; done < due; done += 1) {
      const one = work(done % o.count).finally(() => running.delete(one));
      running.add(one);
    }
    await sleep(TICK_MS);
  }
  await Promise.all(running);
}

/** The time now as the API writes it in leases. */
export const microTimeNow = (): string => `${new Date().toISOString().slice(0, -1)}000Z`;
