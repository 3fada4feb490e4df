/** What a write leaves behind: the bytes that answer it, and that the cache will be told of by the store in a moment. */
import type { KindDef, KubeObject } from '@kubets/api';
import { type CacheEntry, entryOfObject } from '../cache/entry.ts';
import type { StoredValue } from '../storage/store.ts';
import type { RegistryDeps } from './context.ts';
import { storedAsItself } from './convert.ts';

/**
 * The cache's entry of an object just written, so that neither the answer nor the cache serialises or parses it again.
 * @param object what was written; from now on shared: never changed
 * @returns undefined for kinds that are stored in another form than they were asked for
 */
export function writtenEntry(
  deps: RegistryDeps,
  def: KindDef,
  stored: StoredValue,
  object: KubeObject,
): CacheEntry | undefined {
  if (!storedAsItself(def) || def.rules?.fromStore !== undefined) return undefined;
  const entry = entryOfObject(def, stored, object);
  deps.caches.peek(def)?.expect(entry);
  return entry;
}
