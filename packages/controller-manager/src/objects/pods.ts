import type { KubeObject, Pod, PodCondition, PodTemplateSpec } from '@kubets/api';
import { findCondition } from './conditions.ts';
import {
  annotationsOf,
  compareText,
  createdMs,
  isDeleting,
  namespaceOf,
  newControllerRef,
  type OwnerKind,
  parseTime,
  uidOf,
} from './meta.ts';

export const POD_DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';

/** Succeeded or Failed: its containers will not run again. */
export function isFinished(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

/** Counts as a replica: neither finished nor on its way out. */
export function isActive(pod: Pod): boolean {
  return !isFinished(pod) && !isDeleting(pod);
}

export function readyCondition(pod: Pod): PodCondition | undefined {
  return findCondition(pod.status?.conditions, 'Ready');
}

export function isReady(pod: Pod): boolean {
  return readyCondition(pod)?.status === 'True';
}

/**
 * When a ready pod has been, or will be, ready for `minReadySeconds`, in epoch milliseconds;
 * `undefined` for a pod that is not ready.
 */
export function availableAtMs(pod: Pod, minReadySeconds: number): number | undefined {
  const ready = readyCondition(pod);
  if (ready?.status !== 'True') return undefined;
  return parseTime(ready.lastTransitionTime) + minReadySeconds * 1000;
}

export function isAvailable(pod: Pod, minReadySeconds: number, nowMs: number): boolean {
  const at = availableAtMs(pod, minReadySeconds);
  return at !== undefined && (minReadySeconds === 0 || at <= nowMs);
}

/** The pod a controller makes from its template; the apiserver completes the name. */
export function podFromTemplate(
  template: PodTemplateSpec,
  owner: KubeObject,
  kind: OwnerKind,
): Pod {
  const from = template.metadata ?? {};
  const prefix = `${owner.metadata.name ?? ''}-`;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: prefix,
      namespace: namespaceOf(owner),
      ...(from.labels ? { labels: { ...from.labels } } : {}),
      ...(from.annotations ? { annotations: { ...from.annotations } } : {}),
      ...(from.finalizers ? { finalizers: [...from.finalizers] } : {}),
      ownerReferences: [newControllerRef(owner, kind)],
    },
    spec: structuredClone(template.spec ?? { containers: [] }),
  };
}

const PHASE_ORDER: Record<string, number> = { Pending: 0, Unknown: 1, Running: 2 };

/** Facts the deletion order looks at besides the pod itself. */
export interface RankFacts {
  nowMs: number;
  /** How many pods of the same owner share the pod's node: crowded nodes are thinned first. */
  onSameNode(pod: Pod): number;
}

/**
 * Order in which a controller gives up pods: the pod whose loss costs least comes first.
 * Unscheduled, pending, not ready, cheap by annotation, crowded, recently ready, often restarted,
 * young: in that order of importance.
 */
export function compareForDeletion(a: Pod, b: Pod, facts: RankFacts): number {
  const steps = [
    Number(Boolean(a.spec?.nodeName)) - Number(Boolean(b.spec?.nodeName)),
    (PHASE_ORDER[a.status?.phase ?? ''] ?? 0) - (PHASE_ORDER[b.status?.phase ?? ''] ?? 0),
    Number(isReady(a)) - Number(isReady(b)),
    deletionCost(a) - deletionCost(b),
    facts.onSameNode(b) - facts.onSameNode(a),
    youngerFirst(readySince(a), readySince(b), facts.nowMs),
    maxRestarts(b) - maxRestarts(a),
    youngerFirst(createdMs(a), createdMs(b), facts.nowMs),
  ];
  return steps.find((step) => step !== 0) ?? compareText(uidOf(a), uidOf(b));
}

function deletionCost(pod: Pod): number {
  const cost = Number.parseInt(annotationsOf(pod)[POD_DELETION_COST] ?? '0', 10);
  return Number.isNaN(cost) ? 0 : cost;
}

function readySince(pod: Pod): number {
  const ready = readyCondition(pod);
  return ready?.status === 'True' ? parseTime(ready.lastTransitionTime) : 0;
}

function maxRestarts(pod: Pod): number {
  return (pod.status?.containerStatuses ?? []).reduce((n, c) => Math.max(n, c.restartCount), 0);
}

/**
 * Ages are compared by magnitude (powers of two of seconds), so that among pods of about the same
 * age the choice is spread by uid rather than always hitting the newest (KEP-2185).
 */
function youngerFirst(aMs: number, bMs: number, nowMs: number): number {
  if (aMs === 0 || bMs === 0) return 0;
  return ageMagnitude(aMs, nowMs) - ageMagnitude(bMs, nowMs);
}

function ageMagnitude(sinceMs: number, nowMs: number): number {
  const seconds = Math.floor(Math.max(0, nowMs - sinceMs) / 1000);
  return seconds === 0 ? -1 : Math.floor(Math.log2(seconds));
}
