/** Where objects lie in the store. */
import type { KindDef } from '@kubets/api';

const ROOT = '/registry/';

/** The prefix of all keys of a kind; ends with a slash. */
export function kindPrefix(def: KindDef): string {
  return `${ROOT}${def.storagePath}/`;
}

/** The prefix of a namespace's keys, or of all of them. */
export function scopePrefix(def: KindDef, namespace: string): string {
  return namespace === '' ? kindPrefix(def) : `${kindPrefix(def)}${namespace}/`;
}

/** The key of one object. */
export function keyOf(def: KindDef, namespace: string, name: string): string {
  return `${scopePrefix(def, def.namespaced ? namespace : '')}${name}`;
}
