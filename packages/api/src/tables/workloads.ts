/** Rows of the kinds that make pods. */
import type {
  ControllerRevision,
  CronJob,
  DaemonSet,
  Deployment,
  Job,
  PodTemplate,
  ReplicaSet,
  ReplicationController,
  Scale,
  StatefulSet,
} from '../generated/types.ts';
import { parseApiVersion } from '../meta.ts';
import { humanDuration } from '../time.ts';
import {
  type Cell,
  containerTexts,
  labelsText,
  NONE,
  selectorText,
  since,
  UNSET,
} from './cells.ts';

export function deploymentCells(d: Deployment, nowMs: number): Cell[] {
  const s = d.status ?? {};
  return [
    d.metadata.name ?? '',
    `${s.readyReplicas ?? 0}/${d.spec?.replicas ?? 0}`,
    s.updatedReplicas ?? 0,
    s.availableReplicas ?? 0,
    since(d.metadata.creationTimestamp, nowMs),
    ...containerTexts(d.spec?.template.spec?.containers),
    selectorText(d.spec?.selector),
  ];
}

export function replicaSetCells(rs: ReplicaSet, nowMs: number): Cell[] {
  return [
    rs.metadata.name ?? '',
    rs.spec?.replicas ?? 0,
    rs.status?.replicas ?? 0,
    rs.status?.readyReplicas ?? 0,
    since(rs.metadata.creationTimestamp, nowMs),
    ...containerTexts(rs.spec?.template?.spec?.containers),
    selectorText(rs.spec?.selector),
  ];
}

export function replicationControllerCells(rc: ReplicationController, nowMs: number): Cell[] {
  return [
    rc.metadata.name ?? '',
    rc.spec?.replicas ?? 0,
    rc.status?.replicas ?? 0,
    rc.status?.readyReplicas ?? 0,
    since(rc.metadata.creationTimestamp, nowMs),
    ...containerTexts(rc.spec?.template?.spec?.containers),
    labelsText(rc.spec?.selector),
  ];
}

export function daemonSetCells(ds: DaemonSet, nowMs: number): Cell[] {
  const s = ds.status;
  return [
    ds.metadata.name ?? '',
    s?.desiredNumberScheduled ?? 0,
    s?.currentNumberScheduled ?? 0,
    s?.numberReady ?? 0,
    s?.updatedNumberScheduled ?? 0,
    s?.numberAvailable ?? 0,
    labelsText(ds.spec?.template.spec?.nodeSelector),
    since(ds.metadata.creationTimestamp, nowMs),
    ...containerTexts(ds.spec?.template.spec?.containers),
    selectorText(ds.spec?.selector),
  ];
}

export function statefulSetCells(s: StatefulSet, nowMs: number): Cell[] {
  return [
    s.metadata.name ?? '',
    `${s.status?.readyReplicas ?? 0}/${s.spec?.replicas ?? 0}`,
    since(s.metadata.creationTimestamp, nowMs),
    ...containerTexts(s.spec?.template.spec?.containers),
  ];
}

function jobState(job: Job): string {
  const held = (type: string) =>
    (job.status?.conditions ?? []).some((c) => c.type === type && c.status === 'True');
  if (held('Complete')) return 'Complete';
  if (held('Failed')) return 'Failed';
  if (job.metadata.deletionTimestamp) return 'Terminating';
  for (const type of ['Suspended', 'FailureTarget', 'SuccessCriteriaMet']) {
    if (held(type)) return type;
  }
  return 'Running';
}

function jobCompletions(job: Job): string {
  const done = job.status?.succeeded ?? 0;
  if (job.spec?.completions !== undefined) return `${done}/${job.spec.completions}`;
  const parallelism = job.spec?.parallelism ?? 0;
  return parallelism > 1 ? `${done}/1 of ${parallelism}` : `${done}/1`;
}

function jobDuration(job: Job, nowMs: number): string {
  const { startTime, completionTime } = job.status ?? {};
  if (!startTime) return '';
  const end = completionTime ? Date.parse(completionTime) : nowMs;
  return humanDuration(end - Date.parse(startTime));
}

export function jobCells(job: Job, nowMs: number): Cell[] {
  return [
    job.metadata.name ?? '',
    jobState(job),
    jobCompletions(job),
    jobDuration(job, nowMs),
    since(job.metadata.creationTimestamp, nowMs),
    ...containerTexts(job.spec?.template.spec?.containers),
    selectorText(job.spec?.selector),
  ];
}

function boolText(value: boolean | undefined): string {
  if (value === undefined) return UNSET;
  return value ? 'True' : 'False';
}

export function cronJobCells(c: CronJob, nowMs: number): Cell[] {
  const last = c.status?.lastScheduleTime;
  return [
    c.metadata.name ?? '',
    c.spec?.schedule ?? '',
    c.spec?.timeZone ?? NONE,
    boolText(c.spec?.suspend),
    (c.status?.active ?? []).length,
    last ? since(last, nowMs) : NONE,
    since(c.metadata.creationTimestamp, nowMs),
    ...containerTexts(c.spec?.jobTemplate.spec?.template.spec?.containers),
    selectorText(c.spec?.jobTemplate.spec?.selector),
  ];
}

export function podTemplateCells(t: PodTemplate): Cell[] {
  return [
    t.metadata.name ?? '',
    ...containerTexts(t.template?.spec?.containers),
    labelsText(t.template?.metadata?.labels),
  ];
}

export function controllerRevisionCells(r: ControllerRevision, nowMs: number): Cell[] {
  const owner = r.metadata.ownerReferences?.find((o) => o.controller);
  const group = parseApiVersion(owner?.apiVersion ?? '').group;
  const kind = (owner?.kind ?? '').toLowerCase();
  const name = group ? `${kind}.${group}/${owner?.name}` : `${kind}/${owner?.name}`;
  return [
    r.metadata.name ?? '',
    owner ? name : NONE,
    r.revision,
    since(r.metadata.creationTimestamp, nowMs),
  ];
}

export function scaleCells(scale: Scale, nowMs: number): Cell[] {
  return [
    scale.metadata?.name ?? '',
    scale.spec?.replicas ?? 0,
    scale.status?.replicas ?? 0,
    since(scale.metadata?.creationTimestamp, nowMs),
  ];
}
