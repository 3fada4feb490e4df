/** The documents of discovery, made from the kinds by `@kubets/api`. */
import {
  aggregatedDiscovery,
  apiGroup,
  apiGroupList,
  apiResourceList,
  type KindRegistry,
  legacyApiVersions,
  openApiV2,
  openApiV3Document,
} from '@kubets/api';
import type { DiscoverySource } from './discovery/source.ts';

/** @param address host:port that clients reach this server at */
export function discoverySource(kinds: KindRegistry, address: string): DiscoverySource {
  const everybody = [{ clientCIDR: '0.0.0.0/0', serverAddress: address }];
  return {
    signature: () => String(kinds.revision),
    apiVersions: () => legacyApiVersions(everybody),
    groupList: () => apiGroupList(kinds),
    group: (name) => apiGroup(kinds, name),
    resourceList: (group, version) => apiResourceList(kinds, { group, version }),
    aggregated: (root, version) => aggregatedDiscovery(kinds, { legacy: root === 'api', version }),
    groupVersions: () => groupVersionsOf(kinds),
    openApiV3: (group, version) => openApiV3Document(kinds, { group, version }) ?? {},
    openApiV2: () => openApiV2(kinds),
  };
}

function groupVersionsOf(kinds: KindRegistry): { group: string; version: string }[] {
  const found = new Map<string, { group: string; version: string }>();
  for (const { apiVersion, group, version } of kinds.all()) {
    if (!found.has(apiVersion)) found.set(apiVersion, { group, version });
  }
  return [...found.values()];
}
