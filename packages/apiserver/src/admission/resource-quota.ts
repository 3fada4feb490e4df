import { conflict, isConflict, type Pod, Quantity, type ResourceQuota } from '@kubets/api';
import { LIMITS } from '../edge-limits.ts';
import type { AdmissionAttributes, AdmissionPlugin, ResourceStore } from '../ports.ts';
import { GVR } from '../resources.ts';
import { missingText, scopesHold, scopesOf, type Usage, usageOf } from './quota-usage.ts';
import { filled, refuse } from './support.ts';

/** Resources whose use may grow with an update. */
const UPDATABLE = new Set(['services', 'persistentvolumeclaims']);

type Amounts = Record<string, string>;

/**
 * Keeps a namespace within its quotas. A quota counts once its controller has filled `status.hard`; the amount
 * used is raised in the quota's status before the object is written, by compare-and-swap, so that several
 * apiservers together stay below the limit. What a failed write took too much, the controller gives back.
 */
export function resourceQuota(store: ResourceStore): AdmissionPlugin {
  const quotas = store.cache<ResourceQuota>(GVR.resourceQuotas);

  async function take(a: AdmissionAttributes, wanted: Usage): Promise<void> {
    for (let attempt = 0; attempt < LIMITS.quotaAttempts; attempt++) {
      const present =
        attempt === 0
          ? (await filled(quotas)).list(a.namespace)
          : (await list(store, a.namespace)).items;
      const charged = present.flatMap((quota) => charge(a, quota, wanted) ?? []);
      if (a.dryRun || (await writeAll(store, charged))) return;
    }
    throw conflict(GVR.resourceQuotas, '', 'the quota changed too often; please try again');
  }

  return {
    name: 'ResourceQuota',
    validate(a) {
      if (a.namespace === '' || a.subresource !== '' || !a.object || quotas.isEmpty()) return;
      return charged(a);
    },
  };

  async function charged(a: AdmissionAttributes): Promise<void> {
    if ((await filled(quotas)).list(a.namespace).length === 0) return;
    const wanted = growth(a);
    if (wanted) await take(a, wanted);
  }
}

const list = (store: ResourceStore, namespace: string) =>
  store.list<ResourceQuota>(GVR.resourceQuotas, namespace);

/** What the write uses more than before; undefined when it uses nothing more. */
function growth(a: AdmissionAttributes): Usage | undefined {
  if (!a.object) return undefined;
  const usage = usageOf(a, a.object);
  if (a.operation === 'CREATE') return usage;
  const mayGrow = a.operation === 'UPDATE' && a.resource.group === '';
  if (!mayGrow || !UPDATABLE.has(a.resource.resource) || !a.oldObject) return undefined;
  const before = usageOf(a, a.oldObject);
  const more: Usage = new Map();
  for (const [name, amount] of usage) {
    const difference = amount.sub(before.get(name) ?? Quantity.zero);
    if (difference.nanos > 0n) more.set(name, difference);
  }
  return more.size > 0 ? more : undefined;
}

/** The quota with the use added; undefined when it is not about this. Throws when it does not suffice. */
function charge(
  a: AdmissionAttributes,
  quota: ResourceQuota,
  wanted: Usage,
): ResourceQuota | undefined {
  const hard = quota.status?.hard;
  if (!hard || !concernsQuota(a, quota)) return undefined;
  const { name = '' } = quota.metadata;
  const limited = Object.keys(hard);
  const missing = isPod(a) ? missingText(limited, a.object as Pod) : undefined;
  if (missing) throw refuse(a, `failed quota: ${name}: ${missing}`);
  const touched = limited.filter((key) => (wanted.get(key)?.nanos ?? 0n) > 0n).sort();
  if (touched.length === 0) return undefined;
  const used = quota.status?.used ?? {};
  const unknown = touched.filter((key) => used[key] === undefined);
  if (unknown.length > 0) {
    throw refuse(a, `status unknown for quota: ${name}, resources: ${unknown.join(',')}`);
  }
  const next: Amounts = { ...used };
  for (const key of touched) {
    next[key] = Quantity.parse(used[key] ?? '0')
      .add(wanted.get(key) ?? Quantity.zero)
      .toString();
  }
  const over = touched.filter((key) => exceeds(next[key], hard[key]));
  if (over.length > 0) throw refuse(a, exceededText(name, over, { wanted, used, hard }));
  return { ...quota, status: { ...quota.status, used: next } };
}

const isPod = (a: AdmissionAttributes): boolean =>
  a.resource.group === '' && a.resource.resource === 'pods';

/** Quotas with scopes are about pods only. */
function concernsQuota(a: AdmissionAttributes, quota: ResourceQuota): boolean {
  return isPod(a) ? scopesHold(quota, a.object as Pod) : scopesOf(quota).length === 0;
}

function exceeds(next: string | undefined, hard: string | undefined): boolean {
  return Quantity.parse(next ?? '0').cmp(Quantity.parse(hard ?? '0')) > 0;
}

function exceededText(
  name: string,
  over: string[],
  o: { wanted: Usage; used: Amounts; hard: Amounts },
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
