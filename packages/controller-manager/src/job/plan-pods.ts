import type { Job, Pod } from '@kubets/api';
import { compareForDeletion } from '../objects/pods.ts';
import { retryAtMs } from './backoff.ts';
import { waitsForEnds } from './failure-policy.ts';
import { hasLimitPerIndex, retryIndexAtMs } from './index-failures.ts';
import { freeIndexes, indexOf } from './indexes.ts';
import { isIndexed, type Tally } from './tally.ts';

/** Which pods to make and to end now. */
export interface PodPlan {
  /** Running pods that are not wanted any more. */
  remove: Pod[];
  /** Pods to make; each with its completion index for Indexed Jobs. */
  create: (number | undefined)[];
  /** When to look again even if nothing happens. */
  wakeAtMs?: number;
}

export interface PodFacts {
  job: Job;
  pods: readonly Pod[];
  counts: Tally;
  active: readonly Pod[];
  /** Pods on their way out that have not ended. */
  leaving: readonly Pod[];
  nowMs: number;
}

/** Brings the number of running pods closer to what is wanted. */
export function planPods(facts: PodFacts): PodPlan {
  const { job, nowMs } = facts;
  const surplus = isIndexed(job) ? surplusIndexes(facts) : [];
  const useful = facts.active.filter((pod) => !surplus.includes(pod));
  const wanted = wantedPods(job, facts.counts, useful.length);
  if (useful.length > wanted) {
    const ranked = [...useful].sort((a, b) =>
      compareForDeletion(a, b, { nowMs, onSameNode: () => 0 }),
    );
    return { remove: [...surplus, ...ranked.slice(0, useful.length - wanted)], create: [] };
  }
  const waiting = waitsForEnds(job) ? facts.leaving.length : 0;
  const missing = wanted - useful.length - waiting;
  return { remove: surplus, ...creations(facts, useful, missing) };
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
  const open = completions - counts.succeeded - counts.failedIndexes.size;
  return Math.min(parallelism, Math.max(0, open));
}

function creations(
  facts: PodFacts,
  useful: readonly Pod[],
  missing: number,
): Pick<PodPlan, 'create' | 'wakeAtMs'> {
  const { job, nowMs } = facts;
  if (missing <= 0) return { create: [] };
  if (hasLimitPerIndex(job)) return dueIndexes(facts, openIndexes(facts, useful, missing));
  const retryMs = retryAtMs(facts.pods);
  if (retryMs > nowMs) return { create: [], wakeAtMs: retryMs };
  if (isIndexed(job)) return { create: openIndexes(facts, useful, missing) };
  return { create: Array.from({ length: missing }, () => undefined) };
}

/** Each index waits for itself only; those that need not wait go first. */
function dueIndexes(
  facts: PodFacts,
  indexes: readonly number[],
): Pick<PodPlan, 'create' | 'wakeAtMs'> {
  const dueMs = (index: number): number => {
    const failed = facts.counts.lastFailures.get(index);
    return failed ? retryIndexAtMs(failed) : 0;
  };
  const create = indexes.filter((index) => dueMs(index) <= facts.nowMs);
  const later = indexes.map(dueMs).filter((ms) => ms > facts.nowMs);
  return { create, ...(later.length > 0 ? { wakeAtMs: Math.min(...later) } : {}) };
}

function openIndexes(facts: PodFacts, useful: readonly Pod[], count: number): number[] {
  const { job, counts } = facts;
  const completions = job.spec?.completions ?? 0;
  const taken = new Set([...counts.completedIndexes, ...counts.failedIndexes]);
  const holders = waitsForEnds(job) ? [...useful, ...facts.leaving] : useful;
  for (const pod of holders) taken.add(indexOf(pod, completions) ?? -1);
  return freeIndexes(completions, taken, count);
}

/** Pods of an Indexed Job whose index is done, doubled, or not one of the Job's. */
function surplusIndexes(facts: PodFacts): Pod[] {
  const seen = new Set(facts.counts.completedIndexes);
  return facts.active.filter((pod) => {
    const index = indexOf(pod, facts.job.spec?.completions ?? 0);
    if (index === undefined || seen.has(index)) return true;
    seen.add(index);
    return false;
  });
}
