/** Rows of access rules, storage classes, autoscalers and the server's own configuration kinds. */
import type {
  APIService,
  CertificateSigningRequest,
  ClusterRoleBinding,
  CSIDriver,
  CSINode,
  EventEvents,
  FlowSchema,
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerV1,
  LabelSelector,
  Lease,
  MetricSpec,
  MetricStatus,
  ParamRef,
  PodDisruptionBudget,
  PriorityClass,
  PriorityLevelConfiguration,
  RoleBinding,
  RuntimeClass,
  StorageClass,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhookConfiguration,
  VolumeAttachment,
} from '../generated/types.ts';
import { humanDuration } from '../time.ts';
import { type Cell, NONE, since, UNKNOWN, UNSET } from './cells.ts';
import { type EventParts, eventCells } from './core.ts';

export function bindingCells(b: RoleBinding | ClusterRoleBinding, nowMs: number): Cell[] {
  const of = (kind: string) => (b.subjects ?? []).filter((s) => s.kind === kind);
  const names = (kind: string) => of(kind).map((s) => s.name);
  return [
    b.metadata.name ?? '',
    `${b.roleRef.kind}/${b.roleRef.name}`,
    since(b.metadata.creationTimestamp, nowMs),
    names('User').join(', '),
    names('Group').join(', '),
    of('ServiceAccount')
      .map((s) => `${s.namespace ?? ''}/${s.name}`)
      .join(', '),
  ];
}

const DEFAULT_CLASS = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
];

export function storageClassCells(sc: StorageClass, nowMs: number): Cell[] {
  const isDefault = DEFAULT_CLASS.some((k) => sc.metadata.annotations?.[k] === 'true');
  return [
    `${sc.metadata.name ?? ''}${isDefault ? ' (default)' : ''}`,
    sc.provisioner,
    sc.reclaimPolicy ?? 'Delete',
    sc.volumeBindingMode ?? 'Immediate',
    sc.allowVolumeExpansion ?? false,
    since(sc.metadata.creationTimestamp, nowMs),
  ];
}

export function csiDriverCells(d: CSIDriver, nowMs: number): Cell[] {
  const tokens = (d.spec.tokenRequests ?? []).map((t) => t.audience);
  return [
    d.metadata.name ?? '',
    d.spec.attachRequired ?? true,
    d.spec.podInfoOnMount ?? false,
    d.spec.storageCapacity ?? false,
    d.spec.tokenRequests === undefined ? UNSET : tokens.join(','),
    d.spec.requiresRepublish ?? false,
    (d.spec.volumeLifecycleModes ?? []).join(',') || NONE,
    since(d.metadata.creationTimestamp, nowMs),
  ];
}

export function csiNodeCells(n: CSINode, nowMs: number): Cell[] {
  const count = (n.spec.drivers ?? []).length;
  return [n.metadata.name ?? '', count, since(n.metadata.creationTimestamp, nowMs)];
}

export function attachmentCells(va: VolumeAttachment, nowMs: number): Cell[] {
  return [
    va.metadata.name ?? '',
    va.spec.attacher,
    va.spec.source.persistentVolumeName ?? '',
    va.spec.nodeName,
    va.status?.attached ?? false,
    since(va.metadata.creationTimestamp, nowMs),
  ];
}

function requestState(csr: CertificateSigningRequest): string {
  const has = (type: string) => (csr.status?.conditions ?? []).some((c) => c.type === type);
  const words = has('Denied') ? ['Denied'] : has('Approved') ? ['Approved'] : ['Pending'];
  if (has('Failed')) words.push('Failed');
  if (csr.status?.certificate) words.push('Issued');
  return words.join(',');
}

export function signingRequestCells(csr: CertificateSigningRequest, nowMs: number): Cell[] {
  const seconds = csr.spec.expirationSeconds;
  return [
    csr.metadata.name ?? '',
    since(csr.metadata.creationTimestamp, nowMs),
    csr.spec.signerName || NONE,
    csr.spec.username ?? '',
    seconds === undefined ? NONE : humanDuration(seconds * 1000),
    requestState(csr),
  ];
}

/** `current/target` of one metric. */
function metricText(spec: MetricSpec, status: MetricStatus | undefined): string {
  const source = spec.resource ?? spec.containerResource;
  if (source) {
    const now = status?.resource?.current ?? status?.containerResource?.current;
    const target = source.target;
    if (target.averageValue !== undefined) {
      return `${source.name}: ${now?.averageValue ?? UNKNOWN}/${target.averageValue}`;
    }
    const percent = now?.averageUtilization;
    const current = percent === undefined ? UNKNOWN : `${percent}%`;
    const wanted = target.averageUtilization;
    return `${source.name}: ${current}/${wanted === undefined ? '<auto>' : `${wanted}%`}`;
  }
  const target = (spec.pods ?? spec.object ?? spec.external)?.target;
  const now = (status?.pods ?? status?.object ?? status?.external)?.current;
  if (target?.averageValue !== undefined) {
    const suffix = spec.pods ? '' : ' (avg)';
    return `${now?.averageValue ?? UNKNOWN}/${target.averageValue}${suffix}`;
  }
  return `${now?.value ?? UNKNOWN}/${target?.value ?? UNKNOWN}`;
}

export function autoscalerCells(hpa: HorizontalPodAutoscaler, nowMs: number): Cell[] {
  const specs = hpa.spec?.metrics ?? [];
  const statuses = hpa.status?.currentMetrics ?? [];
  const texts = specs.map((m, i) => metricText(m, statuses[i]));
  const more = texts.length > 2 ? ` + ${texts.length - 2} more...` : '';
  const ref = hpa.spec?.scaleTargetRef;
  return [
    hpa.metadata.name ?? '',
    `${ref?.kind ?? ''}/${ref?.name ?? ''}`,
    texts.length === 0 ? NONE : texts.slice(0, 2).join(', ') + more,
    hpa.spec?.minReplicas === undefined ? UNSET : String(hpa.spec.minReplicas),
    hpa.spec?.maxReplicas ?? 0,
    hpa.status?.currentReplicas ?? 0,
    since(hpa.metadata.creationTimestamp, nowMs),
  ];
}

/** An autoscaling/v1 object has one metric, the CPU's. */
export function oldAutoscalerCells(hpa: HorizontalPodAutoscalerV1, nowMs: number): Cell[] {
  const target = hpa.spec?.targetCPUUtilizationPercentage;
  const current = hpa.status?.currentCPUUtilizationPercentage;
  const now = current === undefined ? UNKNOWN : `${current}%`;
  const ref = hpa.spec?.scaleTargetRef;
  return [
    hpa.metadata.name ?? '',
    `${ref?.kind ?? ''}/${ref?.name ?? ''}`,
    target === undefined ? NONE : `cpu: ${now}/${target}%`,
    hpa.spec?.minReplicas === undefined ? UNSET : String(hpa.spec.minReplicas),
    hpa.spec?.maxReplicas ?? 0,
    hpa.status?.currentReplicas ?? 0,
    since(hpa.metadata.creationTimestamp, nowMs),
  ];
}

export function disruptionBudgetCells(pdb: PodDisruptionBudget, nowMs: number): Cell[] {
  const text = (v: number | string | undefined) => (v === undefined ? 'N/A' : String(v));
  return [
    pdb.metadata.name ?? '',
    text(pdb.spec?.minAvailable),
    text(pdb.spec?.maxUnavailable),
    pdb.status?.disruptionsAllowed ?? 0,
    since(pdb.metadata.creationTimestamp, nowMs),
  ];
}

export function webhookCells(c: ValidatingWebhookConfiguration, nowMs: number): Cell[] {
  const count = (c.webhooks ?? []).length;
  return [c.metadata.name ?? '', count, since(c.metadata.creationTimestamp, nowMs)];
}

export function admissionPolicyCells(p: ValidatingAdmissionPolicy, nowMs: number): Cell[] {
  const param = p.spec?.paramKind;
  return [
    p.metadata.name ?? '',
    (p.spec?.validations ?? []).length,
    param ? `${param.apiVersion}/${param.kind}` : UNSET,
    since(p.metadata.creationTimestamp, nowMs),
  ];
}

/** Which objects parametrise a policy; whether they lie in a namespace cannot be told from here. */
function paramText(ref: ParamRef | undefined): string {
  if (ref?.name) return `${ref.namespace || '*'}/${ref.name}`;
  return ref?.selector ? selectorDump(ref.selector) : UNSET;
}

/** A selector as its message prints itself. */
function selectorDump({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const labels = Object.keys(matchLabels).sort();
  const pairs = labels.map((key) => `${key}: ${matchLabels[key]},`).join('');
  const terms = matchExpressions.map(
    ({ key, operator, values = [] }) =>
      `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(' ')}],},`,
  );
  const expressions = `[]LabelSelectorRequirement{${terms.join('')}}`;
  return `&LabelSelector{MatchLabels:map[string]string{${pairs}},MatchExpressions:${expressions},}`;
}

export function admissionBindingCells(b: ValidatingAdmissionPolicyBinding, nowMs: number): Cell[] {
  return [
    b.metadata.name ?? '',
    b.spec?.policyName ?? '',
    paramText(b.spec?.paramRef),
    since(b.metadata.creationTimestamp, nowMs),
  ];
}

export function priorityClassCells(pc: PriorityClass, nowMs: number): Cell[] {
  return [
    pc.metadata.name ?? '',
    pc.value,
    pc.globalDefault ?? false,
    since(pc.metadata.creationTimestamp, nowMs),
    pc.preemptionPolicy ?? '',
  ];
}

export function leaseCells(lease: Lease, nowMs: number): Cell[] {
  const holder = lease.spec?.holderIdentity ?? '';
  return [lease.metadata.name ?? '', holder, since(lease.metadata.creationTimestamp, nowMs)];
}

export function runtimeClassCells(rc: RuntimeClass, nowMs: number): Cell[] {
  return [rc.metadata.name ?? '', rc.handler, since(rc.metadata.creationTimestamp, nowMs)];
}

export function flowSchemaCells(fs: FlowSchema, nowMs: number): Cell[] {
  const dangling = fs.status?.conditions?.find((c) => c.type === 'Dangling');
  return [
    fs.metadata.name ?? '',
    fs.spec?.priorityLevelConfiguration?.name ?? '',
    fs.spec?.matchingPrecedence ?? 0,
    fs.spec?.distinguisherMethod?.type ?? NONE,
    since(fs.metadata.creationTimestamp, nowMs),
    dangling?.status ?? '?',
  ];
}

export function priorityLevelCells(p: PriorityLevelConfiguration, nowMs: number): Cell[] {
  const limited = p.spec?.limited;
  const queuing = limited?.limitResponse?.queuing;
  return [
    p.metadata.name ?? '',
    p.spec?.type ?? '',
    limited?.nominalConcurrencyShares ?? NONE,
    queuing?.queues ?? NONE,
    queuing?.handSize ?? NONE,
    queuing?.queueLengthLimit ?? NONE,
    since(p.metadata.creationTimestamp, nowMs),
  ];
}

export function apiServiceCells(api: APIService, nowMs: number): Cell[] {
  const service = api.spec?.service;
  const available = api.status?.conditions?.find((c) => c.type === 'Available');
  const state = available?.status ?? 'Unknown';
  return [
    api.metadata.name ?? '',
    service ? `${service.namespace ?? ''}/${service.name ?? ''}` : 'Local',
    state === 'True' || !available ? state : `${state} (${available.reason ?? ''})`,
    since(api.metadata.creationTimestamp, nowMs),
  ];
}

function newEventParts(e: EventEvents): EventParts {
  return {
    name: e.metadata.name ?? '',
    type: e.type ?? '',
    reason: e.reason ?? '',
    message: e.note ?? '',
    kind: e.regarding?.kind ?? '',
    objectName: e.regarding?.name ?? '',
    fieldPath: e.regarding?.fieldPath ?? '',
    component: e.deprecatedSource?.component || e.reportingController || '',
    instance: e.deprecatedSource?.host || e.reportingInstance || '',
    first: e.deprecatedFirstTimestamp,
    last: e.deprecatedLastTimestamp,
    eventTime: e.eventTime,
    count: e.deprecatedCount ?? 0,
    series: e.series,
  };
}

export function newEventCells(e: EventEvents, nowMs: number): Cell[] {
  return eventCells(newEventParts(e), nowMs);
}
