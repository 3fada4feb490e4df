/** The scale subresource: a window on the replica count of a workload. */
import {
  type GroupResource,
  invalid,
  type KindDef,
  type KubeObject,
  type Scale,
  scaleOf,
  validateScale,
  withScale,
} from '@kubets/api';
import type { Window } from './update.ts';

const SCALE = { group: 'autoscaling', kind: 'Scale' };

/**
 * The workload with the replica count of a scale.
 * @throws ApiError Invalid
 */
export function rescaled(def: KindDef, object: KubeObject, scale: Scale): KubeObject {
  const errors = validateScale(scale);
  if (errors.length > 0) throw invalid(SCALE, object.metadata.name ?? '', errors);
  return def.rules?.scale ? def.rules.scale.apply(object, scale) : withScale(object, scale);
}

/** The scale of an object. */
export function shownScale(def: KindDef, object: KubeObject): Scale {
  return def.rules?.scale ? def.rules.scale.of(object) : scaleOf(object);
}

/** Workloads as those see them who are asked about a change of their scale. */
export function scaleWindow(def: KindDef): Window {
  return {
    of: (object) => shownScale(def, object) as KubeObject,
    back: (object, shown) => rescaled(def, object, shown as unknown as Scale),
  };
}

/** How "not found" names a scale; that of replication controllers speaks for its own group. */
export function scaleResource(def: KindDef): GroupResource {
  const group = def.group === '' ? SCALE.group : def.group;
  return { group, resource: `${def.resource}/scale` };
}
