/**
 * Three real members whose leader is broken again and again under traffic; everything clients saw is judged by the checkers of
 * the simulation.
 */
import { delay } from '@kubets/platform';
import { EtcdClient } from '../../client/index.ts';
import { ProcessCluster } from '../../server/testing/processes.ts';
import { containerSystem } from './containers.ts';
import { FAULTS, type Fault, processSystem, rigSystem, type System } from './faults.ts';
import { type Judged, judge } from './judge.ts';
import { Recorder } from './recorder.ts';
import { Rig } from './rig.ts';

const CLIENTS = 6;
/** How long a fault lasts at least, if it does not mend itself. */
const LASTS_MS: Readonly<Record<Fault, number>> = {
  ...{ kill: 0, pause: 3_000, partition: 3_000, slow: 3_000, full: 3_000 },
};
const SETTLE_MS = 300;
const PROGRESS_WITHIN_MS = 60_000;

export interface ChaosOptions {
  /** How often each fault is made; without a number, never. They come evenly mixed. */
  readonly faults: Readonly<Partial<Record<Fault, number>>>;
  readonly inContainers?: boolean;
  /** No more faults after this long; what there was is judged. */
  readonly withinMs?: number;
  /** No more faults from now on: what there was is judged, and everything is cleared away. */
  readonly signal?: AbortSignal;
  readonly onStep?: (line: string) => void;
}

/** Milliseconds from a fault to the first write that was begun after it and acknowledged. */
export interface Times {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface ChaosResult extends Judged {
  readonly withoutWrites: Readonly<Partial<Record<Fault, Times>>>;
}

/** @throws HistoryViolation, or Error when the cluster does not come back */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const plan = planOf(options.faults);
  await using system = await systemFor(plan, options.inContainers === true);
  const recorder = new Recorder(system.endpoints);
  const times = new Map<Fault, number[]>();
  const giveUpMs = performance.now() + (options.withinMs ?? Number.POSITIVE_INFINITY);
  try {
    recorder.start(CLIENTS);
    await waitForWrite(recorder, performance.now());
    for (const [n, fault] of plan.entries()) {
      if (performance.now() > giveUpMs || options.signal?.aborted === true) break;
      const leader = await leaderOf(system);
      const tookMs = await breakOnce({ system, recorder, fault, leader });
      times.set(fault, [...(times.get(fault) ?? []), tookMs]);
      options.onStep?.(`${n + 1}/${plan.length} ${fault} ${leader}: ${tookMs.toFixed(0)} ms`);
      await delay(SETTLE_MS);
    }
    await recorder.stop();
    const judged = await judge(system.endpoints, recorder);
    const figures = [...times].map(([fault, all]) => [fault, figuresOf(all)]);
    return { ...judged, withoutWrites: Object.fromEntries(figures) };
  } finally {
    await recorder.stop();
    recorder.close();
  }
}

/** Every fault as often as wanted, spread over the whole run. */
export function planOf(wanted: ChaosOptions['faults']): Fault[] {
  const places = FAULTS.flatMap((fault) => {
    const count = wanted[fault] ?? 0;
    return Array.from({ length: count }, (_, i) => ({ fault, at: (i + 0.5) / count }));
  });
  return places.sort((a, b) => a.at - b.at).map(({ fault }) => fault);
}

async function systemFor(plan: readonly Fault[], inContainers: boolean): Promise<System> {
  if (inContainers) return containerSystem();
  const simple = plan.every((fault) => fault === 'kill' || fault === 'pause');
  return simple ? processSystem(await ProcessCluster.start(3)) : rigSystem(await Rig.start());
}

interface Break {
  readonly system: System;
  readonly recorder: Recorder;
  readonly fault: Fault;
  readonly leader: string;
}

async function breakOnce({ system, recorder, fault, leader }: Break): Promise<number> {
  const make = system.faults[fault];
  if (make === undefined) throw new Error(`no fault ${fault} can be made here`);
  const atMs = performance.now();
  const undo = await make(leader);
  try {
    const endedMs = await waitForWrite(recorder, atMs);
    await delay(Math.max(0, atMs + LASTS_MS[fault] - performance.now()));
    return endedMs - atMs;
  } finally {
    await undo();
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

async function leaderOf({ endpoints, names }: System): Promise<string> {
  const client = new EtcdClient({ endpoints });
  const giveUpMs = performance.now() + PROGRESS_WITHIN_MS;
  try {
    while (performance.now() < giveUpMs) {
      for (const [at, endpoint] of endpoints.entries()) {
        const status = await client.status(endpoint, { timeoutMs: 1_000 }).catch(() => undefined);
        const name = names[at];
        if (status !== undefined && name !== undefined && status.leader === status.memberId) {
          return name;
        }
      }
      await delay(20);
    }
    throw new Error('nobody leads');
  } finally {
    client.close();
  }
}

function figuresOf(all: readonly number[]): Times {
  const sorted = [...all].sort((a, b) => a - b);
  const at = (share: number): number =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  return { count: all.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}
