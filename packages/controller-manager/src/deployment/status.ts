import type { Deployment, DeploymentCondition, ReplicaSet } from '@kubets/api';
import { findCondition, withCondition, withoutCondition } from '../objects/conditions.ts';
import { formatTime, parseTime } from '../objects/meta.ts';
import type { Status } from './actions.ts';
import {
  availableOf,
  isComplete,
  limitsOf,
  quoted,
  type ReplicaSetRoles,
  sizeOf,
  sumOf,
} from './view.ts';

/** A deadline of this many seconds means none. */
const NO_DEADLINE = 2 ** 31 - 1;

export const REASON = {
  available: 'NewReplicaSetAvailable',
  updated: 'ReplicaSetUpdated',
  created: 'NewReplicaSetCreated',
  found: 'FoundNewReplicaSet',
  createError: 'ReplicaSetCreateError',
  timedOut: 'ProgressDeadlineExceeded',
  paused: 'DeploymentPaused',
  resumed: 'DeploymentResumed',
} as const;

type Condition = DeploymentCondition;

export function condition(
  type: string,
  status: 'True' | 'False' | 'Unknown',
  facts: { reason: string; message: string; nowMs: number },
): Condition {
  const now = formatTime(facts.nowMs);
  const { reason, message } = facts;
  return { type, status, lastUpdateTime: now, lastTransitionTime: now, reason, message };
}

/** The progress deadline in milliseconds; `undefined` when the Deployment has none. */
export function deadlineMs(d: Deployment): number | undefined {
  const seconds = d.spec?.progressDeadlineSeconds;
  return seconds === undefined || seconds === NO_DEADLINE ? undefined : seconds * 1000;
}

/** Counts and the Available condition, from what the ReplicaSets report. */
export function countStatus(
  d: Deployment,
  roles: ReplicaSetRoles,
  conditions: readonly Condition[],
  nowMs: number,
): Status {
  const available = sumOf(roles.all, availableOf);
  const limits = limitsOf(d);
  const enough = available >= limits.replicas - limits.maxUnavailable;
  const minimum = enough
    ? condition('Available', 'True', {
        reason: 'MinimumReplicasAvailable',
        message: 'Deployment has minimum availability.',
        nowMs,
      })
    : condition('Available', 'False', {
        reason: 'MinimumReplicasUnavailable',
        message: 'Deployment does not have minimum availability.',
        nowMs,
      });
  const collisionCount = d.status?.collisionCount;
  return {
    observedGeneration: d.metadata.generation ?? 0,
    replicas: sumOf(roles.all, (rs) => rs.status?.replicas ?? 0),
    updatedReplicas: roles.current?.status?.replicas ?? 0,
    readyReplicas: sumOf(roles.all, (rs) => rs.status?.readyReplicas ?? 0),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, sumOf(roles.all, sizeOf) - available),
    ...(collisionCount === undefined ? {} : { collisionCount }),
    conditions: withCondition(conditions, minimum),
  };
}

/** Adds the Progressing and ReplicaFailure conditions to a counted status. */
export function progressStatus(
  d: Deployment,
  roles: ReplicaSetRoles,
  counted: Status,
  nowMs: number,
): Status {
  let conditions = counted.conditions ?? [];
  if (deadlineMs(d) === undefined) conditions = withoutCondition(conditions, 'Progressing');
  else if (!isSettled(d, counted)) conditions = progressing(d, roles, counted, nowMs);
  const failure = failureOf(roles);
  conditions = failure
    ? withCondition(conditions, failure)
    : withoutCondition(conditions, 'ReplicaFailure');
  return { ...counted, conditions };
}

/** The rollout ended well before and nothing old runs: later hiccups are not a new rollout. */
function isSettled(d: Deployment, status: Status): boolean {
  const current = findCondition(d.status?.conditions, 'Progressing');
  return (
    (status.replicas ?? 0) === (status.updatedReplicas ?? 0) && current?.reason === REASON.available
  );
}

function progressing(
  d: Deployment,
  roles: ReplicaSetRoles,
  status: Status,
  nowMs: number,
): Condition[] {
  const conditions = status.conditions ?? [];
  const subject = roles.current ? `ReplicaSet ${quoted(roles.current)}` : `Deployment ${quoted(d)}`;
  const say = (state: 'True' | 'False', reason: string, what: string): Condition =>
    condition('Progressing', state, { reason, message: `${subject} ${what}`, nowMs });
  if (isComplete(d, status)) {
    return withCondition(conditions, say('True', REASON.available, 'has successfully progressed.'));
  }
  const current = findCondition(conditions, 'Progressing');
  if (movedForward(d, status)) {
    const next = say('True', REASON.updated, 'is progressing.');
    const since = current?.status === 'True' ? current.lastTransitionTime : undefined;
    // Replaced even when it says the same: its update time is what the deadline counts from.
    const kept = withoutCondition(conditions, 'Progressing');
    return [...kept, since === undefined ? next : { ...next, lastTransitionTime: since }];
  }
  if (isTimedOut(d, current, nowMs)) {
    return withCondition(conditions, say('False', REASON.timedOut, 'has timed out progressing.'));
  }
  return conditions;
}

/** More new, ready or available replicas, or fewer old ones, than the last status told. */
function movedForward(d: Deployment, next: Status): boolean {
  const last = d.status ?? {};
  const old = (status: Status): number => (status.replicas ?? 0) - (status.updatedReplicas ?? 0);
  return (
    (next.updatedReplicas ?? 0) > (last.updatedReplicas ?? 0) ||
    old(next) < old(last) ||
    (next.readyReplicas ?? 0) > (last.readyReplicas ?? 0) ||
    (next.availableReplicas ?? 0) > (last.availableReplicas ?? 0)
  );
}

export function isTimedOut(d: Deployment, current: Condition | undefined, nowMs: number): boolean {
  const limit = deadlineMs(d);
  if (limit === undefined || current === undefined) return false;
  if (current.reason === REASON.available) return false;
  if (current.reason === REASON.timedOut) return true;
  return parseTime(current.lastUpdateTime) + limit < nowMs;
}

function failureOf(roles: ReplicaSetRoles): Condition | undefined {
  const sets: ReplicaSet[] = [...(roles.current ? [roles.current] : []), ...roles.old];
  for (const rs of sets) {
    const failure = findCondition(rs.status?.conditions, 'ReplicaFailure');
    if (failure) {
      return {
        type: 'ReplicaFailure',
        status: failure.status,
        reason: failure.reason ?? '',
        message: failure.message ?? '',
        ...(failure.lastTransitionTime === undefined
          ? {}
          : {
              lastTransitionTime: failure.lastTransitionTime,
              lastUpdateTime: failure.lastTransitionTime,
            }),
      };
    }
  }
  return undefined;
}
