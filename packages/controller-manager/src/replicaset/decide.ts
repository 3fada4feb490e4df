import type { Pod, ReplicaSetCondition, ReplicaSetStatus } from '@kubets/api';
import { findCondition, withCondition, withoutCondition } from '../objects/conditions.ts';
import { formatTime } from '../objects/meta.ts';
import { availableAtMs, compareForDeletion, isAvailable, isReady } from '../objects/pods.ts';

/** What a replica controller is told to keep up, whatever its kind. */
export interface ReplicaTarget {
  replicas: number;
  minReadySeconds: number;
  generation: number;
  templateLabels: Record<string, string>;
  isDeleting: boolean;
}

export interface ReplicaDecision {
  create: number;
  delete: Pod[];
}

/**
 * How many pods to make or which to give up, at most `burst` in one pass.
 * `related` are pods of sibling sets (same Deployment), so that crowded nodes are thinned first.
 */
export function decideReplicas(
  target: ReplicaTarget,
  active: readonly Pod[],
  facts: { related: readonly Pod[]; nowMs: number; burst: number },
): ReplicaDecision {
  const missing = target.replicas - active.length;
  if (target.isDeleting || missing === 0) return { create: 0, delete: [] };
  if (missing > 0) return { create: Math.min(missing, facts.burst), delete: [] };
  const excess = Math.min(-missing, facts.burst);
  if (excess >= active.length) return { create: 0, delete: [...active] };
  const crowd = countByNode(facts.related);
  const onSameNode = (pod: Pod): number => crowd.get(pod.spec?.nodeName ?? '') ?? 0;
  const ranked = [...active].sort((a, b) =>
    compareForDeletion(a, b, { nowMs: facts.nowMs, onSameNode }),
  );
  return { create: 0, delete: ranked.slice(0, excess) };
}

function countByNode(pods: readonly Pod[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const pod of pods) {
    const node = pod.spec?.nodeName;
    if (node) counts.set(node, (counts.get(node) ?? 0) + 1);
  }
  return counts;
}

/** A failure to create or delete pods, for the ReplicaFailure condition. */
export interface ReplicaFailure {
  reason: 'FailedCreate' | 'FailedDelete';
  message: string;
}

/** The status that the active pods and the outcome of this pass amount to. */
export function replicaStatus(
  target: ReplicaTarget,
  active: readonly Pod[],
  facts: {
    conditions: readonly ReplicaSetCondition[] | undefined;
    failure: ReplicaFailure | undefined;
    nowMs: number;
  },
): ReplicaSetStatus {
  const wanted = Object.entries(target.templateLabels);
  const labelled = active.filter((pod) =>
    wanted.every(([key, value]) => pod.metadata.labels?.[key] === value),
  );
  const { conditions, failure, nowMs } = facts;
  const next = failureConditions(conditions, failure, nowMs);
  return {
    replicas: active.length,
    fullyLabeledReplicas: labelled.length,
    readyReplicas: active.filter(isReady).length,
    availableReplicas: active.filter((p) => isAvailable(p, target.minReadySeconds, nowMs)).length,
    observedGeneration: target.generation,
    ...(next.length > 0 ? { conditions: next } : {}),
  };
}

function failureConditions(
  conditions: readonly ReplicaSetCondition[] | undefined,
  failure: ReplicaFailure | undefined,
  nowMs: number,
): ReplicaSetCondition[] {
  if (!failure) return withoutCondition(conditions, 'ReplicaFailure');
  if (findCondition(conditions, 'ReplicaFailure')) return [...(conditions ?? [])];
  return withCondition(conditions, {
    type: 'ReplicaFailure',
    status: 'True',
    ...failure,
    lastTransitionTime: formatTime(nowMs),
  });
}

/** Milliseconds until the next ready pod becomes available; `undefined` if none is on its way. */
export function nextAvailableInMs(
  target: ReplicaTarget,
  active: readonly Pod[],
  nowMs: number,
): number | undefined {
  let soonest: number | undefined;
  for (const pod of active) {
    const at = availableAtMs(pod, target.minReadySeconds);
    if (at === undefined || at <= nowMs) continue;
    soonest = soonest === undefined ? at : Math.min(soonest, at);
  }
  return soonest === undefined ? undefined : soonest - nowMs;
}
