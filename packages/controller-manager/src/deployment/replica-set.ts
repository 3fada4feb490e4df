import type { Deployment, ReplicaSet } from '@kubets/api';
import { safeHash } from '../objects/hash.ts';
import { sameJson } from '../objects/json.ts';
import { annotationsOf, nameOf, namespaceOf, newControllerRef } from '../objects/meta.ts';
import {
  DESIRED_REPLICAS,
  limitsOf,
  MAX_REPLICAS,
  REVISION,
  REVISION_HISTORY,
  revisionOf,
  sizeOf,
  TEMPLATE_HASH_LABEL,
} from './view.ts';

export const DEPLOYMENT_KIND = { apiVersion: 'apps/v1', kind: 'Deployment' } as const;

/** Annotations of the Deployment that describe it alone and must not reach its ReplicaSets. */
const NOT_INHERITED = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  REVISION,
  REVISION_HISTORY,
  DESIRED_REPLICAS,
  MAX_REPLICAS,
  'deprecated.deployment.rollback.to',
]);

/** Label value that tells the pods of one template from those of another. */
export function templateHash(d: Deployment): string {
  return safeHash(d.spec?.template, d.status?.collisionCount);
}

function inherited(d: Deployment): Record<string, string> {
  return Object.fromEntries(
    Object.entries(annotationsOf(d)).filter(([key]) => !NOT_INHERITED.has(key)),
  );
}

function sizeAnnotations(d: Deployment): Record<string, string> {
  const limits = limitsOf(d);
  return {
    [DESIRED_REPLICAS]: String(limits.replicas),
    [MAX_REPLICAS]: String(limits.replicas + limits.maxSurge),
  };
}

/** The ReplicaSet for a template that has none yet. Its name follows from the template alone. */
export function newReplicaSet(d: Deployment, replicas: number, revision: bigint): ReplicaSet {
  const hash = templateHash(d);
  const template = structuredClone(d.spec?.template ?? { metadata: {} });
  const labels = { ...template.metadata?.labels, [TEMPLATE_HASH_LABEL]: hash };
  const selector = d.spec?.selector;
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${nameOf(d)}-${hash}`,
      namespace: namespaceOf(d),
      labels,
      annotations: { ...inherited(d), ...sizeAnnotations(d), [REVISION]: String(revision) },
      ownerReferences: [newControllerRef(d, DEPLOYMENT_KIND)],
    },
    spec: {
      replicas,
      minReadySeconds: d.spec?.minReadySeconds ?? 0,
      selector: {
        ...selector,
        matchLabels: { ...selector?.matchLabels, [TEMPLATE_HASH_LABEL]: hash },
      },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  };
}

/** The ReplicaSet at a new size, with the annotations that tell the next scaling where it started. */
export function resized(rs: ReplicaSet, d: Deployment, replicas: number): ReplicaSet {
  return edited(rs, { annotations: sizeAnnotations(d), replicas });
}

/**
 * The current ReplicaSet with the Deployment's annotations, minReadySeconds and revision. A revision
 * that moves up (a rollback made an old template current again) leaves its number in the history.
 */
export function refreshed(rs: ReplicaSet, d: Deployment, revision: bigint): ReplicaSet {
  const annotations: Record<string, string> = { ...inherited(d) };
  if (revisionOf(rs) < revision) {
    annotations[REVISION] = String(revision);
    const last = annotationsOf(rs)[REVISION];
    if (last !== undefined) {
      const history = annotationsOf(rs)[REVISION_HISTORY];
      annotations[REVISION_HISTORY] = history ? `${history},${last}` : last;
    }
  }
  return edited(rs, { annotations, minReadySeconds: d.spec?.minReadySeconds ?? 0 });
}

interface Edit {
  annotations: Record<string, string>;
  replicas?: number;
  minReadySeconds?: number;
}

function edited(rs: ReplicaSet, edit: Edit): ReplicaSet {
  const annotations = { ...annotationsOf(rs), ...edit.annotations };
  const template = rs.spec?.template;
  const selector = rs.spec?.selector;
  const next: ReplicaSet = {
    ...rs,
    metadata: { ...rs.metadata, annotations },
    spec: {
      ...rs.spec,
      selector: selector ?? {},
      ...(template ? { template } : {}),
      replicas: edit.replicas ?? sizeOf(rs),
      minReadySeconds: edit.minReadySeconds ?? rs.spec?.minReadySeconds ?? 0,
    },
  };
  return next;
}

/** Whether a write is needed to get from one to the other. */
export function differs(a: ReplicaSet, b: ReplicaSet): boolean {
  return (
    sizeOf(a) !== sizeOf(b) ||
    (a.spec?.minReadySeconds ?? 0) !== (b.spec?.minReadySeconds ?? 0) ||
    !sameJson(annotationsOf(a), annotationsOf(b))
  );
}
