import {
  conflict,
  isConflict,
  type KubeObject,
  type Pod,
  Quantity,
  type QuotaUsage,
  quotaUsage,
  type ResourceQuota,
  type ScopedResourceSelectorRequirement,
  scopesOf,
  unclassified,
} from '@kubets/api';
import { type Clock, systemClock } from '@kubets/platform';
import { LIMITS } from '../edge-limits.ts';
import type { AdmissionAttributes, AdmissionPlugin, ResourceStore } from '../ports.ts';
import { GVR } from '../resources.ts';
import type { LimitedResource } from './quota-config.ts';
import {
  growthOver,
  isPods,
  missingText,
  namesAbout,
  scopesFit,
  scopesHeld,
} from './quota-rules.ts';
import { filled, refuse } from './support.ts';

/** Resources whose use may grow with an update. */
const UPDATABLE = new Set(['services', 'persistentvolumeclaims']);

/** What is written all the time, or never stored. */
const UNCOUNTED = new Set(['/events', 'events.k8s.io/events', '/bindings']);

type Amounts = Record<string, string>;

export interface QuotaOptions {
  /** What only a quota lets through. */
  readonly limited?: readonly LimitedResource[] | undefined;
  readonly clock?: Clock;
}

/** A write, and what the quotas of its namespace weigh it by. */
interface Weighed {
  readonly a: AdmissionAttributes;
  readonly object: KubeObject;
  readonly usage: QuotaUsage;
  /** What it used before; undefined for what is new. */
  readonly before: QuotaUsage | undefined;
  readonly limited: readonly LimitedResource[];
}

/**
 * Keeps a namespace within its quotas. A quota counts once its controller has filled `status.hard`; the amount
 * used is raised in the quota's status before the object is written, by compare-and-swap, so that several
 * apiservers together stay below the limit. What a failed write took too much, the controller gives back.
 */
export function resourceQuota(store: ResourceStore, o: QuotaOptions = {}): AdmissionPlugin {
  const { limited = [], clock = systemClock } = o;
  const quotas = store.cache<ResourceQuota>(GVR.resourceQuotas);

  return {
    name: 'ResourceQuota',
    validate(a) {
      if (a.namespace === '' || a.subresource !== '' || !a.object) return;
      if (limited.length === 0 && quotas.isEmpty()) return;
      const { group, resource } = a.resource;
      if (UNCOUNTED.has(`${group}/${resource}`) || (group === '' && resource === 'namespaces'))
        return;
      const mayGrow = a.operation === 'UPDATE' && group === '' && UPDATABLE.has(resource);
      return a.operation === 'CREATE' || mayGrow ? charge(a, a.object) : undefined;
    },
  };

  async function charge(a: AdmissionAttributes, object: KubeObject): Promise<void> {
    const present = (await filled(quotas)).list(a.namespace);
    if (present.length === 0 && limited.length === 0) return;
    const usage = quotaUsage(a.resource, object, clock.now());
    const old = a.operation === 'UPDATE' ? a.oldObject : undefined;
    const before = old && quotaUsage(a.resource, old, clock.now());
    await take({ a, object, usage, before, limited }, present);
  }

  async function take(write: Weighed, cached: readonly ResourceQuota[]): Promise<void> {
    const { a } = write;
    for (let attempt = 0; attempt < LIMITS.quotaAttempts; attempt++) {
      const present = attempt === 0 ? cached : (await list(store, a.namespace)).items;
      const charged = weigh(write, present);
      if (a.dryRun || (await writeAll(store, charged))) return;
    }
    throw conflict(GVR.resourceQuotas, '', 'the quota changed too often; please try again');
  }
}

const list = (store: ResourceStore, namespace: string) =>
  store.list<ResourceQuota>(GVR.resourceQuotas, namespace);

/** A quota that is about a write. */
interface Concerned {
  readonly quota: ResourceQuota;
  /** Of what it limits, that which the write counts towards. */
  readonly names: readonly string[];
}

/** The quotas with the use added, as far as it changes them. @throws ApiError when one does not suffice */
function weigh(write: Weighed, quotas: readonly ResourceQuota[]): ResourceQuota[] {
  const concerned = quotas.flatMap((quota) => concernedBy(write, quota) ?? []);
  const negative = [...write.usage].filter(([, amount]) => amount.nanos < 0n);
  if (negative.length > 0) {
    const names = negative.map(([name]) => name).sort();
    throw refuse(write.a, `quota usage is negative for resource(s): ${names.join(',')}`);
  }
  const grown = concerned.map((one) => ({ ...one, wanted: growthFor(write, one.quota) }));
  const grows =
    concerned.length > 0
      ? grown.some(({ wanted }) => wanted.size > 0)
      : growthOver(write.usage, write.before ?? new Map()).size > 0;
  if (!grows) return [];
  checkLimited(write, concerned, quotas);
  return grown.flatMap(
    ({ quota, names, wanted }) => raised(write.a, { quota, names, wanted }) ?? [],
  );
}

/** Undefined when the quota is not about the write. @throws ApiError when the write, or the quota, says too little */
function concernedBy({ a, object }: Weighed, quota: ResourceQuota): Concerned | undefined {
  const limited = Object.keys(quota.status?.hard ?? {});
  const names = namesAbout(a.resource, limited).sort();
  if (names.length === 0 || !scopesFit(a.resource, quota, object)) return undefined;
  const { name } = quota.metadata;
  const missing = isPods(a.resource) ? missingText(names, object as Pod) : undefined;
  if (missing) throw refuse(a, `failed quota: ${name}: ${missing}`);
  const used = quota.status?.used ?? {};
  if (names.some((one) => used[one] === undefined)) {
    throw refuse(a, `status unknown for quota: ${name}, resources: ${names.join(',')}`);
  }
  return { quota, names };
}

/** What a quota is charged for: the difference, unless the object was none of its before. */
function growthFor({ a, usage, before }: Weighed, quota: ResourceQuota): QuotaUsage {
  const wasCounted = before && a.oldObject && scopesFit(a.resource, quota, a.oldObject);
  return growthOver(usage, wasCounted ? before : new Map());
}

/** @throws ApiError when the write takes what only a quota lets through, and none is about that */
function checkLimited(
  { a, object, usage, limited }: Weighed,
  concerned: readonly Concerned[],
  quotas: readonly ResourceQuota[],
): void {
  if (limited.length === 0) return;
  const { group, resource } = a.resource;
  const parts = limited
    .filter((one) => one.group === group && one.resource === resource)
    .flatMap(({ matchContains }) => matchContains);
  const covered = new Set(concerned.flatMap(({ names }) => names));
  const uncovered = [...usage]
    .filter(([name, amount]) => amount.nanos > 0n && parts.some((part) => name.includes(part)))
    .map(([name]) => name)
    .filter((name) => !covered.has(name));
  if (uncovered.length > 0) {
    throw refuse(a, `insufficient quota to consume: ${uncovered.sort().join(',')}`);
  }
  const held = (scopes: readonly ScopedResourceSelectorRequirement[]) =>
    scopesHeld(a.resource, object, scopes);
  const known = new Set(quotas.flatMap((q) => held(scopesOf(q))).map((scope) => scope.scopeName));
  const open = limited
    .flatMap(({ matchScopes }) => held(matchScopes))
    .filter(({ scopeName }) => !known.has(scopeName));
  if (open.length === 0) return;
  const texts = open.map(
    ({ scopeName, operator, values }) => `{${scopeName} ${operator} [${(values ?? []).join(' ')}]}`,
  );
  throw unclassified(`insufficient quota to match these scopes: [${texts.join(' ')}]`);
}

/** The quota with the use added; undefined when it stays as it is. @throws ApiError when it does not suffice */
function raised(
  a: AdmissionAttributes,
  { quota, names, wanted }: Concerned & { wanted: QuotaUsage },
): ResourceQuota | undefined {
  const touched = names.filter((name) => wanted.has(name));
  if (touched.length === 0) return undefined;
  const { hard = {}, used = {} } = quota.status ?? {};
  const next: Amounts = { ...used };
  for (const name of touched) {
    const sum = Quantity.parse(used[name] ?? '0').add(wanted.get(name) ?? Quantity.zero);
    next[name] = sum.toString();
  }
  const over = touched.filter((name) => exceeds(next[name], hard[name]));
  if (over.length > 0) {
    throw refuse(a, exceededText(quota.metadata.name ?? '', over, { wanted, used, hard }));
  }
  return { ...quota, status: { ...quota.status, used: next } };
}

function exceeds(next: string | undefined, hard: string | undefined): boolean {
  return Quantity.parse(next ?? '0').cmp(Quantity.parse(hard ?? '0')) > 0;
}

function exceededText(
  name: string,
  over: string[],
  o: { wanted: QuotaUsage; used: Amounts; hard: Amounts },
): string {
  const show = (of: (key: string) => string | undefined): string =>
    over.map((key) => `${key}=${of(key)}`).join(',');
  const requested = show((key) => o.wanted.get(key)?.toString());
  const used = show((key) => o.used[key]);
  return `exceeded quota: ${name}, requested: ${requested}, used: ${used}, limited: ${show((key) => o.hard[key])}`;
}

/** Writes the quotas one after the other; false when one has changed meanwhile. */
async function writeAll(store: ResourceStore, charged: ResourceQuota[]): Promise<boolean> {
  for (const quota of charged) {
    try {
      await store.update(GVR.resourceQuotas, structuredClone(quota), 'status');
    } catch (error) {
      if (isConflict(error)) return false;
      throw error;
    }
  }
  return true;
}
