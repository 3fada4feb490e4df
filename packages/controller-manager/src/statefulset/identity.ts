import type { PersistentVolumeClaim, Pod, PodTemplateSpec, StatefulSet } from '@kubets/api';
import { REVISION_HASH_LABEL } from '../history/revisions.ts';
import { labelsOf, nameOf, namespaceOf } from '../objects/meta.ts';
import { podFromTemplate } from '../objects/pods.ts';

export const STATEFUL_SET_KIND = { apiVersion: 'apps/v1', kind: 'StatefulSet' } as const;
const POD_NAME_LABEL = 'statefulset.kubernetes.io/pod-name';
const POD_INDEX_LABEL = 'apps.kubernetes.io/pod-index';

export const podName = (set: StatefulSet, ordinal: number): string => `${nameOf(set)}-${ordinal}`;

/** The number at the end of a member's name; `undefined` for pods that are no members. */
export function ordinalOf(set: StatefulSet, pod: Pod): number | undefined {
  const prefix = `${nameOf(set)}-`;
  const name = nameOf(pod);
  const rest = name.startsWith(prefix) ? name.slice(prefix.length) : '';
  return /^(0|[1-9]\d*)$/.test(rest) ? Number(rest) : undefined;
}

/** Revision of the template the pod was made from: the name of a ControllerRevision. */
export const revisionOf = (pod: Pod): string => labelsOf(pod)[REVISION_HASH_LABEL] ?? '';

const claimName = (template: PersistentVolumeClaim, set: StatefulSet, ordinal: number): string =>
  `${nameOf(template)}-${podName(set, ordinal)}`;

/** A member: a name, a host name and volumes that stay the same however often the pod is replaced. */
export function memberPod(
  set: StatefulSet,
  ordinal: number,
  made: { template: PodTemplateSpec; revision: string },
): Pod {
  const pod = podFromTemplate(made.template, set, STATEFUL_SET_KIND);
  const name = podName(set, ordinal);
  const { generateName: _prefix, ...metadata } = pod.metadata;
  pod.metadata = {
    ...metadata,
    name,
    labels: {
      ...metadata.labels,
      [POD_NAME_LABEL]: name,
      [POD_INDEX_LABEL]: String(ordinal),
      [REVISION_HASH_LABEL]: made.revision,
    },
  };
  if (!pod.spec) return pod;
  pod.spec.hostname = name;
  if (set.spec?.serviceName) pod.spec.subdomain = set.spec.serviceName;
  const templates = set.spec?.volumeClaimTemplates ?? [];
  const own = new Set(templates.map(nameOf));
  const others = (pod.spec.volumes ?? []).filter((volume) => !own.has(volume.name));
  const claims = templates.map((template) => ({
    name: nameOf(template),
    persistentVolumeClaim: { claimName: claimName(template, set, ordinal) },
  }));
  if (claims.length > 0) pod.spec.volumes = [...others, ...claims];
  return pod;
}

/** The labels by which a member is known, where it lacks them: one that was taken over, or made long ago. */
export function missingLabels(set: StatefulSet, pod: Pod): Record<string, string> | undefined {
  const ordinal = ordinalOf(set, pod);
  if (ordinal === undefined) return undefined;
  const wanted = { [POD_NAME_LABEL]: nameOf(pod), [POD_INDEX_LABEL]: String(ordinal) };
  const isRight = Object.entries(wanted).every(([key, value]) => labelsOf(pod)[key] === value);
  return isRight ? undefined : wanted;
}

/** The claims a member needs. They outlive it, so a replacement finds its data. */
export function memberClaims(set: StatefulSet, ordinal: number): PersistentVolumeClaim[] {
  return (set.spec?.volumeClaimTemplates ?? []).map((template) => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      name: claimName(template, set, ordinal),
      namespace: namespaceOf(set),
      labels: { ...labelsOf(template), ...set.spec?.selector.matchLabels },
      ...(template.metadata.annotations ? { annotations: template.metadata.annotations } : {}),
    },
    ...(template.spec ? { spec: structuredClone(template.spec) } : {}),
  }));
}
