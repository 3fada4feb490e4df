import type { Node, Pod, Toleration } from '@kubets/api';
import type { AdmissionPlugin } from '../ports.ts';
import { concerns, objectAs } from './support.ts';

const NOT_READY = 'node.kubernetes.io/not-ready';
const UNREACHABLE = 'node.kubernetes.io/unreachable';
const DEFAULT_SECONDS = 300;

/** How long pods stay where the node is away, in seconds. */
export interface TolerationSeconds {
  readonly notReady: number;
  readonly unreachable: number;
}

/** Pods tolerate an unready or unreachable node for a while, five minutes by default, unless they say otherwise. */
export function defaultTolerationSeconds(
  seconds: TolerationSeconds = { notReady: DEFAULT_SECONDS, unreachable: DEFAULT_SECONDS },
): AdmissionPlugin {
  const all = { [NOT_READY]: seconds.notReady, [UNREACHABLE]: seconds.unreachable };
  return {
    name: 'DefaultTolerationSeconds',
    only: ['pods'],
    admit(a) {
      if (!concerns(a, '', 'pods', 'CREATE', 'UPDATE')) return;
      const { spec } = objectAs<Pod>(a);
      if (!spec) return;
      const before = spec.tolerations ?? [];
      const missing = Object.entries(all).filter(([key]) => !tolerates(before, key));
      if (missing.length > 0) spec.tolerations = [...before, ...missing.map(tolerationFor)];
    },
  };
}

function tolerates(tolerations: Toleration[], key: string): boolean {
  return tolerations.some(
    (one) => (!one.key || one.key === key) && (!one.effect || one.effect === 'NoExecute'),
  );
}

function tolerationFor([key, tolerationSeconds]: [string, number]): Toleration {
  return { key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds };
}

/** A new node takes no pods until the node controller has seen it ready. */
export function taintNodesByCondition(): AdmissionPlugin {
  return {
    name: 'TaintNodesByCondition',
    only: ['nodes'],
    admit(a) {
      if (!concerns(a, '', 'nodes', 'CREATE')) return;
      const node = objectAs<Node>(a);
      node.spec ??= {};
      const taints = node.spec.taints ?? [];
      if (taints.some((one) => one.key === NOT_READY && one.effect === 'NoSchedule')) return;
      node.spec.taints = [...taints, { key: NOT_READY, effect: 'NoSchedule' }];
    },
  };
}
