/** What a quota has to say of a write: whether it is about it at all, what it wants said, and what it leaves. */
import {
  type Container,
  countName,
  type GroupResource,
  isExtendedResource,
  type KubeObject,
  type Pod,
  type QuotaUsage,
  type ResourceQuota,
  type ScopedResourceSelectorRequirement,
  scopeHolds,
  scopesOf,
} from '@kubets/api';

export const isPods = ({ group, resource }: GroupResource): boolean =>
  group === '' && resource === 'pods';

/** Quota names that are about a resource of the core group, besides its count. */
const NAMES: Readonly<Record<string, (name: string) => boolean>> = {
  pods: isNameOfPods,
  services: (name) => /^services(\.nodeports|\.loadbalancers)?$/.test(name),
  persistentvolumeclaims: (name) =>
    /^(.*\.storageclass\.storage\.k8s\.io\/)?(persistentvolumeclaims|requests\.storage)$/.test(
      name,
    ),
};

const OF_PODS = /^((requests\.|limits\.)?(cpu|memory|ephemeral-storage)|pods)$/;

function isNameOfPods(name: string): boolean {
  if (OF_PODS.test(name) || /^(requests\.)?hugepages-/.test(name)) return true;
  return name.startsWith('requests.') && isExtendedResource(name.slice('requests.'.length));
}

/** Of the names a quota limits, those that writes of a resource count towards. */
export function namesAbout(gr: GroupResource, limited: readonly string[]): string[] {
  const own =
    gr.group === '' ? (NAMES[gr.resource] ?? ((name) => name === gr.resource)) : undefined;
  const count = countName(gr);
  return limited.filter((name) => name === count || own?.(name) === true);
}

/** Quotas with scopes are about pods only: those in all of them. */
export function scopesFit(gr: GroupResource, quota: ResourceQuota, object: KubeObject): boolean {
  const scopes = scopesOf(quota);
  if (!isPods(gr)) return scopes.length === 0;
  return scopes.every((scope) => scopeHolds(scope, object as Pod));
}

/** Of some scopes, those a write is in. */
export function scopesHeld(
  gr: GroupResource,
  object: KubeObject,
  scopes: readonly ScopedResourceSelectorRequirement[],
): ScopedResourceSelectorRequirement[] {
  return isPods(gr) ? scopes.filter((scope) => scopeHolds(scope, object as Pod)) : [];
}

const MUST_BE_SET = [
  ...['cpu', 'limits.cpu', 'limits.memory', 'memory', 'requests.cpu', 'requests.memory'],
];

/** The complaint about containers that leave out what a quota limits; undefined when none does. */
export function missingText(limited: readonly string[], pod: Pod): string | undefined {
  const wanted = MUST_BE_SET.filter((name) => limited.includes(name));
  const all = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  const texts = wanted.flatMap((name) => {
    const lacking = all.filter((container) => !sets(container, name)).map((one) => one.name);
    return lacking.length === 0 ? [] : [`${name} for: ${[...lacking].sort().join(',')}`];
  });
  return texts.length === 0 ? undefined : `must specify ${texts.join('; ')}`;
}

function sets({ resources }: Container, name: string): boolean {
  const [kind = '', rest] = name.split('.', 2);
  if (kind === 'limits' && rest) return resources?.limits?.[rest] !== undefined;
  return resources?.requests?.[rest ?? kind] !== undefined;
}

/** What one use takes more than another; nothing is less. */
export function growthOver(usage: QuotaUsage, before: QuotaUsage): QuotaUsage {
  const more: QuotaUsage = new Map();
  for (const [name, amount] of usage) {
    const had = before.get(name);
    const difference = had === undefined ? amount : amount.sub(had);
    if (difference.nanos > 0n) more.set(name, difference);
  }
  return more;
}
