import { isNotFound, type KubeObject } from '@kubets/api';
import type { ResourceStore } from '../ports.ts';
import { GVR } from '../resources.ts';
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
  };
}
