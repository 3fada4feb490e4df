import { isNotFound, type Namespace } from '@kubets/api';
import type { ResourceStore } from '../ports.ts';
import { GVR } from '../resources.ts';

/**
 * Finds namespaces: in the cache, and in the store where the cache knows none, since a new one may not have come to it.
 * @returns undefined where there is none
 */
export function namespaceFinder(
  store: ResourceStore,
): (name: string) => Promise<Namespace | undefined> | Namespace {
  const namespaces = store.cache<Namespace>(GVR.namespaces);
  return (name) => namespaces.get('', name) ?? stored(name);

  async function stored(name: string): Promise<Namespace | undefined> {
    try {
      return await store.get<Namespace>({ ...GVR.namespaces, namespace: '', name });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }
}
