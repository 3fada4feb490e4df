import {
  type Container,
  type LimitRange,
  type LimitRangeItem,
  type PersistentVolumeClaim,
  type Pod,
  podResources,
  Quantity,
  type ResourceRequirements,
} from '@kubets/api';
import type { AdmissionAttributes, AdmissionPlugin, ResourceStore } from '../ports.ts';
import { GVR } from '../resources.ts';
import { concerns, joinTexts, objectAs, onceFilled, refuse } from './support.ts';

type Amounts = Readonly<Record<string, string>>;

const ANNOTATION = 'kubernetes.io/limit-ranger';

/** Fills in and enforces what the namespace's LimitRanges say about pods and claims. */
export function limitRanger(store: ResourceStore): AdmissionPlugin {
  const ranges = store.cache<LimitRange>(GVR.limitRanges);
  return {
    name: 'LimitRanger',
    only: ['pods', 'persistentvolumeclaims'],
    admit(a) {
      if (!concerns(a, '', 'pods', 'CREATE')) return;
      return onceFilled(ranges, (view) => {
        for (const range of view.list(a.namespace)) setDefaults(objectAs<Pod>(a), range);
      });
    },
    validate(a) {
      const isPod = concerns(a, '', 'pods', 'CREATE');
      const isClaim = concerns(a, '', 'persistentvolumeclaims', 'CREATE', 'UPDATE');
      if (!isPod && !isClaim) return;
      return onceFilled(ranges, (view) => {
        for (const range of view.list(a.namespace)) {
          const texts = isPod ? podViolations(objectAs<Pod>(a), range) : claimViolations(a, range);
          if (texts.length > 0) throw refuse(a, joinTexts(texts));
        }
      });
    },
  };
}

function itemsOf(range: LimitRange, type: string): LimitRangeItem[] {
  return (range.spec?.limits ?? []).filter((item) => item.type === type);
}

function setDefaults(pod: Pod, range: LimitRange): void {
  const limits: Record<string, string> = {};
  const requests: Record<string, string> = {};
  for (const item of itemsOf(range, 'Container')) {
    Object.assign(limits, item.default);
    Object.assign(requests, item.defaultRequest);
  }
  const notes: string[] = [];
  const fill = (containers: Container[] | undefined, kind: string): void => {
    for (const container of containers ?? []) {
      notes.push(...fillContainer(container, kind, { limits, requests }));
    }
  };
  fill(pod.spec?.containers, 'container');
  fill(pod.spec?.initContainers, 'init container');
  if (notes.length === 0) return;
  const text = `LimitRanger plugin set: ${notes.join('; ')}`;
  pod.metadata.annotations = { ...pod.metadata.annotations, [ANNOTATION]: text };
}

function fillContainer(
  container: Container,
  kind: string,
  defaults: { limits: Amounts; requests: Amounts },
): string[] {
  const resources: ResourceRequirements = { ...container.resources };
  const limits = { ...resources.limits };
  const requests = { ...resources.requests };
  const newRequests = Object.keys(defaults.requests).filter((key) => !Object.hasOwn(requests, key));
  const newLimits = Object.keys(defaults.limits).filter((key) => !Object.hasOwn(limits, key));
  if (newRequests.length + newLimits.length === 0) return [];
  for (const key of newRequests) requests[key] = defaults.requests[key] ?? '0';
  for (const key of newLimits) limits[key] = defaults.limits[key] ?? '0';
  if (Object.keys(limits).length > 0) resources.limits = limits;
  if (Object.keys(requests).length > 0) resources.requests = requests;
  container.resources = resources;
  const notes: string[] = [];
  if (newRequests.length > 0) notes.push(`${newRequests.sort().join(', ')} request`);
  if (newLimits.length > 0) notes.push(`${newLimits.sort().join(', ')} limit`);
  return notes.map((note) => `${note} for ${kind} ${container.name}`);
}

interface Usage {
  readonly requests: Amounts;
  readonly limits: Amounts;
}

function podViolations(pod: Pod, range: LimitRange): string[] {
  const texts: string[] = [];
  const all = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  for (const item of range.spec?.limits ?? []) {
    if (item.type === 'Container') {
      for (const { resources } of all) texts.push(...violations(item, usageOf(resources)));
    }
    if (item.type === 'Pod') texts.push(...violations(item, podUsage(pod)));
  }
  return texts;
}

const usageOf = (resources: ResourceRequirements | undefined): Usage => ({
  requests: resources?.requests ?? {},
  limits: resources?.limits ?? {},
});

/** What a pod as a whole takes. */
function podUsage(pod: Pod): Usage {
  const amounts = (which: 'requests' | 'limits'): Amounts =>
    Object.fromEntries([...podResources(pod, which)].map(([key, one]) => [key, one.toString()]));
  return { requests: amounts('requests'), limits: amounts('limits') };
}

function violations(item: LimitRangeItem, usage: Usage): string[] {
  const found = [
    ...entries(item.min).map(([key, min]) => belowMin(item.type, key, min, usage)),
    ...entries(item.max).map(([key, max]) => aboveMax(item.type, key, max, usage)),
    ...entries(item.maxLimitRequestRatio).map(([key, ratio]) =>
      aboveRatio(item.type, key, ratio, usage),
    ),
  ];
  return found.filter((text) => text !== undefined);
}

const entries = (amounts: Amounts | undefined): [string, string][] => Object.entries(amounts ?? {});

/** Whether the first amount is smaller. */
const less = (a: string, b: string): boolean => Quantity.parse(a).cmp(Quantity.parse(b)) < 0;

function belowMin(type: string, key: string, min: string, usage: Usage): string | undefined {
  const text = `minimum ${key} usage per ${type} is ${min}`;
  const request = usage.requests[key];
  const limit = usage.limits[key];
  if (request === undefined) return `${text}.  No request is specified`;
  if (less(request, min)) return `${text}, but request is ${request}`;
  if (limit !== undefined && less(limit, min)) return `${text}, but limit is ${limit}`;
  return undefined;
}

function aboveMax(type: string, key: string, max: string, usage: Usage): string | undefined {
  const text = `maximum ${key} usage per ${type} is ${max}`;
  const request = usage.requests[key];
  const limit = usage.limits[key];
  if (limit === undefined) return `${text}.  No limit is specified`;
  if (less(max, limit)) return `${text}, but limit is ${limit}`;
  if (request !== undefined && less(max, request)) return `${text}, but request is ${request}`;
  return undefined;
}

function aboveRatio(type: string, key: string, max: string, usage: Usage): string | undefined {
  const text = `${key} max limit to request ratio per ${type} is ${max}, but`;
  const request = Quantity.parse(usage.requests[key] ?? '0').nanos;
  const limit = Quantity.parse(usage.limits[key] ?? '0').nanos;
  if (request === 0n) return `${text} no request is specified or request is 0.`;
  if (limit === 0n) return `${text} no limit is specified or limit is 0.`;
  const ratio = Number(limit) / Number(request);
  const allowed = Number(Quantity.parse(max).nanos) / 1e9;
  return ratio > allowed ? `${text} provided ratio is ${ratio.toFixed(6)}` : undefined;
}

function claimViolations(a: AdmissionAttributes, range: LimitRange): string[] {
  const claim = objectAs<PersistentVolumeClaim>(a);
  const requests: Amounts = claim.spec?.resources?.requests ?? {};
  const type = 'PersistentVolumeClaim';
  return itemsOf(range, type).flatMap((item) => {
    const found = [
      ...entries(item.min).map(([key, min]) => belowMin(type, key, min, { requests, limits: {} })),
      ...entries(item.max).map(([key, max]) => {
        const request = requests[key];
        const text = `maximum ${key} usage per ${type} is ${max}`;
        if (request === undefined) return `${text}.  No request is specified`;
        return less(max, request) ? `${text}, but request is ${request}` : undefined;
      }),
    ];
    return found.filter((text) => text !== undefined);
  });
}
