/** A hundred thousand watchers at one member, and among them a client that does not read. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, forEachLimited } from '../runtime/client.ts';
import type { Cluster } from '../runtime/cluster.ts';
import type { Row, Sample } from '../table.ts';
import { countFields, numberIn } from '../wire.ts';
import { put, WATCH_PATH, watchKey, watchRange } from './requests.ts';
import type { Note } from './suite.ts';
import { CREATED, EVENTS, Goal } from './watch-ops.ts';

const STREAMS = 100;
const KEYS = 1_000;
const PUTS_AT_ONCE = 100;
const ROUNDS = 5;
/** Watchers of everything on the stream nobody reads: together they are sent more than any buffer between holds. */
const SLOW_WATCHERS = 40;
const SMALL_WINDOW_BYTES = 65_535;
const GIVE_UP_MS = 120_000;

const PREFIX = 'bench/crowd/';
const PREFIX_END = 'bench/crowd0';
const keyOf = (i: number): string => `${PREFIX}${String(i % KEYS).padStart(4, '0')}`;

/** Rejects after a time: events that are lost would be waited for forever. */
async function within(what: string, work: Promise<void>): Promise<void> {
  const stop = new AbortController();
  const late = sleep(GIVE_UP_MS, undefined, { signal: stop.signal }).then(() => {
    throw new Error(`${what} took more than ${GIVE_UP_MS} ms`);
  });
  await Promise.race([work, late]).finally(() => stop.abort());
}

function counter(goals: { readonly created: Goal; events: Goal }) {
  return (message: Buffer): void => {
    const events = countFields(message, EVENTS);
    if (events > 0) goals.events.add(events);
    else if (numberIn(message, CREATED) === 1) goals.created.add(1);
  };
}

/**
 * Opens them, writes each key once, and counts, so many times; then the slow one reads, and must have missed nothing.
 * @returns events a second of each time
 */
async function crowd(endpoint: string, watchers: number): Promise<number[]> {
  const [crowded, slow, writing] = [
    new Client(endpoint),
    new Client(endpoint, SMALL_WINDOW_BYTES),
    new Client(endpoint),
  ];
  try {
    const goals = { created: new Goal(watchers), events: new Goal(0) };
    const take = counter(goals);
    const streams = Array.from({ length: STREAMS }, () => crowded.open(WATCH_PATH, take));
    for (let i = 0; i < watchers; i += 1) streams[i % STREAMS]?.send(watchKey(keyOf(i)));
    const late = {
      created: new Goal(SLOW_WATCHERS),
      events: new Goal(SLOW_WATCHERS * KEYS * ROUNDS),
    };
    const sleeper = slow.open(WATCH_PATH, counter(late));
    for (let i = 0; i < SLOW_WATCHERS; i += 1) sleeper.send(watchRange(PREFIX, PREFIX_END));
    await within('watching', Promise.all([goals.created.reached, late.created.reached]).then());
    sleeper.pause();
    const keys = Array.from({ length: KEYS }, (_, i) => keyOf(i));
    const rates: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      goals.events = new Goal(watchers);
      const startedMs = performance.now();
      await forEachLimited(keys, PUTS_AT_ONCE, (key) => writing.call(put(key)));
      await within('events beside a slow stream', goals.events.reached);
      rates.push((watchers * 1000) / (performance.now() - startedMs));
    }
    sleeper.resume();
    await within('events of the slow stream', late.events.reached);
    return rates;
  } finally {
    for (const client of [crowded, slow, writing]) client.close();
  }
}

/** @throws Error when an event is missing */
export async function crowdRow(
  clusters: readonly Cluster[],
  watchers: number,
  note: Note,
): Promise<Row> {
  const samples: Record<Cluster['side'], Sample[]> = { ours: [], stock: [] };
  for (const cluster of clusters) {
    const rates = await crowd(await cluster.leader(), watchers);
    const mib = cluster.peakMib().map(Math.round).join(' ');
    const shown = rates.map(Math.round).join(' ');
    note(`${cluster.side} ${watchers} watchers: ${shown} events/s, at most ${mib} MiB`);
    samples[cluster.side].push(...rates.map((value) => ({ value })));
  }
  return { work: `events, ${watchers} watchers, one stream stuck`, unit: 'per second', ...samples };
}
