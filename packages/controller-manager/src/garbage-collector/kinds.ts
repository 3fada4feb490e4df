import type { KindDef } from '@kubets/api';
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
