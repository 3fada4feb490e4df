import type { Job, JobCondition, JobStatus, Pod } from '@kubets/api';
import { findCondition, withCondition } from '../objects/conditions.ts';
import { formatTime, isDeleting } from '../objects/meta.ts';
import { isActive, isFinished, isReady } from '../objects/pods.ts';
import { hasLimitPerIndex } from './index-failures.ts';
import { formatIndexes } from './indexes.ts';
import { type PodPlan, planPods } from './plan-pods.ts';
import { isIndexed, isTracked, type Tally, tally } from './tally.ts';
import { deadlineMs, endingOf, type Verdict, verdictOf } from './verdict.ts';

export interface JobView {
  job: Job;
  /** Every pod it controls, ended and leaving ones too. */
  pods: readonly Pod[];
  nowMs: number;
}

/** What one pass decided, to be carried out in this order. */
export interface JobPlan extends PodPlan {
  status: JobStatus;
  /** Pods whose end the status now holds: they may go. */
  release: Pod[];
  /** Which failed pod the next one of an index comes after. */
  replaces: ReadonlyMap<number, Pod>;
}

const FINAL = { FailureTarget: 'Failed', SuccessCriteriaMet: 'Complete' } as const;

export function finishedCondition(job: Job): JobCondition | undefined {
  return job.status?.conditions?.find(
    (c) => (c.type === 'Complete' || c.type === 'Failed') && c.status === 'True',
  );
}

/** One step of a Job towards its end. Pure; nothing is decided that a repeated pass would double. */
export function decideJob(view: JobView): JobPlan {
  const { job, pods, nowMs } = view;
  const active = pods.filter(isActive);
  const leaving = pods.filter((pod) => isDeleting(pod) && !isFinished(pod));
  if (finishedCondition(job)) return ended(job.status ?? {}, pods.filter(isTracked), active);
  const counts = tally(job, pods);
  const verdict = verdictOf({ job, counts, active, nowMs });
  if (verdict) {
    const last = tally(job, pods, endingOf(verdict));
    const status = baseStatus(view, last, { active, leaving });
    conclude(status, verdict, nowMs, active.length + leaving.length === 0);
    return ended(status, last.release, active);
  }
  const status = baseStatus(view, counts, { active, leaving });
  applySuspension(status, view);
  const podPlan = planPods({ job, pods, counts, active, leaving, nowMs });
  const { release, lastFailures: replaces } = counts;
  const plan: JobPlan = { status, release, replaces, ...podPlan };
  const deadline = deadlineMs(job, status);
  if (deadline !== undefined) plan.wakeAtMs = Math.min(plan.wakeAtMs ?? deadline, deadline);
  return plan;
}

/** Nothing is made any more. */
function ended(status: JobStatus, release: Pod[], remove: Pod[]): JobPlan {
  return { status, release, remove, create: [], replaces: new Map() };
}

function baseStatus(
  view: JobView,
  counts: Tally,
  pods: { active: readonly Pod[]; leaving: readonly Pod[] },
): JobStatus {
  const { job, nowMs } = view;
  const { uncounted } = counts;
  const completedIndexes = isIndexed(job) ? formatIndexes(counts.completedIndexes) : undefined;
  return {
    startTime: job.status?.startTime ?? formatTime(nowMs),
    active: pods.active.length,
    ready: pods.active.filter(isReady).length,
    terminating: pods.leaving.length,
    succeeded: counts.counted.succeeded,
    failed: counts.counted.failed,
    uncountedTerminatedPods: {
      ...(uncounted.succeeded.length > 0 ? { succeeded: uncounted.succeeded } : {}),
      ...(uncounted.failed.length > 0 ? { failed: uncounted.failed } : {}),
    },
    ...(completedIndexes === undefined ? {} : { completedIndexes }),
    ...(hasLimitPerIndex(job) ? { failedIndexes: formatIndexes(counts.failedIndexes) } : {}),
    conditions: job.status?.conditions ?? [],
  };
}

/** The verdict is told at once, the end only when no pod runs and every end is in the numbers. */
function conclude(status: JobStatus, verdict: Verdict, nowMs: number, isQuiet: boolean): void {
  const { type, reason, message } = verdict;
  const now = formatTime(nowMs);
  const say = (name: string): JobCondition => ({
    type: name,
    status: 'True',
    reason,
    message,
    lastProbeTime: now,
    lastTransitionTime: now,
  });
  status.conditions = withCondition(status.conditions, say(type));
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  if (!isQuiet || succeeded.length + failed.length > 0) return;
  status.conditions = withCondition(status.conditions, say(FINAL[type]));
  if (type === 'SuccessCriteriaMet') status.completionTime = now;
}

function applySuspension(status: JobStatus, view: JobView): void {
  const { job, nowMs } = view;
  const suspended = job.spec?.suspend === true;
  const current = findCondition(status.conditions, 'Suspended');
  if (suspended) status.startTime = undefined;
  if (suspended === (current?.status === 'True') || (!suspended && !current)) return;
  const now = formatTime(nowMs);
  const next: JobCondition = {
    type: 'Suspended',
    status: suspended ? 'True' : 'False',
    reason: suspended ? 'JobSuspended' : 'JobResumed',
    message: suspended ? 'Job suspended' : 'Job resumed',
    lastProbeTime: now,
    lastTransitionTime: now,
  };
  // The deadline counts from the time work goes on.
  if (!suspended) status.startTime = now;
  status.conditions = withCondition(status.conditions, next);
}
