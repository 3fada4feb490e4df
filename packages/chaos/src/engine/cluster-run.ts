/** A run against a whole cluster: its processes are killed or stopped, its Kubernetes API is judged. */
import { delay, errorMessage, type Random } from '@kubets/platform';
import { ChaosError } from '../errors.ts';
import type { History, RunFacts } from '../history/records.ts';
import { LIMITS } from '../limits.ts';
import type { FaultRecord, PlannedFault } from '../ports.ts';
import type { KubetsCluster } from '../runtime/kubets-cluster.ts';
import { KubeWorkloads } from '../workload/kube-workloads.ts';
import { LeaderWatch } from './leader-watch.ts';

export interface ClusterRunOptions {
  readonly cluster: KubetsCluster;
  readonly plan: readonly PlannedFault[];
  readonly facts: Omit<RunFacts, 'startedMs' | 'endedMs' | 'target' | 'members' | 'idle'>;
  readonly random: Random;
  readonly signal: AbortSignal;
  readonly onFault: (record: FaultRecord) => void;
}

/** Whom a fault hits, by the dice: the store's leader half of the time, an apiserver, a component that has others standing by. */
const SHARES: readonly (readonly [upTo: number, role: string])[] = [
  [0.5, 'etcd'],
  [0.75, 'apiserver'],
  [0.875, 'controller-manager'],
  [1, 'scheduler'],
];
const LOOK_MS = 5;
const WARM_UP_MS = 1_000;

export async function runCluster(options: ClusterRunOptions): Promise<History> {
  const { cluster, plan, facts, random, signal } = options;
  const startedMs = performance.now();
  const leaders = new LeaderWatch(cluster.members, cluster.etcdTls);
  const workloads = new KubeWorkloads(cluster, random, `kubets-chaos-${facts.seed}`);
  const run = new ClusterFaults(options, workloads, leaders);
  const complaints: string[] = [];
  await workloads.start();
  await delay(WARM_UP_MS);
  try {
    for (const planned of plan) {
      if (signal.aborted) break;
      await run.make(planned);
    }
  } catch (error) {
    if (!(error instanceof ChaosError)) throw error;
    complaints.push(errorMessage(error));
  }
  const { records, late } = await workloads.finish();
  await leaders.stop();
  if (complaints.length === 0) {
    complaints.push(...late.map((one) => `an informer at ${one} does not come to the end`));
  }
  return {
    facts: {
      ...facts,
      ...{ target: `the cluster of ${cluster.dir}`, startedMs, endedMs: performance.now() },
      ...{ members: cluster.members.map(({ name }) => name), idle: [] },
    },
    ...{ operations: [], watches: [], leases: [], seenMs: new Map(), bankTotal: undefined },
    ...{ faults: run.records, leaders: leaders.samples, complaints, kube: records },
  };
}

class ClusterFaults {
  readonly records: FaultRecord[] = [];
  readonly #options: ClusterRunOptions;
  readonly #leaders: LeaderWatch;
  #faultMs = Number.POSITIVE_INFINITY;
  #firstWriteMs = 0;

  constructor(options: ClusterRunOptions, workloads: KubeWorkloads, leaders: LeaderWatch) {
    this.#options = options;
    this.#leaders = leaders;
    workloads.onWrite = (begunMs, endedMs) => {
      if (begunMs >= this.#faultMs && this.#firstWriteMs === 0) this.#firstWriteMs = endedMs;
    };
  }

  async #victim(dice: number): Promise<{ member: string; leads: boolean }> {
    const { cluster } = this.#options;
    const role = SHARES.find(([upTo]) => dice < upTo)?.[1] ?? 'etcd';
    const names = cluster.named(role);
    const leader = await this.#leaders.wait(LIMITS.progressMs);
    if (role === 'etcd' && leader !== undefined) return { member: leader, leads: true };
    const member = names[Math.floor(dice * 997) % names.length];
    if (member === undefined) throw new ChaosError(`no ${role} runs`);
    return { member, leads: false };
  }

  /** @throws ChaosError when the cluster does not overcome it */
  async make(planned: PlannedFault): Promise<void> {
    const { cluster, onFault, signal } = this.#options;
    const { kind, holdMs, settleMs, dice } = planned;
    const { member, leads } = await this.#victim(dice);
    const startMs = performance.now();
    this.#firstWriteMs = 0;
    this.#faultMs = startMs;
    const mend = kind === 'stop' ? await this.#stop(member, holdMs) : cluster.kill(member);
    await this.#write(startMs);
    await rest(startMs + holdMs - performance.now(), signal);
    await mend();
    const undoneMs = performance.now();
    const record: FaultRecord = {
      ...{ number: this.records.length + 1, kind, member, wasLeader: leads, startMs, undoneMs },
      ...{ recoveredMs: performance.now(), withoutWritesMs: this.#firstWriteMs - startMs },
      detail: kind === 'stop' ? 'SIGSTOP' : 'SIGKILL',
    };
    this.records.push(record);
    onFault(record);
    await rest(settleMs, signal);
  }

  async #stop(member: string, holdMs: number): Promise<() => Promise<void>> {
    const { cluster } = this.#options;
    const guarded = await cluster.stop(member, holdMs);
    return async () => {
      await guarded.undo();
      await cluster.ready(member);
    };
  }

  async #write(startMs: number): Promise<void> {
    while (this.#firstWriteMs === 0) {
      if (performance.now() > startMs + LIMITS.progressMs) {
        throw new ChaosError(`no write was acknowledged for ${LIMITS.progressMs / 1_000} s`);
      }
      await delay(LOOK_MS);
    }
  }
}

async function rest(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0 || signal.aborted) return;
  await delay(ms, { signal }).catch(() => undefined);
}
