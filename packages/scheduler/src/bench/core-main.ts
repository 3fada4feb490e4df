/** How fast the core places pods: `node packages/scheduler/src/bench/core-main.ts [NODES] [PODS]`. */
import type { Node, Pod } from '@kubets/api';
import { seededRandom } from '@kubets/platform';
import { ClusterState } from '../core/cluster-state.ts';
import { Nominations } from '../core/nominations.ts';
import { podInfo } from '../core/pod-info.ts';
import { SchedulerCore } from '../core/schedule.ts';
import { filterPlugins } from '../filters/index.ts';
import { scorePlugins } from '../scores/index.ts';

const ZONES = 3;
const WORKLOADS = 50;

function node(index: number): Node {
  const name = `node-${index}`;
  const labels = {
    'kubernetes.io/hostname': name,
    'topology.kubernetes.io/zone': `zone-${index % ZONES}`,
  };
  const allocatable = { cpu: '16', memory: '64Gi', pods: '110', 'ephemeral-storage': '100Gi' };
  return { metadata: { name, labels }, status: { allocatable } };
}

function pod(index: number): Pod {
  const app = `app-${index % WORKLOADS}`;
  const requests = { cpu: '100m', memory: '128Mi' };
  return {
    metadata: {
      name: `${app}-${index}`,
      namespace: 'default',
      uid: `uid-${index}`,
      labels: { app },
    },
    spec: { containers: [{ name: 'main', image: 'busybox', resources: { requests } }] },
  };
}

function main(nodeCount: number, podCount: number): void {
  const state = new ClusterState();
  for (let index = 0; index < nodeCount; index += 1) state.setNode(node(index));
  const core = new SchedulerCore({
    state,
    nominations: new Nominations(),
    filters: filterPlugins,
    scores: scorePlugins(({ labels }) => ({
      requirements: [{ key: 'app', operator: '=', values: [labels.app ?? ''] }],
    })),
    random: seededRandom(1),
  });
  const start = process.hrtime.bigint();
  let placed = 0;
  for (let index = 0; index < podCount; index += 1) {
    const info = podInfo(pod(index), state.names);
    const decision = core.decide(info);
    if (decision.outcome !== 'placed') continue;
    state.place(info, decision.node);
    placed += 1;
  }
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  const rate = Math.round(podCount / seconds);
  console.log(`${placed} of ${podCount} pods on ${nodeCount} nodes: ${rate} pods/s`);
}

const [nodes = '5000', pods = '20000'] = process.argv.slice(2);
main(Number(nodes), Number(pods));
