/** Discovery of this server and of extension servers as one. */
import { isJsonObject, type JsonObject } from '@kubets/api';
import type { DiscoverySource } from '../discovery/source.ts';
import { type ApiServices, type Extension, isAvailable } from './api-services.ts';
import { mergedOpenApi } from './merge-open-api.ts';
import { localPriority, type Priority } from './priorities.ts';

interface Group {
  readonly name: string;
  readonly versions: readonly { readonly groupVersion: string; readonly version: string }[];
}

/** A version of a group with what decides about its place. */
interface Ranked<T> {
  readonly version: string;
  readonly priority: Priority;
  readonly entry: T;
}

/** What the local source says, with the groups and versions of extensions put where their priorities want them. */
export function withExtensions(local: DiscoverySource, services: ApiServices): DiscoverySource {
  const of = (group: string): Extension[] => services.all().filter((one) => one.group === group);
  const groupNames = (): string[] => [...new Set(services.all().map(({ group }) => group))];

  function group(name: string): object | undefined {
    const known = local.group(name) as Group | undefined;
    const extensions = of(name);
    if (extensions.length === 0) return known;
    const versions = merged(versionsOf(known), extensions, ({ version }) => ({
      groupVersion: `${name}/${version}`,
      version,
    }));
    const kind = { kind: 'APIGroup', apiVersion: 'v1' };
    return { ...kind, name, versions, preferredVersion: versions[0] };
  }

  return {
    ...local,
    signature: () => `${local.signature()}/${services.revision}`,
    group,
    groupList() {
      const list = local.groupList() as { groups: Group[] };
      const groups = placed(list.groups, groupNames(), services, (name) => {
        const {
          kind: _kind,
          apiVersion: _apiVersion,
          ...rest
        } = group(name) as Group & {
          kind: string;
          apiVersion: string;
        };
        return rest;
      });
      return { ...list, groups };
    },
    resourceList: (name, version) =>
      services.find(name, version) ? undefined : local.resourceList(name, version),
    aggregated(root, version) {
      const list = local.aggregated(root, version) as { items: AggregatedGroup[] };
      if (root === 'api') return list;
      const byName = list.items.map((item) => ({ ...item, name: item.metadata.name ?? '' }));
      const items = placed(byName, groupNames(), services, (name) => {
        const known = byName.find((one) => one.name === name);
        const own = known?.versions.map((entry) => ranked(name, entry.version, entry)) ?? [];
        const versions = merged(own, of(name), aggregatedVersion);
        return { metadata: { name, creationTimestamp: null }, versions, name };
      });
      return { ...list, items: items.map(({ name: _name, ...item }) => item) };
    },
    groupVersions: () => local.groupVersions().filter((gv) => !services.find(gv.group, gv.version)),
    extensionVersions: () =>
      services.all().map(({ group: name, version, openApi }) => ({
        group: name,
        version,
        openApi: openApi.v3,
      })),
    openApiV2() {
      const ranked = [...services.all()].sort(byPriority).map(({ openApi }) => openApi.v2);
      const parts = ranked.filter((part) => part !== undefined);
      return mergedOpenApi(local.openApiV2() as JsonObject, parts);
    },
  };
}

const ranked = <T>(group: string, version: string, entry: T): Ranked<T> => ({
  version,
  priority: localPriority(group, version),
  entry,
});

function versionsOf(group: Group | undefined): Ranked<Group['versions'][number]>[] {
  return (group?.versions ?? []).map((entry) => ranked(group?.name ?? '', entry.version, entry));
}

const priorityOf = ({ api }: Extension): Priority => ({
  groupPriorityMinimum: api.spec?.groupPriorityMinimum ?? 0,
  versionPriority: api.spec?.versionPriority ?? 0,
});

/** The more important group first; within a group the newer version. */
function byPriority(a: Extension, b: Extension): number {
  const [x, y] = [priorityOf(a), priorityOf(b)];
  const byGroup = y.groupPriorityMinimum - x.groupPriorityMinimum;
  return byGroup || y.versionPriority - x.versionPriority;
}

/** The versions of a group, the best first; what an extension has replaces what is here. */
function merged<T>(
  own: readonly Ranked<T>[],
  extensions: readonly Extension[],
  entryOf: (extension: Extension) => T,
): T[] {
  const theirs = extensions.map((one) => ({
    version: one.version,
    priority: priorityOf(one),
    entry: entryOf(one),
  }));
  const kept = own.filter(({ version }) => !theirs.some((one) => one.version === version));
  return [...kept, ...theirs]
    .sort((a, b) => b.priority.versionPriority - a.priority.versionPriority)
    .map(({ entry }) => entry);
}

/** Puts the groups that extensions have a part in into a list of groups. */
function placed<T extends { readonly name: string }>(
  groups: readonly T[],
  names: readonly string[],
  services: ApiServices,
  make: (name: string) => T,
): T[] {
  const out = groups.filter(({ name }) => !names.includes(name));
  const rankOf = (name: string): number => localPriority(name, '').groupPriorityMinimum;
  for (const name of names) {
    const theirs = services.all().filter(({ group }) => group === name);
    const rank = Math.max(...theirs.map((one) => priorityOf(one).groupPriorityMinimum));
    const at = out.findIndex(
      (one) => rankOf(one.name) < rank || (rankOf(one.name) === rank && one.name > name),
    );
    out.splice(at < 0 ? out.length : at, 0, make(name));
  }
  return out;
}

interface AggregatedGroup {
  readonly metadata: { readonly name?: string; readonly creationTimestamp: null };
  readonly versions: readonly AggregatedVersion[];
}

interface AggregatedVersion {
  readonly version: string;
  readonly resources?: readonly object[];
  readonly freshness?: string;
}

interface PlainResource {
  readonly name: string;
  readonly singularName?: string;
  readonly namespaced?: boolean;
  readonly group?: string;
  readonly version?: string;
  readonly kind?: string;
  readonly verbs?: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
}

/** An extension's list of resources in the aggregated form; stale, and without any, while it does not answer. */
function aggregatedVersion({ version, resources, api }: Extension): AggregatedVersion {
  if (resources === undefined || !isAvailable(api)) return { version, freshness: 'Stale' };
  const list = (resources as { resources?: unknown }).resources;
  const all = (Array.isArray(list) ? list.filter(isJsonObject) : []) as unknown as PlainResource[];
  const entries = all
    .filter(({ name }) => !name.includes('/'))
    .map((one) => aggregatedResource(one, all));
  return { version, resources: entries, freshness: 'Current' };
}

function aggregatedResource(one: PlainResource, all: readonly PlainResource[]): object {
  const prefix = `${one.name}/`;
  const subresources = all
    .filter(({ name }) => name.startsWith(prefix))
    .map((sub) => ({
      subresource: sub.name.slice(prefix.length),
      responseKind: kindOf(sub),
      verbs: sub.verbs ?? [],
    }));
  const { shortNames = [], categories = [] } = one;
  return {
    resource: one.name,
    responseKind: kindOf(one),
    scope: one.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: one.singularName ?? '',
    verbs: one.verbs ?? [],
    ...(shortNames.length > 0 && { shortNames }),
    ...(categories.length > 0 && { categories }),
    ...(subresources.length > 0 && { subresources }),
  };
}

const kindOf = ({ group = '', version = '', kind = '' }: PlainResource) => ({
  group,
  version,
  kind,
});
