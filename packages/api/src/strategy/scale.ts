/** The `scale` subresource of the built-in workloads. */

import { type FieldError, invalid } from '../field-error.ts';
import type { LabelSelector, Scale } from '../generated/types.ts';
import { isJsonObject, type JsonObject, type KubeObject } from '../meta.ts';
import { formatLabelSelector, labelSelectorOf, labelSetSelector } from '../selectors/labels.ts';

function section(object: KubeObject, name: 'spec' | 'status'): JsonObject {
  const value = object[name];
  return isJsonObject(value) ? value : {};
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}

function selectorText(object: KubeObject): string {
  const selector = section(object, 'spec').selector as JsonObject | undefined;
  if (selector === undefined || selector === null) return '';
  if (object.kind === 'ReplicationController') {
    return formatLabelSelector(labelSetSelector(selector as Record<string, string>));
  }
  return formatLabelSelector(labelSelectorOf(selector as LabelSelector));
}

/** The Scale of a Deployment, ReplicaSet, StatefulSet or ReplicationController. */
export function scaleOf(object: KubeObject): Scale {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const replicas = numberOf(section(object, 'spec').replicas);
  const selector = selectorText(object);
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: replicas === 0 ? {} : { replicas },
    status: {
      replicas: numberOf(section(object, 'status').replicas),
      ...(selector ? { selector } : {}),
    },
  };
}

/** Is this Scale acceptable? */
export function validateScale(scale: Scale): FieldError[] {
  const replicas = scale.spec?.replicas ?? 0;
  if (replicas >= 0) return [];
  return [invalid('spec.replicas', replicas, 'must be greater than or equal to 0')];
}

/** A copy of the object with the replicas a (valid) Scale asks for, and its resourceVersion if it names one. */
export function withScale<T extends KubeObject>(object: T, scale: Scale): T {
  const out = structuredClone(object);
  out.spec = { ...section(out, 'spec'), replicas: scale.spec?.replicas ?? 0 };
  const { resourceVersion, uid } = scale.metadata;
  if (resourceVersion) out.metadata.resourceVersion = resourceVersion;
  if (uid) out.metadata.uid = uid;
  return out;
}
