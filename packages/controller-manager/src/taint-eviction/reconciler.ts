import { isNotFound, type Node, type Pod, type Taint } from '@kubets/api';
import {
  type Controller,
  type ControllerDeps,
  type KeyQueue,
  queueController,
} from '../host/controller.ts';
import { INDEX } from '../host/informers.ts';
import { sameJson } from '../objects/json.ts';
import { formatTime, isDeleting, keyOf, nameOf, namespaceOf, uidOf } from '../objects/meta.ts';
import { decideEviction, noExecuteTaints } from './decide.ts';

/** Deletes pods from nodes whose NoExecute taints they do not, or no longer, tolerate. */
export function taintEvictionController(deps: ControllerDeps): Controller {
  const { pods, nodes } = deps.informers;
  const api = deps.api.resource<Pod>('v1', 'pods');
  const events = deps.recorder('taint-eviction-controller');
  const firstSeen = new FirstSeen(() => deps.clock.now());

  /** Pods that are to go at a time, unless the taint goes first. */
  const sentenced = new Set<string>();

  const tell = (pod: Pod, what: string): void => {
    const regarding = { ...pod, apiVersion: 'v1', kind: 'Pod' };
    events.event(regarding, 'Normal', 'TaintManagerEviction', `${what} Pod ${keyOf(pod)}`);
  };

  const evict = async (pod: Pod): Promise<void> => {
    const [namespace, name] = [namespaceOf(pod), nameOf(pod)];
    tell(pod, 'Marking for deletion');
    try {
      await markDisrupted(deps, pod);
      await api.delete(namespace, name, { preconditions: { uid: uidOf(pod) } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  };

  return queueController({
    name: 'taint-eviction-controller',
    queueName: 'noexec_taint_pod',
    deps,
    needs: [pods, nodes],
    subscribe: (queue) =>
      subscribe(deps, queue, {
        podGone: (key) => sentenced.delete(key),
        nodeGone: (name) => firstSeen.forget(name),
      }),
    async reconcile(key, queue) {
      const pod = pods.get(key);
      if (!pod || isDeleting(pod)) return;
      const node = nodes.get(pod.spec?.nodeName ?? '');
      if (!node) return;
      const taints = noExecuteTaints(node.spec?.taints);
      firstSeen.keepOnly(nameOf(node), taints);
      const verdict = decideEviction(pod, taints, (taint) => firstSeen.of(nameOf(node), taint));
      if (verdict.type === 'none') {
        if (sentenced.delete(key)) tell(pod, 'Cancelling deletion of');
        return;
      }
      const waitMs = verdict.atMs - deps.clock.now();
      if (waitMs > 0) {
        sentenced.add(key);
        queue.addAfter(key, waitMs);
        return;
      }
      sentenced.delete(key);
      await evict(pod);
    },
  });
}

/** Looks at pods as they change, and at all pods of a node when its taints do. */
function subscribe(
  { informers: { pods, nodes } }: ControllerDeps,
  queue: KeyQueue,
  gone: { podGone(key: string): void; nodeGone(name: string): void },
): (() => void)[] {
  const wake = (pod: Pod): void => {
    const node = nodes.get(pod.spec?.nodeName ?? '');
    if (node && noExecuteTaints(node.spec?.taints).length > 0) queue.add(keyOf(pod));
  };
  const wakeAll = (node: Node): void => {
    for (const pod of pods.byIndex(INDEX.node, nameOf(node))) queue.add(keyOf(pod));
  };
  return [
    pods.on({
      add: wake,
      update: (_old, pod) => wake(pod),
      delete: (pod) => gone.podGone(keyOf(pod)),
    }),
    nodes.on({
      add: (node) => {
        if (noExecuteTaints(node.spec?.taints).length > 0) wakeAll(node);
      },
      update: (old, node) => {
        const before = noExecuteTaints(old.spec?.taints);
        const now = noExecuteTaints(node.spec?.taints);
        if (!sameJson(before, now)) wakeAll(node);
      },
      delete: (node) => gone.nodeGone(nameOf(node)),
    }),
  ];
}

async function markDisrupted(deps: ControllerDeps, pod: Pod): Promise<void> {
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'DeletionByTaintManager',
    message: 'Taint manager: deleting due to NoExecute taint',
    lastTransitionTime: formatTime(deps.clock.now()),
  };
  const body = { metadata: { uid: uidOf(pod) }, status: { conditions: [condition] } };
  const api = deps.api.resource<Pod>('v1', 'pods');
  await api.patch(namespaceOf(pod), nameOf(pod), 'strategic', body, { subresource: 'status' });
}

/** When taints that do not say so themselves were first seen on a node. */
class FirstSeen {
  readonly #now: () => number;
  readonly #byNode = new Map<string, Map<string, number>>();

  constructor(now: () => number) {
    this.#now = now;
  }

  of(node: string, taint: Taint): number {
    const times = this.#byNode.get(node) ?? new Map<string, number>();
    this.#byNode.set(node, times);
    const since = times.get(taint.key) ?? this.#now();
    times.set(taint.key, since);
    return since;
  }

  /** Forgets taints that were taken off: put on again, their time starts over. */
  keepOnly(node: string, taints: readonly Taint[]): void {
    const times = this.#byNode.get(node);
    if (!times) return;
    for (const key of times.keys()) {
      if (!taints.some((taint) => taint.key === key)) times.delete(key);
    }
    if (times.size === 0) this.#byNode.delete(node);
  }

  forget(node: string): void {
    this.#byNode.delete(node);
  }
}
