import {
  isNotFound,
  type KubeObject,
  labelSelectorOf,
  matchesLabels,
  type OwnerReference,
  type Pod,
  type PodDisruptionBudget,
} from '@kubets/api';
import { type Controller, type ControllerDeps, queueController } from '../host/controller.ts';
import { INDEX, type SharedInformers } from '../host/informers.ts';
import { sameJson } from '../objects/json.ts';
import { controllerRefOf, isDeleting, keyOf, labelsOf, namespaceOf } from '../objects/meta.ts';
import { decideDisruption } from './decide.ts';

/** Keeps the numbers by which evictions are allowed or refused. */
export function disruptionController(deps: ControllerDeps): Controller {
  const { disruptionBudgets: budgets, pods, replicaSets, deployments } = deps.informers;
  const { replicationControllers, statefulSets } = deps.informers;
  const api = deps.api.resource<PodDisruptionBudget>('policy/v1', 'poddisruptionbudgets');

  return queueController({
    name: 'disruption',
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
      const plan = decideDisruption({
        budget,
        pods: selected,
        expectedScale: expectedScale(deps.informers, selected),
        nowMs,
      });
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

/** The sizes of all controllers behind the pods, each counted once; `undefined` if one has none. */
function expectedScale(informers: SharedInformers, pods: readonly Pod[]): number | undefined {
  const sizes = new Map<string, number>();
  for (const pod of pods) {
    const ref = controllerRefOf(pod);
    const scale = ref && scaleBehind(informers, namespaceOf(pod), ref);
    if (!scale) return undefined;
    sizes.set(scale.uid, scale.replicas);
  }
  return [...sizes.values()].reduce((sum, replicas) => sum + replicas, 0);
}

interface Scale {
  uid: string;
  replicas: number;
}

/** A ReplicaSet of a Deployment stands for the Deployment: in a rollout there are several. */
function scaleBehind(
  informers: SharedInformers,
  namespace: string,
  ref: OwnerReference,
): Scale | undefined {
  const key = `${namespace}/${ref.name}`;
  switch (ref.kind) {
    case 'ReplicaSet': {
      const set = informers.replicaSets.get(key);
      const parent = set && controllerRefOf(set);
      if (parent?.kind === 'Deployment') return scaleBehind(informers, namespace, parent);
      return scaleOf(set, ref);
    }
    case 'Deployment':
      return scaleOf(informers.deployments.get(key), ref);
    case 'StatefulSet':
      return scaleOf(informers.statefulSets.get(key), ref);
    case 'ReplicationController':
      return scaleOf(informers.replicationControllers.get(key), ref);
    default:
      return undefined;
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
