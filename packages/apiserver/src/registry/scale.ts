/** The scale subresource: a window on the replica count of a workload. */
import {
  type GroupResource,
  invalid,
  type KindDef,
  type KubeObject,
  type Scale,
  validateScale,
  withScale,
} from '@kubets/api';

const SCALE = { group: 'autoscaling', kind: 'Scale' };

/**
 * The workload with the replica count of a scale.
 * @throws ApiError Invalid
 */
export function rescaled(object: KubeObject, scale: Scale): KubeObject {
  const errors = validateScale(scale);
  if (errors.length > 0) throw invalid(SCALE, object.metadata.name ?? '', errors);
  return withScale(object, scale);
}

/** How "not found" names a scale; that of replication controllers speaks for its own group. */
export function scaleResource(def: KindDef): GroupResource {
  const group = def.group === '' ? SCALE.group : def.group;
  return { group, resource: `${def.resource}/scale` };
}
