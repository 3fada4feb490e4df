import type { Job, JobCondition, JobStatus, Pod } from '@kubets/api';
import { findCondition, withCondition } from '../objects/conditions.ts';
import { formatTime, isDeleting, parseTime } from '../objects/meta.ts';
import { compareForDeletion, isActive, isFinished, isReady } from '../objects/pods.ts';
import { retryAtMs } from './backoff.ts';
import { formatIndexes, freeIndexes, indexOf } from './indexes.ts';
import { isIndexed, isTracked, type Tally, tally } from './tally.ts';

export interface JobView {
  job: Job;
  /** Every pod it controls, ended and leaving ones too. */
  pods: readonly Pod[];
  nowMs: number;
}

/** What one pass decided, to be carried out in this order. */
export interface JobPlan {
  status: JobStatus;
  /** Pods whose end the status now holds: they may go. */
  release: Pod[];
  /** Running pods that are not wanted any more. */
  remove: Pod[];
  /** Pods to make; each with its completion index for Indexed Jobs. */
  create: (number | undefined)[];
  /** When to look again even if nothing happens. */
  wakeAtMs?: number;
}

interface Verdict {
  type: 'FailureTarget' | 'SuccessCriteriaMet';
  reason: string;
  message: string;
}

const FINAL = { FailureTarget: 'Failed', SuccessCriteriaMet: 'Complete' } as const;

export function finishedCondition(job: Job): JobCondition | undefined {
  return job.status?.conditions?.find(
    (c) => (c.type === 'Complete' || c.type === 'Failed') && c.status === 'True',
  );
}

/** One step of a Job towards its end. Pure; nothing is decided that a repeated pass would double. */
export function decideJob(view: JobView): JobPlan {
  const { job, pods } = view;
  const active = pods.filter(isActive);
  const leaving = pods.filter((pod) => isDeleting(pod) && !isFinished(pod));
  const counts = tally(job, pods);
  if (finishedCondition(job)) {
    return {
      status: job.status ?? {},
      release: pods.filter(isTracked),
      remove: active,
      create: [],
    };
  }
  const verdict = verdictOf(view, counts, active);
  const status = baseStatus(view, counts, { active, leaving });
  if (verdict) {
    conclude(status, verdict, view.nowMs, active.length + leaving.length === 0);
    return { status, release: counts.release, remove: active, create: [] };
  }
  const plan: JobPlan = { status, release: counts.release, remove: [], create: [] };
  applySuspension(status, view);
  planPods(plan, view, { counts, active, leaving });
  const deadline = deadlineMs(job, status);
  if (deadline !== undefined) plan.wakeAtMs = Math.min(plan.wakeAtMs ?? deadline, deadline);
  return plan;
}

/** Why the Job is over, if it is. A verdict once written down stands. */
function verdictOf(view: JobView, counts: Tally, active: readonly Pod[]): Verdict | undefined {
  const { job, nowMs } = view;
  for (const type of ['FailureTarget', 'SuccessCriteriaMet'] as const) {
    const said = findCondition(job.status?.conditions, type);
    if (said?.status === 'True') {
      return { type, reason: said.reason ?? '', message: said.message ?? '' };
    }
  }
  if (isExhausted(job, counts, active)) {
    const message = 'Job has reached the specified backoff limit';
    return { type: 'FailureTarget', reason: 'BackoffLimitExceeded', message };
  }
  const deadline = deadlineMs(job, job.status ?? {});
  if (deadline !== undefined && deadline <= nowMs) {
    const message = 'Job was active longer than specified deadline';
    return { type: 'FailureTarget', reason: 'DeadlineExceeded', message };
  }
  const { completions } = job.spec ?? {};
  const isDone =
    completions === undefined
      ? counts.succeeded > 0 && active.length === 0
      : counts.succeeded >= completions;
  if (!isDone) return undefined;
  const message = 'Reached expected number of succeeded pods';
  return { type: 'SuccessCriteriaMet', reason: 'CompletionsReached', message };
}

/** Too many failed pods; or, where containers are restarted in place, too many restarts. */
function isExhausted(job: Job, counts: Tally, active: readonly Pod[]): boolean {
  const limit = job.spec?.backoffLimit ?? 6;
  if (counts.failed > limit) return true;
  if (job.spec?.template.spec?.restartPolicy !== 'OnFailure') return false;
  const restarts = active.flatMap((pod) => pod.status?.containerStatuses ?? []);
  const total = restarts.reduce((sum, c) => sum + c.restartCount, 0);
  return limit === 0 ? total > 0 : total >= limit;
}

function deadlineMs(job: Job, status: JobStatus): number | undefined {
  const seconds = job.spec?.activeDeadlineSeconds;
  if (seconds === undefined || status.startTime === undefined) return undefined;
  if (job.spec?.suspend === true) return undefined;
  return parseTime(status.startTime) + seconds * 1000;
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

/** How many pods should run now: no more than are still needed, none while suspended. */
function wantedPods(job: Job, counts: Tally, active: number): number {
  if (job.spec?.suspend === true) return 0;
  const parallelism = job.spec?.parallelism ?? 1;
  const { completions } = job.spec ?? {};
  // Without a number the pods agree among themselves: after the first success none is added.
  if (completions === undefined) {
    return counts.succeeded > 0 ? Math.min(active, parallelism) : parallelism;
  }
  return Math.min(parallelism, Math.max(0, completions - counts.succeeded));
}

function planPods(
  plan: JobPlan,
  view: JobView,
  facts: { counts: Tally; active: readonly Pod[]; leaving: readonly Pod[] },
): void {
  const { job, nowMs } = view;
  const surplus = isIndexed(job) ? surplusIndexes(job, facts.active, facts.counts) : [];
  const useful = facts.active.filter((pod) => !surplus.includes(pod));
  const wanted = wantedPods(job, facts.counts, useful.length);
  plan.remove.push(...surplus);
  if (useful.length > wanted) {
    const ranked = [...useful].sort((a, b) =>
      compareForDeletion(a, b, { nowMs, onSameNode: () => 0 }),
    );
    plan.remove.push(...ranked.slice(0, useful.length - wanted));
    return;
  }
  const waiting = job.spec?.podReplacementPolicy === 'Failed' ? facts.leaving.length : 0;
  const missing = wanted - useful.length - waiting;
  if (missing <= 0) return;
  const retryMs = retryAtMs(view.pods);
  if (retryMs > nowMs) {
    plan.wakeAtMs = retryMs;
    return;
  }
  if (!isIndexed(job)) {
    plan.create.push(...Array.from({ length: missing }, () => undefined));
    return;
  }
  const completions = job.spec?.completions ?? 0;
  const taken = new Set(facts.counts.completedIndexes);
  for (const pod of useful) taken.add(indexOf(pod, completions) ?? -1);
  plan.create.push(...freeIndexes(completions, taken, missing));
}

/** Pods of an Indexed Job whose index is done, doubled, or not one of the Job's. */
function surplusIndexes(job: Job, active: readonly Pod[], counts: Tally): Pod[] {
  const seen = new Set(counts.completedIndexes);
  return active.filter((pod) => {
    const index = indexOf(pod, job.spec?.completions ?? 0);
    if (index === undefined || seen.has(index)) return true;
    seen.add(index);
    return false;
  });
}
