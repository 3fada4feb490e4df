import type { CronJob, CronJobStatus, Job, ObjectReference } from '@kubets/api';
import { finishedCondition } from '../job/decide.ts';
import { MANY_MISSED_RUNS } from '../limits.ts';
import {
  annotationsOf,
  byCreation,
  createdMs,
  formatTime,
  nameOf,
  namespaceOf,
  newControllerRef,
  parseTime,
  uidOf,
} from '../objects/meta.ts';
import type { Schedule } from './schedule.ts';

export const CRON_JOB_KIND = { apiVersion: 'batch/v1', kind: 'CronJob' } as const;
export const SCHEDULED_ANNOTATION = 'batch.kubernetes.io/cronjob-scheduled-timestamp';

export interface CronView {
  cronJob: CronJob;
  schedule: Schedule;
  /** Every Job it controls. */
  jobs: readonly Job[];
  nowMs: number;
}

export interface CronPlan {
  /** Jobs past the history limits, and running ones to be replaced. */
  remove: Job[];
  create?: Job;
  status: CronJobStatus;
  /** Names of Jobs seen to have ended since the last pass, with how. */
  ended: { name: string; condition: string }[];
  /** References of Jobs the status names that are not there: they are looked for before that is told. */
  missing: ObjectReference[];
  /** Names of running Jobs that are the CronJob's and none of its runs. */
  unexpected: string[];
  /** So many runs were missed that something must be wrong. */
  missedMany?: boolean;
  /** Set when a run was due but must not start any more. */
  missed?: string;
  /** A run is due, and the one before still goes on. */
  held?: boolean;
  wakeAtMs?: number;
  /** Set when the schedule can be read, and means no time: February 31st. */
  never?: string;
}

/**
 * One step of a CronJob: clears up, and starts the one run that is due. Runs that were missed are not
 * made up for, except the last one if it is not too late. A run's name holds its time, so no run can
 * be started twice, whoever leads.
 */
export function decideCronJob(view: CronView): CronPlan {
  const { cronJob, jobs } = view;
  const unfinished = jobs.filter((job) => !finishedCondition(job));
  // What somebody started by hand goes on by itself, and holds up no run.
  const known = new Set((cronJob.status?.active ?? []).map(({ uid }) => uid));
  const isRun = (job: Job): boolean => isScheduled(job) || known.has(uidOf(job));
  const running = unfinished.filter(isRun).sort(byCreation);
  const status: CronJobStatus = {
    ...cronJob.status,
    active: running.map((job) => ({
      apiVersion: 'batch/v1',
      kind: 'Job',
      namespace: namespaceOf(job),
      name: nameOf(job),
      uid: uidOf(job),
    })),
  };
  noteSuccess(status, jobs);
  const plan: CronPlan = {
    remove: excess(view),
    status,
    ended: endedOf(view),
    missing: missingOf(view),
    unexpected: unfinished.filter((job) => !isRun(job)).map(nameOf),
  };
  if (cronJob.metadata.deletionTimestamp !== undefined || cronJob.spec?.suspend === true) {
    return plan;
  }
  const next = view.schedule.next(view.nowMs);
  if (next === undefined) plan.never = neverText(cronJob);
  else plan.wakeAtMs = next;
  startDue(view, plan, running);
  return plan;
}

/** Whether a Job is a run: those somebody made by hand from the template say no time. */
const isScheduled = (job: Job): boolean => annotationsOf(job)[SCHEDULED_ANNOTATION] !== undefined;

function neverText({ spec }: CronJob): string {
  const why = 'time difference between two schedules is less than 1 second';
  return `invalid schedule: ${spec?.schedule ?? ''} : ${why}`;
}

function endedOf(view: CronView): CronPlan['ended'] {
  const known = new Set((view.cronJob.status?.active ?? []).map((ref) => ref.uid));
  return view.jobs.flatMap((job) => {
    const condition = finishedCondition(job)?.type;
    return condition && known.has(uidOf(job)) ? [{ name: nameOf(job), condition }] : [];
  });
}

function missingOf(view: CronView): ObjectReference[] {
  const present = new Set(view.jobs.map(uidOf));
  return (view.cronJob.status?.active ?? []).filter((ref) => !present.has(ref.uid ?? ''));
}

function noteSuccess(status: CronJobStatus, jobs: readonly Job[]): void {
  for (const job of jobs) {
    const at = job.status?.completionTime;
    if (finishedCondition(job)?.type !== 'Complete' || at === undefined) continue;
    if (parseTime(at) > parseTime(status.lastSuccessfulTime)) status.lastSuccessfulTime = at;
  }
}

/** Oldest ended Jobs past the limits, successes and failures apart. */
function excess(view: CronView): Job[] {
  const spec = view.cronJob.spec;
  const limits = {
    Complete: spec?.successfulJobsHistoryLimit ?? 3,
    Failed: spec?.failedJobsHistoryLimit ?? 1,
  };
  return (['Complete', 'Failed'] as const).flatMap((type) => {
    const ended = view.jobs.filter((job) => finishedCondition(job)?.type === type);
    return ended.sort(byCreation).slice(0, Math.max(0, ended.length - limits[type]));
  });
}

function startDue(view: CronView, plan: CronPlan, running: readonly Job[]): void {
  const { cronJob, schedule, nowMs } = view;
  const dueMs = schedule.previous(nowMs);
  const lastMs = parseTime(cronJob.status?.lastScheduleTime) || createdMs(cronJob);
  if (dueMs === undefined || dueMs <= lastMs) return;
  const given = cronJob.spec?.startingDeadlineSeconds;
  const deadline = given === undefined ? undefined : Number(given);
  const sinceMs = deadline === undefined ? lastMs : Math.max(lastMs, nowMs - deadline * 1000);
  if (missedRuns(schedule, sinceMs, nowMs) > MANY_MISSED_RUNS) plan.missedMany = true;
  if (deadline !== undefined && dueMs + deadline * 1000 < nowMs) {
    plan.missed = `Missed scheduled time to start a job: ${mailTime(dueMs)}`;
    return;
  }
  const policy = cronJob.spec?.concurrencyPolicy ?? 'Allow';
  if (policy === 'Forbid' && running.length > 0) {
    plan.held = true;
    return;
  }
  if (policy === 'Replace') plan.remove.push(...running);
  plan.create = jobFor(cronJob, dueMs);
  plan.status.lastScheduleTime = formatTime(dueMs);
}

/** How many runs were due in a time, as far as their distance stays what it is at first. */
function missedRuns(schedule: Schedule, sinceMs: number, nowMs: number): number {
  const first = schedule.next(sinceMs);
  const second = first === undefined ? undefined : schedule.next(first);
  if (first === undefined || first > nowMs) return 0;
  if (second === undefined || second > nowMs) return 1;
  return Math.floor((nowMs - first) / (second - first)) + 1;
}

/** The Job of one run. Its name is the CronJob's with the scheduled minute since the epoch. */
function jobFor(cronJob: CronJob, dueMs: number): Job {
  const { metadata, spec } = cronJob.spec?.jobTemplate ?? {};
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: `${nameOf(cronJob)}-${Math.floor(dueMs / 60_000)}`,
      namespace: namespaceOf(cronJob),
      labels: { ...metadata?.labels },
      annotations: { ...metadata?.annotations, [SCHEDULED_ANNOTATION]: formatTime(dueMs) },
      ownerReferences: [newControllerRef(cronJob, CRON_JOB_KIND)],
    },
    ...(spec ? { spec: structuredClone(spec) } : {}),
  };
}

/** `Fri, 02 Jan 2026 03:04:05 +0000`, as mail has it. */
const mailTime = (ms: number): string => new Date(ms).toUTCString().replace('GMT', '+0000');
