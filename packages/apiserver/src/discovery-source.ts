/** The documents of discovery, made from the kinds by `@kubets/api`. */
import {
  aggregatedDiscovery,
  apiGroup,
  apiGroupList,
  apiResourceList,
  apiVersions,
  type KindRegistry,
  openApiV2Document,
  openApiV3Document,
} from '@kubets/api';
import type { DiscoverySource } from './discovery/source.ts';

export function discoverySource(kinds: KindRegistry): DiscoverySource {
  return {
    signature: () =>
      kinds
        .all()
        .map((def) => `${def.apiVersion}/${def.kind}`)
        .join(),
    apiVersions: () => apiVersions(kinds),
    groupList: () => apiGroupList(kinds),
    group: (name) => apiGroup(kinds, name),
    resourceList: (group, version) => apiResourceList(kinds, { group, version }),
    aggregated: (root, version) => aggregatedDiscovery(kinds, root, version),
    groupVersions: () => groupVersionsOf(kinds),
    openApiV3: (group, version) => openApiV3Document(kinds, { group, version }),
    openApiV2: () => openApiV2Document(kinds),
  };
}

function groupVersionsOf(kinds: KindRegistry): { group: string; version: string }[] {
  const found = new Map<string, { group: string; version: string }>();
  for (const { apiVersion, group, version } of kinds.all()) {
    if (!found.has(apiVersion)) found.set(apiVersion, { group, version });
  }
  return [...found.values()];
}
