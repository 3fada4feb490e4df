/** How much memory members take: with a long history, and over a long time. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, forEachLimited } from '../runtime/client.ts';
import type { Cluster } from '../runtime/cluster.ts';
import { median, slopeOf } from '../stats.ts';
import type { Row, Sample } from '../table.ts';
import { bytesIn, numberIn } from '../wire.ts';
import { compact, put } from './requests.ts';
import type { Note } from './suite.ts';

const PUTS_AT_ONCE = 500;
/** What is left of the load has been written and freed by then. */
const CALM_MS = 5_000;
const LIMIT_MIB = 350;
const SAMPLE_MS = 1_000;
/** Every so many samples one is told. */
const NOTED_SAMPLES = 10;
const KEPT_REVISIONS = 10_000;
const STEADY_KEYS = 1_000;
/** How much more a member may take in the last quarter of a steady load than in its second. */
const STEADY_LIMIT = 1.1;

const keyOf = (i: number): string => `bench/memory/${String(i).padStart(8, '0')}`;

function* keysInTurn(keys: number, revisions: number): Generator<string> {
  for (let i = 0; i < revisions; i += 1) yield keyOf(i % keys);
}

/** Each revision a put of its own, over all keys in turn; the largest member counts. */
export async function memoryRow(
  clusters: readonly Cluster[],
  plan: { readonly keys: number; readonly revisions: number },
  note: Note,
): Promise<Row> {
  const samples: Record<Cluster['side'], Sample[]> = { ours: [], stock: [] };
  for (const cluster of clusters) {
    const client = new Client(await cluster.leader());
    try {
      const writes = keysInTurn(plan.keys, plan.revisions);
      await forEachLimited(writes, PUTS_AT_ONCE, (key) => client.call(put(key)));
    } finally {
      client.close();
    }
    await sleep(CALM_MS);
    const [now, peak] = [cluster.memoryMib(), cluster.peakMib()];
    note(`${cluster.side} memory, MiB: ${shown(now)}; at most ${shown(peak)}`);
    samples[cluster.side].push({ value: Math.max(...now) });
  }
  const work = `memory, ${plan.revisions} revisions of ${plan.keys} keys`;
  return { work, unit: 'MiB', limit: LIMIT_MIB, ...samples };
}

const shown = (mib: readonly number[]): string => mib.map(Math.round).join(' ');

/** Writes as fast as they are taken, the history kept short; memory of the last quarter over that of the second one. */
export async function steadyRow(
  clusters: readonly Cluster[],
  plan: { readonly seconds: number },
  note: Note,
): Promise<Row> {
  const samples: Record<Cluster['side'], Sample[]> = { ours: [], stock: [] };
  for (const cluster of clusters) {
    const taken = await underLoad(cluster, plan.seconds, note);
    const quarter = Math.floor(taken.length / 4);
    const early = median(taken.slice(quarter, 2 * quarter));
    const late = median(taken.slice(-quarter));
    const perMinute = (slopeOf(taken.slice(2 * quarter)) * 60_000) / SAMPLE_MS;
    const growth = `${Math.round(early)}, later ${Math.round(late)}`;
    note(
      `${cluster.side} steady load, MiB: ${growth}; ${perMinute.toFixed(2)} a minute at the end`,
    );
    samples[cluster.side].push({ value: late / early });
  }
  const work = `memory after a load of ${plan.seconds} s to before`;
  return { work, unit: 'growth', limit: STEADY_LIMIT, ...samples };
}

/** @returns the largest member's memory, second by second */
async function underLoad(cluster: Cluster, seconds: number, note: Note): Promise<number[]> {
  const client = new Client(await cluster.leader());
  const untilMs = performance.now() + seconds * 1000;
  const taken: number[] = [];
  let revision = 0;
  const writes = function* (): Generator<string> {
    for (let i = 0; performance.now() < untilMs; i += 1) yield keyOf(i % STEADY_KEYS);
  };
  const write = async (key: string): Promise<void> => {
    const answer = await client.call(put(key));
    revision = Math.max(revision, numberIn(bytesIn(answer, 1), 3));
  };
  const watchMemory = async (): Promise<void> => {
    let compacted = 0;
    while (performance.now() < untilMs) {
      await sleep(SAMPLE_MS);
      const now = cluster.memoryMib();
      taken.push(Math.max(...now));
      if (taken.length % NOTED_SAMPLES === 0) {
        note(`${cluster.side} after ${taken.length} s, revision ${revision}, MiB: ${shown(now)}`);
      }
      const old = revision - KEPT_REVISIONS;
      if (old <= compacted + KEPT_REVISIONS) continue;
      await client.call(compact(old));
      compacted = old;
    }
  };
  try {
    await Promise.all([forEachLimited(writes(), PUTS_AT_ONCE, write), watchMemory()]);
  } finally {
    client.close();
  }
  return taken;
}
