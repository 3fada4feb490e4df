import type { Pod, PodDisruptionBudget, PodDisruptionBudgetStatus } from '@kubets/api';
import { DISRUPTION_TIMEOUT_MS } from '../limits.ts';
import { withCondition } from '../objects/conditions.ts';
import { resolveIntOrPercent } from '../objects/int-or-percent.ts';
import { formatTime, isDeleting, nameOf, parseTime } from '../objects/meta.ts';
import { isFinished, isReady } from '../objects/pods.ts';

export interface DisruptionView {
  budget: PodDisruptionBudget;
  /** Pods the budget selects. */
  pods: readonly Pod[];
  /** Needed for `maxUnavailable` and for percentages. */
  expected: ExpectedScale;
  nowMs: number;
}

/**
 * How many pods the controllers behind the pods are to keep up, or why nobody can say. Pods without a
 * controller do not count: they come back by nobody's doing.
 */
export type ExpectedScale = { replicas: number } | { problem: string };

export interface DisruptionPlan {
  status: PodDisruptionBudgetStatus;
  /** When the next eviction under way is given up, if any is. */
  wakeAtMs?: number;
}

/**
 * How many of the pods may be evicted now. Evictions that were allowed but whose pods are not gone
 * yet count as gone already, for a while: otherwise two could be allowed on the strength of one.
 */
export function decideDisruption(view: DisruptionView): DisruptionPlan {
  const { budget, nowMs } = view;
  const pods = view.pods.filter((pod) => !isFinished(pod));
  const disruptedPods = underWay(view);
  const healthy = pods.filter(
    (pod) => isReady(pod) && !isDeleting(pod) && disruptedPods[nameOf(pod)] === undefined,
  ).length;
  const wish = wanted(view, pods.length);
  if ('problem' in wish) return { status: refusing(view, wish.problem) };
  const disruptionsAllowed = wish.expected > 0 ? Math.max(0, healthy - wish.desired) : 0;
  const status: PodDisruptionBudgetStatus = {
    currentHealthy: healthy,
    desiredHealthy: wish.desired,
    expectedPods: wish.expected,
    disruptionsAllowed,
    observedGeneration: budget.metadata.generation ?? 0,
    ...(Object.keys(disruptedPods).length > 0 ? { disruptedPods } : {}),
    conditions: withCondition(budget.status?.conditions, {
      type: 'DisruptionAllowed',
      status: disruptionsAllowed > 0 ? 'True' : 'False',
      reason: disruptionsAllowed > 0 ? 'SufficientPods' : 'InsufficientPods',
      message: '',
      observedGeneration: budget.metadata.generation ?? 0,
      lastTransitionTime: formatTime(nowMs),
    }),
  };
  const oldest = Math.min(...Object.values(disruptedPods).map(parseTime));
  return Number.isFinite(oldest)
    ? { status, wakeAtMs: oldest + DISRUPTION_TIMEOUT_MS }
    : { status };
}

/** Evictions still under way: the pod is there, not leaving, and the eviction is young. */
function underWay(view: DisruptionView): Record<string, string> {
  const present = new Map(view.pods.map((pod) => [nameOf(pod), pod]));
  const kept = Object.entries(view.budget.status?.disruptedPods ?? {}).filter(([name, since]) => {
    const pod = present.get(name);
    if (!pod || isDeleting(pod)) return false;
    return parseTime(since) + DISRUPTION_TIMEOUT_MS > view.nowMs;
  });
  return Object.fromEntries(kept);
}

/** Nobody may be evicted while the numbers are not known; what was known of them stays. */
function refusing(view: DisruptionView, problem: string): PodDisruptionBudgetStatus {
  const { budget, nowMs } = view;
  const known = { currentHealthy: 0, desiredHealthy: 0, expectedPods: 0, ...budget.status };
  return {
    ...known,
    disruptionsAllowed: 0,
    conditions: withCondition(budget.status?.conditions, {
      type: 'DisruptionAllowed',
      status: 'False',
      reason: 'SyncFailed',
      message: problem,
      observedGeneration: budget.status?.observedGeneration ?? 0,
      lastTransitionTime: formatTime(nowMs),
    }),
  };
}

function wanted(
  view: DisruptionView,
  count: number,
): { expected: number; desired: number } | { problem: string } {
  const { minAvailable, maxUnavailable } = view.budget.spec ?? {};
  if (typeof minAvailable === 'number') return { expected: count, desired: minAvailable };
  if ('problem' in view.expected) return view.expected;
  const expected = view.expected.replicas;
  if (minAvailable !== undefined) {
    return { expected, desired: resolveIntOrPercent(minAvailable, expected, 'up') };
  }
  const unavailable = resolveIntOrPercent(maxUnavailable ?? 0, expected, 'up');
  return { expected, desired: Math.max(0, expected - unavailable) };
}
