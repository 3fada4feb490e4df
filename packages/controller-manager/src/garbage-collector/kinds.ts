import { builtinKinds, type KindDef, type OwnerReference, parseApiVersion } from '@kubets/api';
import type { KindRef } from './graph.ts';

/** Events own nothing, are owned by nothing, and are the most frequent writes of all. */
const IGNORED = new Set(['events']);

/** The kinds whose objects are collected, each stored object once. */
export function collectableKinds(defs: readonly KindDef[]): KindRef[] {
  const byStorage = new Map<string, KindRef>();
  for (const def of defs) {
    if (IGNORED.has(def.resource) || byStorage.has(def.storagePath)) continue;
    if (!['list', 'watch', 'delete', 'get'].every((verb) => def.verbs.includes(verb))) continue;
    byStorage.set(def.storagePath, {
      gv: def.apiVersion,
      resource: def.resource,
      kind: def.kind,
      namespaced: def.namespaced,
    });
  }
  return [...byStorage.values()];
}

/** Where an owner of a built-in kind is found, in the version the reference names. */
export function builtinKindOf(ref: OwnerReference): KindRef | undefined {
  const def = builtinKinds.forKind({ ...parseApiVersion(ref.apiVersion), kind: ref.kind });
  if (def === undefined) return undefined;
  const { resource, kind, namespaced } = def;
  return { gv: ref.apiVersion, resource, kind, namespaced };
}
