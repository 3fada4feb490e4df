import type { ControllerRevision, KubeObject, PodTemplateSpec } from '@kubets/api';
import { safeHash } from '../objects/hash.ts';
import { sameJson, withSortedFields } from '../objects/json.ts';
import {
  byCreation,
  labelsOf,
  nameOf,
  namespaceOf,
  newControllerRef,
  type OwnerKind,
} from '../objects/meta.ts';

export const REVISION_HASH_LABEL = 'controller-revision-hash';

/**
 * A version of a template, kept as the patch that `kubectl rollout undo` applies to go back to it.
 * That command compares the bytes to see whether the template is this one already, hence the order.
 */
export function templatePatch(template: PodTemplateSpec): Record<string, unknown> {
  return { spec: { template: withSortedFields({ ...template, $patch: 'replace' }) } };
}

export const hashOf = (revision: ControllerRevision): string =>
  labelsOf(revision)[REVISION_HASH_LABEL] ?? '';

export const byRevision = (a: ControllerRevision, b: ControllerRevision): number =>
  Number(a.revision) - Number(b.revision) || byCreation(a, b);

/** Which revision is the present template's, and what must be written for it to be the newest. */
export interface RevisionPlan {
  current: ControllerRevision;
  write?: 'create' | 'renumber';
}

/**
 * Finds the present template among the revisions. A template that is back again keeps its object and
 * gets the next number, so that history shows the order in which templates were in use.
 */
export function planRevision(
  owner: KubeObject,
  kind: OwnerKind,
  facts: {
    template: PodTemplateSpec;
    revisions: readonly ControllerRevision[];
    collisionCount: number | undefined;
  },
): RevisionPlan {
  const sorted = [...facts.revisions].sort(byRevision);
  const data = templatePatch(facts.template);
  const newest = sorted.at(-1);
  const known = sorted.findLast((revision) => sameJson(revision.data, data));
  if (known && known === newest) return { current: known };
  const next = Number(newest?.revision ?? 0) + 1;
  if (known) return { current: { ...known, revision: next }, write: 'renumber' };
  const hash = safeHash(facts.template, facts.collisionCount);
  const current: ControllerRevision = {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      name: `${nameOf(owner)}-${hash}`,
      namespace: namespaceOf(owner),
      labels: { ...facts.template.metadata?.labels, [REVISION_HASH_LABEL]: hash },
      // `kubectl rollout history` reads the cause of the change here.
      ...(owner.metadata.annotations && { annotations: owner.metadata.annotations }),
      ownerReferences: [newControllerRef(owner, kind)],
    },
    data,
    revision: next,
  };
  return { current, write: 'create' };
}

/** Revisions past the limit that nothing runs any more, oldest first. */
export function excessRevisions(
  revisions: readonly ControllerRevision[],
  inUse: (revision: ControllerRevision) => boolean,
  limit: number,
): ControllerRevision[] {
  const unused = revisions.filter((revision) => !inUse(revision)).sort(byRevision);
  return unused.slice(0, Math.max(0, unused.length - limit));
}

/** The template a revision stands for. */
export function templateOf(revision: ControllerRevision): PodTemplateSpec | undefined {
  const spec = revision.data?.spec;
  if (typeof spec !== 'object' || spec === null || !('template' in spec)) return undefined;
  const { $patch: _patch, ...template } = spec.template as Record<string, unknown>;
  return template as PodTemplateSpec;
}
