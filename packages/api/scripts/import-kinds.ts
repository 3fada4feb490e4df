import type { Column, DiscoveryResource, Facts, KindFact, TableFacts } from './facts.ts';
import { shortTypeName } from './import-schema.ts';

/** Where the stock server keeps a resource when it is not under its own plural name. */
const STORAGE_PATHS: Readonly<Record<string, string>> = {
  '/services': 'services/specs',
  '/endpoints': 'services/endpoints',
  '/nodes': 'minions',
  '/replicationcontrollers': 'controllers',
  'networking.k8s.io/ingresses': 'ingress',
  'apiextensions.k8s.io/customresourcedefinitions':
    'apiextensions.k8s.io/customresourcedefinitions',
  'apiregistration.k8s.io/apiservices': 'apiregistration.k8s.io/apiservices',
};

/** Subresources behind a feature gate that is off in a default server. */
const OFF_BY_DEFAULT: ReadonlySet<string> = new Set(['pods/resize']);

function split(groupVersion: string): [string, string] {
  const at = groupVersion.indexOf('/');
  return at < 0 ? ['', groupVersion] : [groupVersion.slice(0, at), groupVersion.slice(at + 1)];
}

function typeOf(facts: Facts, gvk: [string, string, string]): string {
  for (const [name, def] of Object.entries(facts.openapi.definitions)) {
    for (const g of def['x-kubernetes-group-version-kind'] ?? []) {
      if (g.group === gvk[0] && g.version === gvk[1] && g.kind === gvk[2]) {
        return shortTypeName(name);
      }
    }
  }
  throw new Error(`no type for ${gvk.join('/')}`);
}

function kindFact(facts: Facts, group: string, version: string, r: DiscoveryResource): KindFact {
  const fact: KindFact = {
    group,
    version,
    kind: r.kind,
    resource: r.name,
    singular: r.singularName,
    namespaced: r.namespaced,
    verbs: r.verbs,
    type: typeOf(facts, [group, version, r.kind]),
    path: STORAGE_PATHS[`${group}/${r.name}`] ?? r.name,
  };
  if (r.shortNames) fact.shortNames = r.shortNames;
  if (r.categories) fact.categories = r.categories;
  if (r.storageVersionHash) fact.hash = r.storageVersionHash;
  return fact;
}

/** All stable kinds, in the stock server's order of groups (best first), versions and resources. */
export function kindFacts(facts: Facts): KindFact[] {
  const order = new Map<string, number>([['/v1', 0]]);
  for (const g of facts.aggregated.items) {
    for (const v of g.versions) order.set(`${g.metadata.name}/${v.version}`, order.size);
  }
  const out: { rank: number; fact: KindFact }[] = [];
  for (const list of facts.discovery) {
    const [group, version] = split(list.groupVersion);
    const rank = order.get(`${group}/${version}`) ?? order.size;
    const byName = new Map<string, KindFact>();
    for (const r of list.resources) {
      const [name, sub] = r.name.split('/');
      if (name === undefined) continue;
      if (sub === undefined) {
        const fact = kindFact(facts, group, version, r);
        byName.set(name, fact);
        out.push({ rank, fact });
        continue;
      }
      if (OFF_BY_DEFAULT.has(r.name)) continue;
      const parent = byName.get(name);
      if (!parent) throw new Error(`subresource before its resource: ${r.name}`);
      parent.sub ??= {};
      parent.sub[sub] = {
        kind: r.kind,
        verbs: r.verbs,
        ...(r.version ? { group: r.group ?? '', version: r.version } : {}),
      };
    }
  }
  return out.sort((a, b) => a.rank - b.rank).map((e) => e.fact);
}

/** `group/version/resource` → its columns as `[name, type, format, priority, index of the description]`. */
export function tableFacts(facts: Facts): TableFacts {
  const texts: string[] = [];
  const indexOf = (text: string): number => {
    if (!texts.includes(text)) texts.push(text);
    return texts.indexOf(text);
  };
  const tables: TableFacts['tables'] = {};
  for (const [key, table] of Object.entries(facts.tables)) {
    tables[key] = table.columnDefinitions.map((c: Column) => {
      return [c.name, c.type, c.format, c.priority, indexOf(c.description)];
    });
  }
  return { texts, tables };
}
