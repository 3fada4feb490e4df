/** Rows of nodes, events, volumes, quotas and the small kinds of the core group. */
import type {
  ComponentStatus,
  ConfigMap,
  Event,
  Namespace,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  ResourceQuota,
  Secret,
  ServiceAccount,
} from '../generated/types.ts';
import { accessModes, type Cell, NONE, since, UNKNOWN, UNSET } from './cells.ts';

const ROLE_PREFIX = 'node-role.kubernetes.io/';

function nodeRoles(node: Node): string {
  const roles = new Set<string>();
  for (const [key, value] of Object.entries(node.metadata.labels ?? {})) {
    if (key.startsWith(ROLE_PREFIX) && key.length > ROLE_PREFIX.length) {
      roles.add(key.slice(ROLE_PREFIX.length));
    } else if (key === 'kubernetes.io/role' && value !== '') roles.add(value);
  }
  return [...roles].sort().join(',') || NONE;
}

function nodeStatus(node: Node): string {
  const ready = node.status?.conditions?.find((c) => c.type === 'Ready');
  const words = [ready ? (ready.status === 'True' ? 'Ready' : 'NotReady') : 'Unknown'];
  if (node.spec?.unschedulable) words.push('SchedulingDisabled');
  return words.join(',');
}

export function nodeCells(node: Node, nowMs: number): Cell[] {
  const info = node.status?.nodeInfo;
  const address = (type: string) =>
    node.status?.addresses?.find((a) => a.type === type)?.address || NONE;
  return [
    node.metadata.name ?? '',
    nodeStatus(node),
    nodeRoles(node),
    since(node.metadata.creationTimestamp, nowMs),
    info?.kubeletVersion ?? '',
    address('InternalIP'),
    address('ExternalIP'),
    info?.osImage || UNKNOWN,
    info?.kernelVersion || UNKNOWN,
    info?.containerRuntimeVersion || UNKNOWN,
  ];
}

/** The parts of an event both of its API groups have, under the core group's names. */
export interface EventParts {
  name: string;
  type: string;
  reason: string;
  message: string;
  kind: string;
  objectName: string;
  fieldPath: string;
  component: string;
  instance: string;
  first: string | undefined;
  last: string | undefined;
  eventTime: string | undefined;
  count: number;
  series: { count: number; lastObservedTime: string } | undefined;
}

export function coreEventParts(e: Event): EventParts {
  return {
    name: e.metadata.name ?? '',
    type: e.type ?? '',
    reason: e.reason ?? '',
    message: e.message ?? '',
    kind: e.involvedObject?.kind ?? '',
    objectName: e.involvedObject?.name ?? '',
    fieldPath: e.involvedObject?.fieldPath ?? '',
    component: e.source?.component || e.reportingComponent || '',
    instance: e.source?.host || e.reportingInstance || '',
    first: e.firstTimestamp,
    last: e.lastTimestamp,
    eventTime: e.eventTime,
    count: e.count ?? 0,
    series: e.series
      ? { count: e.series.count ?? 0, lastObservedTime: e.series.lastObservedTime ?? '' }
      : undefined,
  };
}

export function eventCells(e: EventParts, nowMs: number): Cell[] {
  const first = since(e.first || e.eventTime, nowMs);
  const last = e.series
    ? since(e.series.lastObservedTime, nowMs)
    : e.last
      ? since(e.last, nowMs)
      : first;
  const kind = e.kind.toLowerCase();
  return [
    last,
    e.type,
    e.reason,
    e.objectName ? `${kind}/${e.objectName}` : kind,
    e.fieldPath,
    e.instance ? `${e.component}, ${e.instance}` : e.component,
    e.message.trim(),
    first,
    e.series?.count ?? (e.count || 1),
    e.name,
  ];
}

export function namespaceCells(ns: Namespace, nowMs: number): Cell[] {
  return [
    ns.metadata.name ?? '',
    ns.status?.phase ?? '',
    since(ns.metadata.creationTimestamp, nowMs),
  ];
}

export function configMapCells(map: ConfigMap, nowMs: number): Cell[] {
  const count = Object.keys(map.data ?? {}).length + Object.keys(map.binaryData ?? {}).length;
  return [map.metadata.name ?? '', count, since(map.metadata.creationTimestamp, nowMs)];
}

export function secretCells(secret: Secret, nowMs: number): Cell[] {
  return [
    secret.metadata.name ?? '',
    secret.type ?? '',
    Object.keys(secret.data ?? {}).length,
    since(secret.metadata.creationTimestamp, nowMs),
  ];
}

export function serviceAccountCells(sa: ServiceAccount, nowMs: number): Cell[] {
  const count = (sa.secrets ?? []).length;
  return [sa.metadata.name ?? '', count, since(sa.metadata.creationTimestamp, nowMs)];
}

function quotaText(quota: ResourceQuota, limits: boolean): string {
  const hard = Object.entries(quota.status?.hard ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const own = hard.filter(([name]) => name.startsWith('limits') === limits);
  const used = quota.status?.used ?? {};
  return own.map(([name, max]) => `${name}: ${used[name] ?? '0'}/${max}`).join(', ');
}

export function quotaCells(quota: ResourceQuota, nowMs: number): Cell[] {
  return [
    quota.metadata.name ?? '',
    since(quota.metadata.creationTimestamp, nowMs),
    quotaText(quota, false),
    quotaText(quota, true),
  ];
}

function phaseText(o: PersistentVolume | PersistentVolumeClaim): string {
  return o.metadata.deletionTimestamp ? 'Terminating' : (o.status?.phase ?? '');
}

const BETA_CLASS = 'volume.beta.kubernetes.io/storage-class';

function className(o: PersistentVolume | PersistentVolumeClaim): string {
  return o.metadata.annotations?.[BETA_CLASS] ?? o.spec?.storageClassName ?? '';
}

export function volumeCells(pv: PersistentVolume, nowMs: number): Cell[] {
  const claim = pv.spec?.claimRef;
  return [
    pv.metadata.name ?? '',
    pv.spec?.capacity?.storage ?? '0',
    accessModes(pv.spec?.accessModes),
    pv.spec?.persistentVolumeReclaimPolicy ?? '',
    phaseText(pv),
    claim ? `${claim.namespace ?? ''}/${claim.name ?? ''}` : '',
    className(pv),
    pv.spec?.volumeAttributesClassName ?? UNSET,
    pv.status?.reason ?? '',
    since(pv.metadata.creationTimestamp, nowMs),
    pv.spec?.volumeMode ?? UNSET,
  ];
}

export function claimCells(c: PersistentVolumeClaim, nowMs: number): Cell[] {
  const volume = c.spec?.volumeName ?? '';
  return [
    c.metadata.name ?? '',
    phaseText(c),
    volume,
    volume === '' ? '' : (c.status?.capacity?.storage ?? '0'),
    volume === '' ? '' : accessModes(c.status?.accessModes),
    className(c),
    c.spec?.volumeAttributesClassName ?? UNSET,
    since(c.metadata.creationTimestamp, nowMs),
    c.spec?.volumeMode ?? UNSET,
  ];
}

export function componentCells(c: ComponentStatus): Cell[] {
  const healthy = c.conditions?.find((x) => x.type === 'Healthy');
  const words: Record<string, string> = { True: 'Healthy', False: 'Unhealthy' };
  return [
    c.metadata.name ?? '',
    words[healthy?.status ?? ''] ?? 'Unknown',
    healthy?.message ?? '',
    healthy?.error ?? '',
  ];
}
