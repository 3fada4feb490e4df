import { isNotFound, type KubeObject, objectKey, type Secret } from '@kubets/api';
import type { ResourceStore } from '../ports.ts';
import { GVR } from '../resources.ts';
import { withUse } from './legacy-tokens.ts';
import type { BoundObjects } from './service-account-tokens.ts';

const RESOURCES = {
  serviceaccounts: GVR.serviceAccounts,
  pods: GVR.pods,
  secrets: GVR.secrets,
  nodes: GVR.nodes,
} as const;

/**
 * Looks objects up in the cache, and in the store when the cache has none: a token may be used through one
 * apiserver a moment after another one created its account.
 */
export function boundObjectsOf(store: ResourceStore): BoundObjects {
  /** Secrets in which a use is being noted: one write each, however many requests carry the token. */
  const underWay = new Set<string>();
  return {
    async find(kind, namespace, name) {
      const gvr = RESOURCES[kind];
      const cached = store.cache<KubeObject>(gvr).get(namespace, name);
      if (cached) return cached;
      try {
        return await store.get<KubeObject>({ ...gvr, namespace, name });
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    },
    noteUse(secret, day) {
      const noted = withUse(secret, day);
      const key = objectKey(secret);
      if (noted === undefined || underWay.has(key)) return;
      underWay.add(key);
      void note(store, noted).finally(() => underWay.delete(key));
    },
  };
}

async function note(store: ResourceStore, noted: Secret): Promise<void> {
  try {
    await store.update(GVR.secrets, noted);
  } catch {
    // Another apiserver noted it, or the store cannot be written to: the token is as good as before, the next use is noted.
  }
}
