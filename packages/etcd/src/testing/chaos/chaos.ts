/**
 * Three members as processes, whose leader is killed or stopped again and again under traffic; everything clients saw is
 * judged by the checkers of the simulation.
 */
import { delay } from '@kubets/platform';
import { ProcessCluster } from '../../server/testing/processes.ts';
import { checkHistory } from '../store/check-history.ts';
import { checkWatch, covered } from '../store/check-watch.ts';
import type { Change } from '../store/history.ts';
import { modelOf } from '../store/model.ts';
import { Recorder } from './recorder.ts';

const CLIENTS = 6;
const PAUSE_MS = 3_000;
const SETTLE_MS = 300;
const HEALTH_WAITS = 6;
const PROGRESS_WITHIN_MS = 60_000;

export interface ChaosOptions {
  /** How often the leader's process is killed. */
  readonly kills: number;
  /** How often it is stopped for some seconds instead, and then goes on. */
  readonly pauses: number;
  /** No more faults after this long; what there was is judged. */
  readonly withinMs?: number;
  readonly onStep?: (line: string) => void;
}

export interface ChaosResult {
  readonly kills: number;
  readonly pauses: number;
  readonly operations: number;
  readonly acknowledged: number;
  readonly unknown: number;
  readonly revisions: number;
  readonly watchEvents: number;
  /** From the fault to the first write that was begun after it and acknowledged. */
  readonly killMs: { readonly p50: number; readonly p99: number; readonly max: number };
  readonly pauseMs: { readonly p50: number; readonly p99: number; readonly max: number };
}

/** @throws HistoryViolation, or Error when the cluster does not come back */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const { kills, pauses, onStep = () => undefined } = options;
  await using cluster = await ProcessCluster.start(3);
  const recorder = new Recorder(cluster.endpoints);
  const killMs: number[] = [];
  const pauseMs: number[] = [];
  try {
    recorder.start(CLIENTS);
    await waitForWrite(recorder, performance.now());
    const total = kills + pauses;
    const giveUpMs = performance.now() + (options.withinMs ?? Number.POSITIVE_INFINITY);
    for (let n = 0; n < total && performance.now() < giveUpMs; n += 1) {
      const pause = Math.floor(((n + 1) * pauses) / total) > Math.floor((n * pauses) / total);
      const leader = await leaderOf(cluster);
      const tookMs = pause
        ? await pauseOnce(cluster, recorder, leader)
        : await killOnce(cluster, recorder, leader);
      (pause ? pauseMs : killMs).push(tookMs);
      onStep(
        `${n + 1}/${total} ${pause ? 'stopped' : 'killed'} ${leader}: ${tookMs.toFixed(0)} ms`,
      );
      await delay(SETTLE_MS);
    }
    await recorder.stop();
    const judged = await judge(cluster, recorder);
    const counts = { kills: killMs.length, pauses: pauseMs.length };
    return { ...counts, ...judged, killMs: figures(killMs), pauseMs: figures(pauseMs) };
  } finally {
    await recorder.stop();
    recorder.close();
  }
}

async function killOnce(
  cluster: ProcessCluster,
  recorder: Recorder,
  leader: string,
): Promise<number> {
  const atMs = performance.now();
  await cluster.kill(leader);
  const endedMs = await waitForWrite(recorder, atMs);
  cluster.spawn(leader);
  await backAgain(cluster, leader);
  return endedMs - atMs;
}

/** On a busy machine a member may take longer than one wait for it to be healthy. */
async function backAgain(cluster: ProcessCluster, name: string): Promise<void> {
  for (let waits = 1; waits < HEALTH_WAITS; waits += 1) {
    const healthy = await cluster.healthy(name).then(
      () => true,
      () => false,
    );
    if (healthy) return;
  }
  await cluster.healthy(name);
}

async function pauseOnce(
  cluster: ProcessCluster,
  recorder: Recorder,
  leader: string,
): Promise<number> {
  const atMs = performance.now();
  cluster.signal(leader, 'SIGSTOP');
  try {
    const endedMs = await waitForWrite(recorder, atMs);
    await delay(Math.max(0, atMs + PAUSE_MS - performance.now()));
    return endedMs - atMs;
  } finally {
    cluster.signal(leader, 'SIGCONT');
    await backAgain(cluster, leader);
  }
}

/** @returns when the first write begun after a time was acknowledged */
async function waitForWrite(recorder: Recorder, atMs: number): Promise<number> {
  for (;;) {
    const write = recorder.firstWriteAfter(atMs);
    if (write !== undefined) return write.endedMs;
    if (performance.now() > atMs + PROGRESS_WITHIN_MS) throw new Error('no write is acknowledged');
    await delay(2);
  }
}

async function leaderOf(cluster: ProcessCluster): Promise<string> {
  const client = cluster.client();
  try {
    for (;;) {
      for (const [at, endpoint] of cluster.endpoints.entries()) {
        const status = await client.status(endpoint, { timeoutMs: 1_000 }).catch(() => undefined);
        const name = cluster.names[at];
        if (status !== undefined && name !== undefined && status.leader === status.memberId) {
          return name;
        }
      }
      await delay(20);
    }
  } finally {
    client.close();
  }
}

async function judge(cluster: ProcessCluster, recorder: Recorder) {
  const client = cluster.client();
  const { revision } = await client.get(Buffer.from('a'));
  client.close();
  const newest = Number(revision);
  const whole = recorder.watch(cluster.endpoints);
  const giveUpMs = performance.now() + PROGRESS_WITHIN_MS;
  for (const record of recorder.watches) {
    // A lease may end meanwhile: whatever comes after `newest` is no concern.
    while (covered(record) < newest) {
      if (performance.now() > giveUpMs) throw new Error('a watcher does not get everything');
      await delay(20);
    }
    record.mustReach = newest;
  }
  const agreed = new Map<number, Change[]>();
  for (const message of whole.messages) {
    if (message.type !== 'events') continue;
    for (const { type, kv } of message.events) {
      agreed.set(kv.mod, [...(agreed.get(kv.mod) ?? []), { type, kv }]);
    }
  }
  const model = modelOf(agreed);
  const { operations, watches } = recorder;
  checkHistory(model, operations);
  for (const record of watches) checkWatch(model, record, { compactedUpTo: 0 });
  const count = (type: string): number => operations.filter((o) => o.outcome.type === type).length;
  return {
    operations: operations.length,
    acknowledged: count('ok'),
    unknown: count('unknown'),
    revisions: model.revision,
    watchEvents: watches.reduce((sum, one) => sum + eventsIn(one), 0),
  };
}

function eventsIn({ messages }: Recorder['watches'][number]): number {
  return messages.reduce((sum, one) => sum + (one.type === 'events' ? one.events.length : 0), 0);
}

function figures(all: readonly number[]): { p50: number; p99: number; max: number } {
  const sorted = [...all].sort((a, b) => a - b);
  const at = (share: number): number =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}
