/**
 * One case on the scheduler's core alone, in a process of its own so that cases do not share a heap:
 * `node core-main.ts CASE NODES PODS`; prints one line of JSON.
 */
import { seededRandom } from '@kubets/platform';
import {
  ClusterState,
  filtersOf,
  findPreemption,
  Nominations,
  type PodInfo,
  podInfo,
  SchedulerCore,
  scoresOf,
} from '@kubets/scheduler';
import { benchNode, benchPod, type Case, FILLERS_PER_NODE, fillerPod } from './cases.ts';
import type { CoreFigures } from './ports.ts';

function build(which: Case, nodes: number): { state: ClusterState; core: SchedulerCore } {
  const state = new ClusterState();
  for (let index = 0; index < nodes; index += 1) state.setNode(benchNode(which, index));
  if (which === 'preemption') {
    for (let index = 0; index < nodes * FILLERS_PER_NODE; index += 1) {
      state.place(podInfo(fillerPod(index), state.names), `bench-${index % nodes}`);
    }
  }
  const core = new SchedulerCore({
    state,
    nominations: new Nominations(),
    filters: filtersOf(),
    scores: scoresOf(({ labels }) => ({
      requirements: [{ key: 'app', operator: '=', values: [labels.app ?? ''] }],
    })),
    random: seededRandom(1),
  });
  return { state, core };
}

/** Places one pod, with others sent away if that is what it takes. */
function placeOne(state: ClusterState, core: SchedulerCore, info: PodInfo): boolean {
  const decision = core.decide(info);
  if (decision.outcome === 'placed') {
    state.place(info, decision.node);
    return true;
  }
  const { diagnosis } = decision;
  const random = seededRandom(state.podCount);
  const found = findPreemption({ pod: info, diagnosis, state, core, budgets: [], random });
  if (found.outcome === 'none') return false;
  for (const victim of found.candidate.victims) state.remove(victim.uid);
  state.place(info, found.candidate.node);
  return true;
}

function main(which: Case, nodes: number, pods: number): CoreFigures {
  const { state, core } = build(which, nodes);
  const timesMs = new Float64Array(pods);
  const startMs = performance.now();
  const cpuBefore = process.cpuUsage();
  let placed = 0;
  for (let index = 0; index < pods; index += 1) {
    const fromMs = performance.now();
    if (placeOne(state, core, podInfo(benchPod(which, index), state.names))) placed += 1;
    timesMs[index] = performance.now() - fromMs;
  }
  const seconds = (performance.now() - startMs) / 1_000;
  const { user, system } = process.cpuUsage(cpuBefore);
  timesMs.sort();
  return {
    ...{ which, nodes, pods, placed, podsPerSecond: pods / seconds },
    p50Ms: timesMs[Math.floor(pods / 2)] ?? 0,
    p99Ms: timesMs[Math.floor(pods * 0.99)] ?? 0,
    cpuMs: (user + system) / 1_000 / pods,
    rssBytes: process.memoryUsage.rss(),
  };
}

const [which = 'basic', nodes = '5000', pods = '10000'] = process.argv.slice(2);
console.log(JSON.stringify(main(which as Case, Number(nodes), Number(pods))));
