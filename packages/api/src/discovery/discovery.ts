/** Discovery documents: which groups, versions and resources the server has, in both of their forms. */
import type { GroupVersion } from '../meta.ts';
import { apiVersionOf } from '../meta.ts';
import type { KindDef, KindRegistry, SubresourceDef } from '../registry.ts';

export interface ServerAddress {
  clientCIDR: string;
  serverAddress: string;
}

interface ApiResource {
  name: string;
  singularName: string;
  namespaced: boolean;
  group?: string;
  version?: string;
  kind: string;
  verbs: readonly string[];
  shortNames?: readonly string[];
  categories?: readonly string[];
  storageVersionHash?: string;
}

interface GroupVersionEntry {
  groupVersion: string;
  version: string;
}

export interface ApiGroup {
  kind?: 'APIGroup';
  apiVersion?: 'v1';
  name: string;
  versions: GroupVersionEntry[];
  preferredVersion: GroupVersionEntry;
}

/** The kinds of a registry by group, then version, each in the registry's order. */
function byGroup(registry: KindRegistry): Map<string, Map<string, KindDef[]>> {
  const out = new Map<string, Map<string, KindDef[]>>();
  for (const def of registry.all()) {
    const versions = out.get(def.group) ?? new Map<string, KindDef[]>();
    out.set(def.group, versions);
    versions.set(def.version, [...(versions.get(def.version) ?? []), def]);
  }
  return out;
}

/** `/api`. */
export function legacyApiVersions(addresses: ServerAddress[]): object {
  return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: addresses };
}

function groupEntry(name: string, versions: Iterable<string>): ApiGroup | undefined {
  const entries = [...versions].map((version) => ({
    groupVersion: apiVersionOf({ group: name, version }),
    version,
  }));
  const preferredVersion = entries[0];
  return preferredVersion ? { name, versions: entries, preferredVersion } : undefined;
}

/** `/apis`. */
export function apiGroupList(registry: KindRegistry): object {
  const groups: ApiGroup[] = [];
  for (const [name, versions] of byGroup(registry)) {
    const entry = name === '' ? undefined : groupEntry(name, versions.keys());
    if (entry) groups.push(entry);
  }
  return { kind: 'APIGroupList', apiVersion: 'v1', groups };
}

/** `/apis/GROUP`, or undefined when there is no such group. */
export function apiGroup(registry: KindRegistry, name: string): ApiGroup | undefined {
  const entry = groupEntry(name, byGroup(registry).get(name)?.keys() ?? []);
  return entry ? { kind: 'APIGroup', apiVersion: 'v1', ...entry } : undefined;
}

function mainResource(def: KindDef): ApiResource {
  return {
    name: def.resource,
    singularName: def.singular,
    namespaced: def.namespaced,
    kind: def.kind,
    verbs: def.verbs,
    ...(def.shortNames.length > 0 ? { shortNames: def.shortNames } : {}),
    ...(def.categories.length > 0 ? { categories: def.categories } : {}),
    ...(def.storageVersionHash ? { storageVersionHash: def.storageVersionHash } : {}),
  };
}

function subResource(def: KindDef, name: string, sub: SubresourceDef): ApiResource {
  return {
    name: `${def.resource}/${name}`,
    singularName: '',
    namespaced: def.namespaced,
    ...(sub.version ? { group: sub.group ?? '', version: sub.version } : {}),
    kind: sub.kind,
    verbs: sub.verbs,
  };
}

/** `/api/v1` or `/apis/GROUP/VERSION`, or undefined when there is no such version. */
export function apiResourceList(registry: KindRegistry, gv: GroupVersion): object | undefined {
  const defs = byGroup(registry).get(gv.group)?.get(gv.version);
  if (!defs) return undefined;
  const resources = defs.flatMap((def) => [
    mainResource(def),
    ...[...def.subresourceDefs].map(([name, sub]) => subResource(def, name, sub)),
  ]);
  // The legacy group's list has no apiVersion of its own.
  const own = gv.group === '' ? {} : { apiVersion: 'v1' };
  return { kind: 'APIResourceList', ...own, groupVersion: apiVersionOf(gv), resources };
}

function aggregatedResource(def: KindDef): object {
  const own = { group: '', version: '', kind: def.kind };
  const subresources = [...def.subresourceDefs].map(([subresource, sub]) => ({
    subresource,
    responseKind: { group: sub.group ?? '', version: sub.version ?? '', kind: sub.kind },
    verbs: sub.verbs,
  }));
  return {
    resource: def.resource,
    responseKind: own,
    scope: def.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: def.singular,
    verbs: def.verbs,
    ...(def.shortNames.length > 0 ? { shortNames: def.shortNames } : {}),
    ...(def.categories.length > 0 ? { categories: def.categories } : {}),
    ...(subresources.length > 0 ? { subresources } : {}),
  };
}

/** `/api` (`legacy`) or `/apis` for clients that ask for `apidiscovery.k8s.io`, `v2` or `v2beta1`. */
export function aggregatedDiscovery(
  registry: KindRegistry,
  o: { legacy: boolean; version?: 'v2' | 'v2beta1' },
): object {
  const items = [...byGroup(registry)]
    .filter(([name]) => (name === '') === o.legacy)
    .map(([name, versions]) => ({
      metadata: { ...(name ? { name } : {}), creationTimestamp: null },
      versions: [...versions].map(([version, defs]) => ({
        version,
        resources: defs.map(aggregatedResource),
        freshness: 'Current',
      })),
    }));
  const apiVersion = `apidiscovery.k8s.io/${o.version ?? 'v2'}`;
  return { kind: 'APIGroupDiscoveryList', apiVersion, metadata: {}, items };
}
