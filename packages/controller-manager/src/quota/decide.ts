import {
  type KindDef,
  parseApiVersion,
  Quantity,
  type QuotaUsage,
  type ResourceQuota,
  type ResourceQuotaStatus,
} from '@kubets/api';

/** A resource a quota makes it necessary to look at. */
export interface CountedKind {
  gv: string;
  resource: string;
  /** Quota names that are the plain number of these objects. */
  counts: string[];
  /** Whether objects use more than their number, so that they must be read whole. */
  isMeasured: boolean;
}

const COMPUTE = /^(cpu|memory|ephemeral-storage|requests\.|limits\.|hugepages-)/;

/** The core resource a plain quota name is measured on. */
function measuredOn(name: string): string {
  if (name === 'requests.storage' || name.includes('.storageclass.storage.k8s.io/')) {
    return 'persistentvolumeclaims';
  }
  if (COMPUTE.test(name)) return 'pods';
  return name.startsWith('services.') ? 'services' : name;
}

/** A resource whose objects a quota can count. */
export interface CountableKind {
  readonly gv: string;
  readonly resource: string;
}

/** The built-in resources a namespace can hold, by all versions they are served in. */
export function builtinCountable(kinds: readonly KindDef[]): CountableKind[] {
  return kinds
    .filter((def) => def.namespaced && def.verbs.includes('list'))
    .map(({ apiVersion, resource }) => ({ gv: apiVersion, resource }));
}

/** How a quota names a resource after `count/`. */
export function quotaNameOf({ gv, resource }: CountableKind): string {
  const { group } = parseApiVersion(gv);
  return group === '' ? resource : `${resource}.${group}`;
}

/** Which resources a quota's names are about. Names of resources that do not exist count nothing. */
export function countedKinds(quota: ResourceQuota, kinds: readonly CountableKind[]): CountedKind[] {
  const found = new Map<string, CountedKind>();
  for (const name of Object.keys(quota.spec?.hard ?? {})) {
    const isCount = name.startsWith('count/');
    const wanted = isCount ? name.slice('count/'.length) : measuredOn(name);
    const def = kinds.find((kind) => quotaNameOf(kind) === wanted);
    if (!def) continue;
    const id = `${def.gv}/${def.resource}`;
    const kind = found.get(id) ?? {
      gv: def.gv,
      resource: def.resource,
      counts: [],
      isMeasured: false,
    };
    if (isCount) kind.counts.push(name);
    else kind.isMeasured = true;
    found.set(id, kind);
  }
  return [...found.values()];
}

/** The status that says what is allowed and what is used, in the names the quota limits. */
export function quotaStatus(quota: ResourceQuota, usage: QuotaUsage): ResourceQuotaStatus {
  const hard = quota.spec?.hard ?? {};
  const names = Object.keys(hard).sort();
  const used = names.map((name) => [name, (usage.get(name) ?? Quantity.of(0)).toString()] as const);
  return { hard: { ...hard }, used: Object.fromEntries(used) };
}

/** Whether two statuses allow and count the same, however the amounts are written. */
export function sameAmounts(
  a: ResourceQuotaStatus | undefined,
  b: ResourceQuotaStatus | undefined,
): boolean {
  return sameMap(a?.hard, b?.hard) && sameMap(a?.used, b?.used);
}

type Amounts = Record<string, string> | undefined;

function sameMap(a: Amounts, b: Amounts): boolean {
  const names = Object.keys(a ?? {});
  if (names.length !== Object.keys(b ?? {}).length) return false;
  return names.every((name) => {
    const [one, other] = [a?.[name], b?.[name]];
    if (one === undefined || other === undefined) return false;
    return Quantity.parse(one).cmp(Quantity.parse(other)) === 0;
  });
}
