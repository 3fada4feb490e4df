import type { Deployment, Pod, ReplicaSet } from '@kubets/api';
import { resolveIntOrPercent } from '../objects/int-or-percent.ts';
import { sameJson } from '../objects/json.ts';
import { annotationsOf, byCreation, nameOf } from '../objects/meta.ts';

export const TEMPLATE_HASH_LABEL = 'pod-template-hash';
export const REVISION = 'deployment.kubernetes.io/revision';
export const REVISION_HISTORY = 'deployment.kubernetes.io/revision-history';
export const DESIRED_REPLICAS = 'deployment.kubernetes.io/desired-replicas';
export const MAX_REPLICAS = 'deployment.kubernetes.io/max-replicas';

const MAX_REVISION = 2n ** 63n - 1n;

/** Everything one pass over a Deployment looks at. */
export interface DeploymentView {
  deployment: Deployment;
  /** The ReplicaSets it controls. */
  replicaSets: readonly ReplicaSet[];
  /** Pods of those ReplicaSets; only the Recreate strategy needs them. */
  podsOf(replicaSet: ReplicaSet): readonly Pod[];
  nowMs: number;
}

/** Numbers of the rolling update after defaults and percentages are resolved. */
export interface RolloutLimits {
  replicas: number;
  maxSurge: number;
  maxUnavailable: number;
}

/** The ReplicaSets sorted by role. `current` runs the Deployment's template. */
export interface ReplicaSetRoles {
  current: ReplicaSet | undefined;
  /** All others, oldest first. */
  old: ReplicaSet[];
  all: ReplicaSet[];
}

export const desiredOf = (d: Deployment): number => d.spec?.replicas ?? 1;
export const sizeOf = (rs: ReplicaSet): number => rs.spec?.replicas ?? 1;
export const availableOf = (rs: ReplicaSet): number => rs.status?.availableReplicas ?? 0;
export const isRollingUpdate = (d: Deployment): boolean => d.spec?.strategy?.type !== 'Recreate';

export const sumOf = (sets: readonly ReplicaSet[], of: (rs: ReplicaSet) => number): number =>
  sets.reduce((sum, rs) => sum + of(rs), 0);

/**
 * Surge rounds up and unavailability rounds down; if both come to nothing, one pod may be
 * unavailable, or the update could never move. Recreate has neither.
 */
export function limitsOf(d: Deployment): RolloutLimits {
  const replicas = desiredOf(d);
  if (!isRollingUpdate(d)) return { replicas, maxSurge: 0, maxUnavailable: 0 };
  const rolling = d.spec?.strategy?.rollingUpdate;
  const maxSurge = resolveIntOrPercent(rolling?.maxSurge ?? '25%', replicas, 'up');
  let maxUnavailable = resolveIntOrPercent(rolling?.maxUnavailable ?? '25%', replicas, 'down');
  if (maxSurge === 0 && maxUnavailable === 0) maxUnavailable = 1;
  return { replicas, maxSurge, maxUnavailable: Math.min(maxUnavailable, replicas) };
}

/** Whether the ReplicaSet runs exactly this template, its own hash label aside. */
export function runsTemplateOf(rs: ReplicaSet, d: Deployment): boolean {
  return sameJson(withoutHash(rs.spec?.template), withoutHash(d.spec?.template));
}

type Template = NonNullable<ReplicaSet['spec']>['template'];

function withoutHash(template: Template | undefined): unknown {
  const meta = template?.metadata;
  const labels = Object.fromEntries(
    Object.entries(meta?.labels ?? {}).filter(([key]) => key !== TEMPLATE_HASH_LABEL),
  );
  return { ...template, metadata: { ...meta, creationTimestamp: undefined, labels } };
}

/** If several run the template (a past race), the oldest is the current one, for everybody alike. */
export function rolesOf(d: Deployment, sets: readonly ReplicaSet[]): ReplicaSetRoles {
  const all = [...sets].sort(byCreation);
  const current = all.find((rs) => runsTemplateOf(rs, d));
  return { current, old: all.filter((rs) => rs !== current), all };
}

/** The number of a rollout: 64 bits, as others write them. Unreadable ones count as none. */
export function revisionOf(rs: ReplicaSet): bigint {
  const text = annotationsOf(rs)[REVISION] ?? '';
  const revision = /^\d{1,19}$/.test(text) ? BigInt(text) : 0n;
  return revision <= MAX_REVISION ? revision : 0n;
}

/** A size annotation of a ReplicaSet, `undefined` when absent or unreadable. */
export function sizeAnnotation(rs: ReplicaSet, name: string): number | undefined {
  const text = annotationsOf(rs)[name];
  if (text === undefined) return undefined;
  const value = Number.parseInt(text, 10);
  return Number.isNaN(value) ? undefined : value;
}

/** Every replica wanted is of the current template, available, and nothing older is left. */
export function isComplete(d: Deployment, status: NonNullable<Deployment['status']>): boolean {
  const wanted = desiredOf(d);
  return (
    (status.updatedReplicas ?? 0) === wanted &&
    (status.replicas ?? 0) === wanted &&
    (status.availableReplicas ?? 0) === wanted &&
    (status.observedGeneration ?? 0) >= (d.metadata.generation ?? 0)
  );
}

/** The kubectl-visible name, quoted, for messages. */
export const quoted = (object: Deployment | ReplicaSet): string => `"${nameOf(object)}"`;
