/** What every phase of a run has in hand. */
import type { Clock, Random } from '@kubets/platform';
import { delay } from '@kubets/platform';
import { BenchError } from '../errors.ts';
import { STALL_MS } from '../limits.ts';
import type { OwnCluster } from '../runtime/own-cluster.ts';
import type { Call, RestClient } from '../runtime/rest-client.ts';
import type { NodesConfig } from './config.ts';
import type { Fleet } from './fleet.ts';
import type { Measure } from './measure.ts';
import type { Workload } from './objects.ts';
import type { Observer } from './observer.ts';
import type { Probe } from './probe.ts';
import type { Requests } from './requests.ts';

export interface RunContext {
  readonly config: NodesConfig;
  readonly run: string;
  readonly client: RestClient;
  readonly requests: Requests<Call>;
  readonly fleet: Fleet;
  readonly observer: Observer;
  readonly probe: Probe;
  readonly measure: Measure;
  readonly workloads: readonly Workload[];
  readonly cluster: OwnCluster | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  /** Shows how far the phase is. */
  readonly progress: (text: string) => void;
}

const LOOK_MS = 200;

/**
 * Waits until a count reaches a goal.
 * @throws BenchError when it stands still for too long
 */
export async function reach(
  ctx: RunContext,
  what: { count: () => number; goal: number; text: string; down?: boolean },
): Promise<void> {
  const { clock, signal, progress } = ctx;
  const { count, goal, text, down = false } = what;
  let last = count();
  let movedMs = clock.monotonicMs();
  for (;;) {
    const now = count();
    progress(`${text}: ${now} of ${goal}`);
    if (down ? now <= goal : now >= goal) return;
    const nowMs = clock.monotonicMs();
    if (now !== last) {
      last = now;
      movedMs = nowMs;
    } else if (nowMs - movedMs > STALL_MS) {
      throw new BenchError(`${text}: stands still at ${now} of ${goal}`);
    }
    await delay(LOOK_MS, { clock, signal });
  }
}

/** Does something so many times a second, for as long as told; late ones are caught up with. */
export async function atRate(
  ctx: RunContext,
  plan: { perSecond: number; count: number; work: (index: number) => void; text: string },
): Promise<void> {
  const { clock, signal, progress } = ctx;
  const startMs = clock.monotonicMs();
  for (let index = 0; index < plan.count; index += 1) {
    const dueMs = startMs + (index * 1_000) / plan.perSecond;
    const waitMs = dueMs - clock.monotonicMs();
    if (waitMs > 0) await delay(waitMs, { clock, signal });
    plan.work(index);
    progress(`${plan.text}: ${index + 1} of ${plan.count}`);
  }
}
