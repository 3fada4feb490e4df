/** Nodes, pods and states in few words, for tests. */
import type { Node, Pod, PodSpec, Taint } from '@kubets/api';
import { seededRandom } from '@kubets/platform';
import { DEFAULT_PROFILE, type Profile } from '../config/profile.ts';
import { ClusterState } from '../core/cluster-state.ts';
import { failureMessage } from '../core/diagnosis.ts';
import { Nominations } from '../core/nominations.ts';
import { type PodInfo, podInfo } from '../core/pod-info.ts';
import type { SelectorOf } from '../core/pod-terms.ts';
import {
  type Budget,
  findPreemption,
  notEligible,
  type PreemptionResult,
} from '../core/preemption.ts';
import { SchedulerCore } from '../core/schedule.ts';
import { filtersOf } from '../filters/index.ts';
import type { Decision } from '../ports.ts';
import { scoresOf } from '../scores/index.ts';

export interface NodeDraft {
  readonly cpu?: string;
  readonly memory?: string;
  readonly pods?: string;
  readonly more?: Record<string, string>;
  readonly labels?: Record<string, string>;
  readonly taints?: Taint[];
  readonly unschedulable?: boolean;
}

/** A node with 4 CPUs, 8 GiB and room for 110 pods, unless said otherwise. */
export function testNode(name: string, draft: NodeDraft = {}): Node {
  const { cpu = '4', memory = '8Gi', pods = '110', more = {}, labels = {} } = draft;
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name, ...labels } },
    spec: {
      ...(draft.taints === undefined ? {} : { taints: draft.taints }),
      ...(draft.unschedulable === undefined ? {} : { unschedulable: draft.unschedulable }),
    },
    status: { allocatable: { cpu, memory, pods, 'ephemeral-storage': '50Gi', ...more } },
  };
}

export interface PodDraft {
  readonly requests?: Record<string, string>;
  readonly labels?: Record<string, string>;
  readonly namespace?: string;
  readonly hostPorts?: readonly (
    | number
    | { hostPort: number; hostIP?: string; protocol?: string }
  )[];
  readonly spec?: Partial<PodSpec>;
  readonly terminating?: boolean;
}

/** A pod of one container. */
export function testPod(name: string, draft: PodDraft = {}): Pod {
  const { namespace = 'default', labels = {}, requests, hostPorts = [], spec = {} } = draft;
  const ports = hostPorts.map((port) => ({
    containerPort: 80,
    ...(typeof port === 'number' ? { hostPort: port } : port),
  }));
  const container = {
    name: 'main',
    image: 'busybox',
    ...(requests === undefined ? {} : { resources: { requests } }),
    ...(ports.length === 0 ? {} : { ports }),
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      uid: `uid-${namespace}-${name}`,
      labels,
      ...(draft.terminating ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
    },
    spec: { schedulerName: 'default-scheduler', containers: [container], ...spec },
  };
}

/** A cluster and a scheduler's core on it. */
export class TestCluster {
  readonly state = new ClusterState();
  readonly nominations = new Nominations();
  readonly core: SchedulerCore;

  /**
   * @param profile the stock scheduler's when absent
   * @param selectorOf selects the pods of the same services and workloads
   */
  constructor(
    nodes: readonly Node[] = [],
    profile: Profile = DEFAULT_PROFILE,
    selectorOf: SelectorOf = () => undefined,
  ) {
    const { state, nominations } = this;
    this.core = new SchedulerCore({
      ...{ state, nominations, random: seededRandom(1) },
      percentageOfNodes: profile.percentageOfNodes,
      filters: filtersOf(profile, selectorOf),
      scores: scoresOf(selectorOf, profile),
    });
    for (const node of nodes) this.state.setNode(node);
  }

  info(pod: Pod): PodInfo {
    return podInfo(pod, this.state.names);
  }

  place(pod: Pod, node: string): this {
    this.state.place(this.info(pod), node);
    return this;
  }

  decide(pod: Pod): Decision {
    return this.core.decide(this.info(pod));
  }

  /** The node chosen, or undefined. */
  choose(pod: Pod): string | undefined {
    const decision = this.decide(pod);
    return decision.outcome === 'placed' ? decision.node : undefined;
  }

  /** Chooses and places. */
  run(pod: Pod): string | undefined {
    const node = this.choose(pod);
    if (node !== undefined) this.place(pod, node);
    return node;
  }

  /** The reasons given for a node. */
  reasons(pod: Pod, node: string): readonly string[] {
    const decision = this.decide(pod);
    if (decision.outcome === 'placed') return [];
    const slot = this.state.table.byName(node)?.slot ?? -1;
    return decision.diagnosis.rejections.get(slot)?.reasons ?? [];
  }

  /** What would be tried to make room for a pod that does not fit. */
  preempt(pod: Pod, budgets: readonly Budget[] = []): PreemptionResult {
    const { diagnosis } = this.#refusal(pod);
    const { state, core } = this;
    const random = seededRandom(1);
    return findPreemption({ pod: this.info(pod), diagnosis, state, core, budgets, random });
  }

  /** The message about a pod that does not fit. */
  explain(pod: Pod): string {
    const { diagnosis } = this.#refusal(pod);
    const refusal = notEligible(this.info(pod), undefined, { diagnosis, state: this.state });
    if (refusal !== undefined) return failureMessage(diagnosis, refusal);
    const result = this.preempt(pod);
    return failureMessage(diagnosis, result.outcome === 'none' ? result.message : '');
  }

  #refusal(pod: Pod): Extract<Decision, { outcome: 'unschedulable' }> {
    const decision = this.decide(pod);
    if (decision.outcome === 'placed') throw new Error(`the pod fits on ${decision.node}`);
    return decision;
  }
}
