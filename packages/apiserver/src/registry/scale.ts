/** The scale subresource: a window on the replica count of a workload. */
import {
  badRequest,
  type GroupResource,
  goQuote,
  internal,
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
  const rules = def.rules?.scale;
  if (rules !== undefined) {
    if (scale.spec?.replicas !== UNSET) return rules.apply(object, scale);
    const path = goQuote(rules.missing(object) ?? '');
    throw badRequest(`the spec replicas field ${path} cannot be empty`);
  }
  const errors = validateScale(scale);
  if (errors.length > 0) throw invalid(SCALE, object.metadata.name ?? '', errors);
  return withScale(object, scale);
}

/** Replicas nobody has set: the smallest number there is, as the stock server has it. */
const UNSET = -(2 ** 31);

/** The scale of an object that is to be changed: one that says nothing yet has to after that. */
export function scaleBefore(def: KindDef, object: KubeObject): Scale {
  const scale = shownScale(def, object);
  const isMissing = def.rules?.scale?.missing(object) !== undefined;
  return isMissing ? { ...scale, spec: { replicas: UNSET } } : scale;
}

/**
 * The scale of an object, for those who ask for it.
 * @throws ApiError InternalError when the object does not say how many replicas it wants
 */
export function readScale(def: KindDef, object: KubeObject): Scale {
  const path = def.rules?.scale?.missing(object);
  if (path === undefined) return shownScale(def, object);
  throw internal(`the spec replicas field ${goQuote(path)} does not exist`);
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
  if (def.rules?.scale) return def;
  const group = def.group === '' ? SCALE.group : def.group;
  return { group, resource: `${def.resource}/scale` };
}
