/** How fast events reach many watchers. */
import { Client, type Duplex, forEachLimited } from '../runtime/client.ts';
import type { Row, Sample } from '../table.ts';
import { countFields, numberIn } from '../wire.ts';
import { put, WATCH_PATH, watchKey } from './requests.ts';
import { interleave, type Note, type Target } from './suite.ts';

const STREAMS = 10;
const PUTS_AT_ONCE = 100;
/** Puts to the one key all watch: each makes as many events as there are watchers. */
const SHARED_KEY_PUTS = 20;
/** Runs of each side before those that count. */
const WARM_UPS = 2;

/** Fields of an answer on a watch stream. */
export const CREATED = 3;
export const EVENTS = 11;

/** Counts up to a goal. */
export class Goal {
  readonly reached: Promise<void>;
  #left: number;
  #resolve: () => void = () => undefined;

  constructor(goal: number) {
    this.#left = goal;
    this.reached = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  add(count: number): void {
    this.#left -= count;
    if (this.#left <= 0) this.#resolve();
  }
}

/** Opens one watcher a key over a few streams. */
function openWatchers(
  client: Client,
  keys: readonly string[],
  goals: { readonly created: Goal; readonly events: Goal },
): Duplex[] {
  const onMessage = (message: Buffer): void => {
    const events = countFields(message, EVENTS);
    if (events > 0) goals.events.add(events);
    else if (numberIn(message, CREATED) === 1) goals.created.add(1);
  };
  const streams = Array.from({ length: STREAMS }, () => client.open(WATCH_PATH, onMessage));
  for (const [i, key] of keys.entries()) streams[i % STREAMS]?.send(watchKey(key));
  return streams;
}

/** @param watched a key for each watcher @param written the keys put, one after the other */
async function fanOut(
  target: Target,
  watched: readonly string[],
  written: readonly string[],
  eventCount: number,
): Promise<Sample> {
  const [watching, writing] = [new Client(target.endpoint), new Client(target.endpoint)];
  try {
    const goals = { created: new Goal(watched.length), events: new Goal(eventCount) };
    const streams = openWatchers(watching, watched, goals);
    await goals.created.reached;
    const cpuBefore = target.cpuSeconds?.() ?? Number.NaN;
    const startedMs = performance.now();
    await forEachLimited(written, PUTS_AT_ONCE, (key) => writing.call(put(key)));
    await goals.events.reached;
    const seconds = (performance.now() - startedMs) / 1000;
    const cpuSeconds = (target.cpuSeconds?.() ?? Number.NaN) - cpuBefore;
    for (const stream of streams) stream.close();
    return { value: eventCount / seconds, cpuUs: (cpuSeconds * 1e6) / eventCount };
  } finally {
    watching.close();
    writing.close();
  }
}

export async function watchRows(
  targets: readonly Target[],
  plan: { readonly watchers: number; readonly rounds: number },
  note: Note,
): Promise<Row[]> {
  const { watchers, rounds } = plan;
  const own = Array.from({ length: watchers }, (_, i) => `bench/watch/${i}`);
  const shared = own.map(() => 'bench/watched');
  const written = Array.from({ length: SHARED_KEY_PUTS }, () => 'bench/watched');
  const run = async (watched: readonly string[], puts: readonly string[], count: number) => {
    // A run takes a fraction of a second: the first ones would measure how long programs take to warm up, the client's too.
    for (let i = 0; i < WARM_UPS; i++) {
      for (const target of targets) await fanOut(target, watched, puts, count);
    }
    return interleave(targets, rounds, async (target) => {
      const sample = await fanOut(target, watched, puts, count);
      const cpu = `${sample.cpuUs?.toFixed(2)} µs`;
      note(`${target.side} watch: ${Math.round(sample.value)} events/s, ${cpu}`);
      return sample;
    });
  };
  return [
    {
      work: `watch events, 1 key, ${watchers} watchers`,
      unit: 'per second',
      goal: 1,
      ...(await run(shared, written, watchers * SHARED_KEY_PUTS)),
    },
    {
      work: `watch events, ${watchers} keys, one watcher each`,
      unit: 'per second',
      goal: 1,
      ...(await run(own, own, watchers)),
    },
  ];
}
