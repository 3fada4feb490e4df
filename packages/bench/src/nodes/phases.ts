/** What a run does, phase by phase. Each may be interrupted and begun again: what is there already is taken as it is. */
import { delay } from '@kubets/platform';
import { eachOf as eachLane } from '../lanes.ts';
import { COORDINATOR_IN_FLIGHT } from '../limits.ts';
import type { PhaseName } from './config.ts';
import { killLeaders } from './kill.ts';
import {
  deployment,
  type Json,
  namespace,
  plainPod,
  RUN_LABEL,
  service,
  type Workload,
} from './objects.ts';
import { isStatus } from './requests.ts';
import { atRate, type RunContext, reach } from './run-context.ts';
import { shareOf } from './workloads.ts';

/** @returns what was done, in a sentence */
export type Phase = (ctx: RunContext) => Promise<string>;

const LATENCY_NAMESPACE = 'bench-latency';
const ROLLING_SHARE = 0.1;
const STRATEGIC = 'application/strategic-merge-patch+json';

const deploymentsIn = (name: string): string => `/apis/apps/v1/namespaces/${name}/deployments`;

const eachOf = <T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> =>
  eachLane(items, COORDINATOR_IN_FLIGHT, work);

/** Creates unless it is there. */
async function ensure({ requests }: RunContext, path: string, body: Json): Promise<void> {
  await requests.sure({ verb: 'POST', path, body }).catch((error: unknown) => {
    if (!isStatus(error, 409)) throw error;
  });
}

async function remove({ requests }: RunContext, path: string, body?: Json): Promise<void> {
  const call = { verb: 'DELETE' as const, path, ...(body === undefined ? {} : { body }) };
  await requests.sure(call).catch((error: unknown) => {
    if (!isStatus(error, 404)) throw error;
  });
}

const register: Phase = async (ctx) => {
  const { fleet, config } = ctx;
  const goal = config.nodes;
  await reach(ctx, { count: () => fleet.sum((r) => r.registered), goal, text: 'registered' });
  await reach(ctx, { count: () => fleet.sum((r) => r.ready), goal, text: 'ready' });
  return `${goal} nodes registered and ready for pods`;
};

const saturate: Phase = async (ctx) => {
  const { workloads, observer, config, run, clock } = ctx;
  const total = workloads.reduce((sum, { replicas }) => sum + replicas, 0);
  const namespaces = [...new Set(workloads.map((one) => one.namespace))];
  await eachOf(namespaces, (name) => ensure(ctx, '/api/v1/namespaces', namespace(name, run)));
  let wanted = 0;
  const running = (): number => observer.stages.counts.running;
  const text = 'pods running';
  for (const batch of batches(workloads, Math.max(1, config.window / 4))) {
    await eachOf(batch, async (workload) => {
      const { namespace: name } = workload;
      if (workload.service) {
        await ensure(ctx, `/api/v1/namespaces/${name}/services`, service(workload, run));
      }
      await ensure(ctx, deploymentsIn(name), deployment(workload, run));
    });
    wanted += batch.reduce((sum, { replicas }) => sum + replicas, 0);
    const goal = Math.max(0, wanted - config.window);
    await reach(ctx, { count: running, goal, text: `${text} (${total} in the end)` });
  }
  await reach(ctx, { count: running, goal: total, text });
  const rate = total / ctx.measure.phaseSeconds(clock.now());
  ctx.measure.figures['pods started a second while filling up (more is better)'] ??= rate;
  return `${total} pods in ${workloads.length} Deployments, ${rate.toFixed(0)} pods a second`;
};

/** Cuts workloads into pieces of about so many pods. */
function batches(workloads: readonly Workload[], pods: number): Workload[][] {
  const pieces: Workload[][] = [];
  let piece: Workload[] = [];
  let count = 0;
  for (const workload of workloads) {
    piece.push(workload);
    count += workload.replicas;
    if (count < pods) continue;
    pieces.push(piece);
    piece = [];
    count = 0;
  }
  return piece.length > 0 ? [...pieces, piece] : pieces;
}

const rest: Phase = async ({ config, clock, signal, progress }) => {
  for (let second = 0; second < config.restSeconds; second += 1) {
    progress(`at rest: ${second} of ${config.restSeconds} s`);
    await delay(1_000, { clock, signal });
  }
  return `${config.restSeconds} s with nothing but heartbeats`;
};

const latency: Phase = async (ctx) => {
  const { config, observer, run, clock, requests } = ctx;
  const count = config.latencyPods;
  await ensure(ctx, '/api/v1/namespaces', namespace(LATENCY_NAMESPACE, run));
  const before = observer.stages.counts.running;
  const pods = `/api/v1/namespaces/${LATENCY_NAMESPACE}/pods`;
  const name = (index: number): string => `latency-${index}`;
  const sent: Promise<unknown>[] = [];
  await atRate(ctx, {
    ...{ perSecond: config.latencyRate, count, text: 'latency pods' },
    work(index) {
      observer.stages.sent(`${LATENCY_NAMESPACE}/${name(index)}`, clock.now());
      const body = plainPod(name(index), LATENCY_NAMESPACE, run);
      sent.push(requests.sure({ verb: 'POST', path: pods, body }).catch(ignoreConflict));
    },
  });
  await Promise.all(sent);
  const running = (): number => observer.stages.counts.running;
  await reach(ctx, { count: running, goal: before + count, text: 'running' });
  await eachOf(
    Array.from({ length: count }, (_unused, index) => index),
    (index) => remove(ctx, `${pods}/${name(index)}`),
  );
  await reach(ctx, { count: running, goal: before, text: 'left', down: true });
  return `${count} pods one by one, ${config.latencyRate} a second`;
};

function ignoreConflict(error: unknown): void {
  if (!isStatus(error, 409)) throw error;
}

/** Deletes running pods at a rate; their Deployments make others. */
export async function churnFor(ctx: RunContext, seconds: number, rate: number): Promise<number> {
  const { observer, random, measure } = ctx;
  // Taken once: looking for a pod among very many for each one would be what is measured.
  let keys = observer.stages.runningKeys();
  let deleted = 0;
  await atRate(ctx, {
    ...{ perSecond: rate, count: Math.round(seconds * rate), text: 'pods replaced' },
    work() {
      if (keys.length === 0) keys = observer.stages.runningKeys();
      const at = random.int(Math.max(1, keys.length));
      const key = keys[at];
      const last = keys.pop();
      if (key === undefined || last === undefined) return;
      if (at < keys.length) keys[at] = last;
      const [name = '', pod = ''] = key.split('/');
      deleted += 1;
      void remove(ctx, `/api/v1/namespaces/${name}/pods/${pod}`).catch((error: unknown) =>
        measure.addFailures({ [`churn: ${error instanceof Error ? error.message : '?'}`]: 1 }),
      );
    },
  });
  return deleted;
}

async function settled(ctx: RunContext): Promise<void> {
  const { observer, workloads } = ctx;
  const goal = workloads.reduce((sum, { replicas }) => sum + replicas, 0);
  const count = (): number => {
    const { seen, running } = observer.stages.counts;
    // Neither pods that are missing nor any on their way out.
    return seen === running ? running : Math.min(running, goal - 1);
  };
  await reach(ctx, { count, goal, text: 'settled' });
}

const churn: Phase = async (ctx) => {
  const { churnSeconds, churnRate } = ctx.config;
  const deleted = await churnFor(ctx, churnSeconds, churnRate);
  await settled(ctx);
  return `${deleted} pods replaced, ${churnRate} a second`;
};

interface DeploymentStatus {
  readonly observedGeneration?: number;
  readonly updatedReplicas?: number;
  readonly availableReplicas?: number;
  readonly replicas?: number;
}

const rolling: Phase = async (ctx) => {
  const { workloads, requests, progress, clock, signal } = ctx;
  const chosen = shareOf(workloads, ROLLING_SHARE);
  const revision = String(clock.now());
  const body = {
    spec: { template: { metadata: { annotations: { 'bench.kubets.dev/revision': revision } } } },
  };
  const startMs = clock.monotonicMs();
  await eachOf(chosen, ({ namespace: space, name }) =>
    requests.sure({
      verb: 'PATCH',
      path: `${deploymentsIn(space)}/${name}`,
      body,
      type: STRATEGIC,
    }),
  );
  const pods = replicasOf(chosen);
  let left = [...chosen];
  let updated = 0;
  while (left.length > 0) {
    const done = replicasOf(chosen) - replicasOf(left) + updated;
    progress(`pods updated: ${done} of ${pods}, Deployments: ${chosen.length - left.length}`);
    await delay(1_000, { clock, signal });
    const undone: Workload[] = [];
    updated = 0;
    await eachOf(left, async (workload) => {
      const path = `${deploymentsIn(workload.namespace)}/${workload.name}`;
      const found = await requests.sure({ verb: 'GET', path });
      if (isRolledOut(found, workload.replicas)) return;
      undone.push(workload);
      updated += updatedReplicas(found);
    });
    left = undone;
  }
  await settled(ctx);
  const seconds = (clock.monotonicMs() - startMs) / 1_000;
  ctx.measure.figures['pods rolled a second (more is better)'] = pods / seconds;
  return `${pods} pods of ${chosen.length} Deployments updated in ${seconds.toFixed(0)} s`;
};

const replicasOf = (workloads: readonly Workload[]): number =>
  workloads.reduce((sum, { replicas }) => sum + replicas, 0);

/** Pods of the wanted revision; the former one's count until the controller has seen the change. */
function updatedReplicas({ metadata, status }: Json): number {
  const { generation = 0 } = metadata as { generation?: number };
  const { observedGeneration = 0, updatedReplicas: updated = 0 } = (status ??
    {}) as DeploymentStatus;
  return observedGeneration >= generation ? updated : 0;
}

function isRolledOut(found: Json, replicas: number): boolean {
  const { generation = 0 } = found.metadata as { generation?: number };
  const status = (found.status ?? {}) as DeploymentStatus;
  return (
    (status.observedGeneration ?? 0) >= generation &&
    status.updatedReplicas === replicas &&
    status.availableReplicas === replicas &&
    status.replicas === replicas
  );
}

const kill: Phase = async (ctx) => {
  const { cluster, config } = ctx;
  if (cluster === undefined || config.masters < 3) {
    return 'left out: needs an own cluster of three masters (--masters 3)';
  }
  const ended = killLeaders(ctx, cluster);
  await churnFor(ctx, config.churnSeconds, config.churnRate);
  const note = await ended;
  await settled(ctx);
  return note;
};

const drain: Phase = async (ctx) => {
  const { workloads, observer, fleet, run, config } = ctx;
  const namespaces = [...new Set(workloads.map((one) => one.namespace))];
  const selector = `labelSelector=${encodeURIComponent(`${RUN_LABEL}=${run}`)}`;
  await eachOf(namespaces, async (name) => {
    await remove(ctx, `${deploymentsIn(name)}?${selector}`);
  });
  const count = (): number => observer.stages.counts.seen;
  await reach(ctx, { count, goal: 0, text: 'pods left', down: true });
  await eachOf([...namespaces, LATENCY_NAMESPACE], (name) =>
    remove(ctx, `/api/v1/namespaces/${name}`),
  );
  fleet.drain();
  const left = (): number => fleet.sum((report) => report.nodesLeft);
  await reach(ctx, { count: left, goal: 0, text: 'nodes left', down: true });
  return `all pods and ${config.nodes} nodes removed`;
};

export const phases: Readonly<Record<PhaseName, Phase>> = {
  ...{ register, saturate, rest, latency, churn, rolling, kill, drain },
};
