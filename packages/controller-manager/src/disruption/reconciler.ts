import {
  formatLabelSelector,
  isNotFound,
  type KubeObject,
  labelSelectorOf,
  matchesLabels,
  type OwnerReference,
  type Pod,
  type PodDisruptionBudget,
} from '@kubets/api';
import { type Controller, type ControllerDeps, queueController } from '../host/controller.ts';
import { INDEX } from '../host/informers.ts';
import { sameJson } from '../objects/json.ts';
import {
  controllerRefOf,
  formatTime,
  isDeleting,
  keyOf,
  labelsOf,
  nameOf,
  namespaceOf,
} from '../objects/meta.ts';
import { scaleByReference } from '../objects/scales.ts';
import { decideDisruption, type ExpectedScale } from './decide.ts';
import { staleAtMs } from './stale.ts';

/** Both loops of the stock disruption controller. */
export function disruptionControllers(deps: ControllerDeps): readonly Controller[] {
  return [disruptionController(deps), staleDisruptions(deps)];
}

/** Takes back that a pod is about to be disrupted where that did not happen. */
function staleDisruptions(deps: ControllerDeps): Controller {
  const { pods } = deps.informers;
  const api = deps.api.resource<Pod>('v1', 'pods');
  return queueController({
    name: 'disruption-controller',
    queueName: 'stale_pod_disruption',
    deps,
    needs: [pods],
    subscribe: (queue) => {
      const look = (pod: Pod): void => {
        if (staleAtMs(pod) !== undefined) queue.add(keyOf(pod));
      };
      return [pods.on({ add: look, update: (_old, pod) => look(pod) })];
    },
    async reconcile(key, queue) {
      const pod = pods.get(key);
      const atMs = pod && staleAtMs(pod);
      if (pod === undefined || atMs === undefined) return;
      const nowMs = deps.clock.now();
      if (atMs > nowMs) {
        queue.addAfter(key, atMs - nowMs);
        return;
      }
      const condition = {
        ...{ type: 'DisruptionTarget', status: 'False', reason: null, message: null },
        lastTransitionTime: formatTime(nowMs),
      };
      const { uid, resourceVersion } = pod.metadata;
      const body = { metadata: { uid, resourceVersion }, status: { conditions: [condition] } };
      const place = [namespaceOf(pod), nameOf(pod)] as const;
      await api.patch(...place, 'strategic', body, { subresource: 'status' });
    },
  });
}

/** Keeps the numbers by which evictions are allowed or refused. */
export function disruptionController(deps: ControllerDeps): Controller {
  const { disruptionBudgets: budgets, pods, replicaSets, deployments } = deps.informers;
  const { replicationControllers, statefulSets } = deps.informers;
  const api = deps.api.resource<PodDisruptionBudget>('policy/v1', 'poddisruptionbudgets');
  const events = deps.recorder('controllermanager');

  /** What its author should know: the numbers may not mean what was meant. */
  const tell = (budget: PodDisruptionBudget, selected: readonly Pod[], scale: ExpectedScale) => {
    const regarding = { ...budget, apiVersion: 'policy/v1', kind: 'PodDisruptionBudget' };
    if (selected.length === 0) {
      events.event(regarding, 'Normal', 'NoPods', 'No matching pods found');
    }
    if (typeof budget.spec?.minAvailable === 'number') return;
    if ('problem' in scale) {
      const message = `Failed to calculate the number of expected pods: ${scale.problem}`;
      events.event(regarding, 'Warning', 'CalculateExpectedPodCountFailed', message);
    } else if (selected.some((pod) => !controllerRefOf(pod))) {
      const selector = formatLabelSelector(labelSelectorOf(budget.spec?.selector));
      events.event(regarding, 'Warning', 'UnmanagedPods', unmanaged(selector));
    }
  };

  return queueController({
    name: 'disruption-controller',
    queueName: 'disruption',
    deps,
    needs: [budgets, pods, replicaSets, deployments, replicationControllers, statefulSets],
    subscribe: (queue) => {
      const wake = (pod: Pod): void => {
        for (const budget of budgets.byIndex(INDEX.namespace, namespaceOf(pod))) {
          if (covers(budget, pod)) queue.add(keyOf(budget));
        }
      };
      const wakeNamespace = (owner: KubeObject): void => {
        for (const budget of budgets.byIndex(INDEX.namespace, namespaceOf(owner))) {
          queue.add(keyOf(budget));
        }
      };
      const sized = { update: (_old: KubeObject, owner: KubeObject) => wakeNamespace(owner) };
      return [
        budgets.on({
          add: (budget) => queue.add(keyOf(budget)),
          update: (_old, budget) => queue.add(keyOf(budget)),
        }),
        pods.on({ add: wake, update: (_old, pod) => wake(pod), delete: wake }),
        deployments.on(sized),
        replicaSets.on(sized),
        statefulSets.on(sized),
        replicationControllers.on(sized),
      ];
    },
    async reconcile(key, queue) {
      const budget = budgets.get(key);
      if (!budget?.spec || isDeleting(budget)) return;
      const namespace = namespaceOf(budget);
      const selected = pods.byIndex(INDEX.namespace, namespace).filter((p) => covers(budget, p));
      const nowMs = deps.clock.now();
      const expected = await expectedScale(deps, selected);
      const plan = decideDisruption({ budget, pods: selected, expected, nowMs });
      tell(budget, selected, expected);
      if (plan.wakeAtMs !== undefined) queue.addAfter(key, Math.max(1, plan.wakeAtMs - nowMs));
      if (sameJson(budget.status, plan.status)) return;
      try {
        // Conditional on the version: an eviction that was allowed meanwhile must not be forgotten.
        await api.updateStatus({ ...budget, status: plan.status });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    },
  });
}

function covers(budget: PodDisruptionBudget, pod: Pod): boolean {
  const selector = budget.spec?.selector;
  return selector !== undefined && matchesLabels(labelSelectorOf(selector), labelsOf(pod));
}

const unmanaged = (selector: string): string =>
  `Pods selected by this PodDisruptionBudget (selector: ${selector}) were found to be unmanaged. ` +
  'As a result, the status of the PDB cannot be calculated correctly, which may result in ' +
  'undefined behavior. To account for these pods please set ".spec.minAvailable" ' +
  'field of the PDB to an integer value.';

/** The sizes of all controllers behind the pods, each counted once. */
async function expectedScale(
  deps: Pick<ControllerDeps, 'api' | 'informers'>,
  pods: readonly Pod[],
): Promise<ExpectedScale> {
  // Of a custom kind that many pods belong to, the API is asked once.
  const asked = new Map<string, Promise<Scale | undefined>>();
  const sizeOf = (namespace: string, ref: OwnerReference): Promise<Scale | undefined> => {
    const known = asked.get(ref.uid) ?? scaleBehind(deps, namespace, ref);
    asked.set(ref.uid, known);
    return known;
  };
  const sizes = new Map<string, number>();
  for (const pod of pods) {
    const ref = controllerRefOf(pod);
    if (!ref) continue;
    const scale = await sizeOf(namespaceOf(pod), ref);
    if (!scale) return { problem: `found no controllers for pod "${nameOf(pod)}"` };
    sizes.set(scale.uid, scale.replicas);
  }
  return { replicas: [...sizes.values()].reduce((sum, replicas) => sum + replicas, 0) };
}

interface Scale {
  uid: string;
  replicas: number;
}

/** A ReplicaSet of a Deployment stands for the Deployment: in a rollout there are several. */
async function scaleBehind(
  deps: Pick<ControllerDeps, 'api' | 'informers'>,
  namespace: string,
  ref: OwnerReference,
): Promise<Scale | undefined> {
  const { informers } = deps;
  const key = `${namespace}/${ref.name}`;
  switch (ref.kind) {
    case 'ReplicaSet': {
      const set = informers.replicaSets.get(key);
      const parent = set && controllerRefOf(set);
      if (parent?.kind === 'Deployment') return scaleBehind(deps, namespace, parent);
      return scaleOf(set, ref);
    }
    case 'Deployment':
      return scaleOf(informers.deployments.get(key), ref);
    case 'StatefulSet':
      return scaleOf(informers.statefulSets.get(key), ref);
    case 'ReplicationController':
      return scaleOf(informers.replicationControllers.get(key), ref);
    default: {
      const scale = await scaleByReference(deps.api, namespace, ref);
      if (scale?.metadata.uid !== ref.uid) return undefined;
      return { uid: ref.uid, replicas: scale.spec?.replicas ?? 0 };
    }
  }
}

function scaleOf(
  owner:
    | { metadata: KubeObject['metadata']; spec?: { replicas?: number | undefined } | undefined }
    | undefined,
  ref: OwnerReference,
): Scale | undefined {
  if (!owner || owner.metadata.uid !== ref.uid) return undefined;
  return { uid: ref.uid, replicas: owner.spec?.replicas ?? 1 };
}
