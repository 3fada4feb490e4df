import type { Deployment, ReplicaSet } from '@kubets/api';
import { findCondition, withCondition } from '../objects/conditions.ts';
import { sameJson } from '../objects/json.ts';
import { annotationsOf, isDeleting, parseTime } from '../objects/meta.ts';
import { isFinished } from '../objects/pods.ts';
import type { Action, Plan, Sizes, Status } from './actions.ts';
import { differs, newReplicaSet, refreshed, resized } from './replica-set.ts';
import { currentSize, shrinkOld } from './rolling.ts';
import { isScaling, scale } from './scaling.ts';
import {
  condition,
  countStatus,
  deadlineMs,
  isTimedOut,
  progressStatus,
  REASON,
} from './status.ts';
import {
  type DeploymentView,
  desiredOf,
  isComplete,
  isRollingUpdate,
  limitsOf,
  quoted,
  REVISION,
  type ReplicaSetRoles,
  revisionOf,
  rolesOf,
  sizeOf,
  sumOf,
} from './view.ts';

type Conditions = NonNullable<Status['conditions']>;

/** What a pass works with: the view, sorted, and the conditions it means to write. */
interface Pass {
  view: DeploymentView;
  roles: ReplicaSetRoles;
  conditions: Conditions;
}

/**
 * One step of a Deployment towards its spec. Pure: the same view gives the same plan, so a repeated
 * or interrupted pass does no harm. Each pass resizes either the current ReplicaSet or the old ones,
 * never both: the next pass sees what came of it.
 */
export function decideDeployment(view: DeploymentView): Plan {
  const d = view.deployment;
  const roles = rolesOf(d, view.replicaSets);
  const pass: Pass = { view, roles, conditions: pauseConditions(view) };
  if (isDeleting(d)) return withStatus(pass, [], false);
  if (d.spec?.paused === true || isScaling(d, roles)) return scalingPass(pass);
  return isRollingUpdate(d) ? rollingPass(pass) : recreatePass(pass);
}

/** Pausing stops the progress clock and resuming restarts it: both leave a Progressing condition. */
function pauseConditions(view: DeploymentView): Conditions {
  const d = view.deployment;
  const conditions = d.status?.conditions ?? [];
  if (deadlineMs(d) === undefined || isDeleting(d)) return conditions;
  const current = findCondition(conditions, 'Progressing');
  if (current?.reason === REASON.timedOut) return conditions;
  const isPaused = current?.reason === REASON.paused;
  const { nowMs } = view;
  if (d.spec?.paused === true && !isPaused) {
    const facts = { reason: REASON.paused, message: 'Deployment is paused', nowMs };
    return withCondition(conditions, condition('Progressing', 'Unknown', facts));
  }
  if (d.spec?.paused !== true && isPaused) {
    const facts = { reason: REASON.resumed, message: 'Deployment is resumed', nowMs };
    return withCondition(conditions, condition('Progressing', 'Unknown', facts));
  }
  return conditions;
}

function scalingPass(pass: Pass): Plan {
  const { view, roles } = pass;
  const d = view.deployment;
  const actions = [...currentActions(pass), ...resizeActions(scale(d, roles), d)];
  if (d.spec?.paused === true) actions.push(...historyActions(d, roles));
  return withStatus(pass, mergeUpdates(actions), false);
}

function rollingPass(pass: Pass): Plan {
  const { view, roles } = pass;
  const d = view.deployment;
  const limits = limitsOf(d);
  if (!roles.current) return createPass(pass, currentSize(roles, limits));
  const actions = currentActions(pass);
  const size = currentSize(roles, limits);
  if (size !== sizeOf(roles.current)) {
    actions.push(...resizeActions(new Map([[roles.current, size]]), d));
    return withStatus(pass, mergeUpdates(actions), true);
  }
  actions.push(...resizeActions(shrinkOld(roles, limits), d));
  return settle(pass, mergeUpdates(actions));
}

function recreatePass(pass: Pass): Plan {
  const { view, roles } = pass;
  const d = view.deployment;
  const actions = currentActions(pass);
  const active = roles.old.filter((rs) => sizeOf(rs) > 0);
  if (active.length > 0) {
    const sizes: Sizes = new Map(active.map((rs) => [rs, 0]));
    return withStatus(pass, mergeUpdates([...actions, ...resizeActions(sizes, d)]), true);
  }
  if (oldPodsRun(view, roles)) return withStatus(pass, actions, true);
  if (!roles.current) return createPass(pass, desiredOf(d));
  actions.push(...resizeActions(new Map([[roles.current, desiredOf(d)]]), d));
  return settle(pass, mergeUpdates(actions));
}

/** Recreate starts the new version only when no pod of an old one can still be running. */
function oldPodsRun(view: DeploymentView, roles: ReplicaSetRoles): boolean {
  if (sumOf(roles.old, (rs) => rs.status?.replicas ?? 0) > 0) return true;
  return roles.old.some((rs) => view.podsOf(rs).some((pod) => !isFinished(pod)));
}

function nextRevision(roles: ReplicaSetRoles): bigint {
  const newest = roles.old.map(revisionOf).reduce((max, one) => (one > max ? one : max), 0n);
  return newest + 1n;
}

/** Metadata of the current ReplicaSet, and the Deployment's revision annotation, kept up to date. */
function currentActions(pass: Pass): Action[] {
  const { current } = pass.roles;
  if (!current) return [];
  const d = pass.view.deployment;
  const to = refreshed(current, d, nextRevision(pass.roles));
  const actions: Action[] = differs(current, to) ? [{ type: 'update', from: current, to }] : [];
  const revision = String(revisionOf(to));
  if (annotationsOf(d)[REVISION] !== revision) {
    actions.push({ type: 'annotate', annotations: { [REVISION]: revision } });
  }
  if (deadlineMs(d) !== undefined && !findCondition(pass.conditions, 'Progressing')) {
    const message = `Found new replica set ${quoted(current)}`;
    const facts = { reason: REASON.found, message, nowMs: pass.view.nowMs };
    pass.conditions = withCondition(pass.conditions, condition('Progressing', 'True', facts));
  }
  return actions;
}

function createPass(pass: Pass, replicas: number): Plan {
  const d = pass.view.deployment;
  const revision = nextRevision(pass.roles);
  const replicaSet = newReplicaSet(d, replicas, revision);
  if (deadlineMs(d) !== undefined) {
    const message = `Created new replica set ${quoted(replicaSet)}`;
    const facts = { reason: REASON.created, message, nowMs: pass.view.nowMs };
    pass.conditions = withCondition(pass.conditions, condition('Progressing', 'True', facts));
  }
  const actions: Action[] = [{ type: 'create', replicaSet }];
  if (annotationsOf(d)[REVISION] !== String(revision)) {
    actions.push({ type: 'annotate', annotations: { [REVISION]: String(revision) } });
  }
  return withStatus(pass, actions, true);
}

/** End of a pass that may find the rollout complete: then old ReplicaSets past the limit go. */
function settle(pass: Pass, actions: Action[]): Plan {
  const { view, roles } = pass;
  const d = view.deployment;
  if (actions.length === 0 && isComplete(d, d.status ?? {})) {
    return withStatus(pass, historyActions(d, roles), true);
  }
  return withStatus(pass, actions, true);
}

function historyActions(d: Deployment, roles: ReplicaSetRoles): Action[] {
  const limit = d.spec?.revisionHistoryLimit ?? 10;
  const alive = roles.old.filter((rs) => !isDeleting(rs));
  const excess = alive.length - limit;
  if (excess <= 0) return [];
  return [...alive]
    .sort((a, b) => Number(revisionOf(a) - revisionOf(b)))
    .slice(0, excess)
    .filter(isDrained)
    .map((replicaSet) => ({ type: 'delete', replicaSet }));
}

function isDrained(rs: ReplicaSet): boolean {
  const observed = rs.status?.observedGeneration ?? 0;
  const replicas = rs.status?.replicas ?? 0;
  return replicas === 0 && sizeOf(rs) === 0 && (rs.metadata.generation ?? 0) <= observed;
}

function resizeActions(sizes: Sizes, d: Deployment): Action[] {
  const actions: Action[] = [];
  for (const [from, replicas] of sizes) {
    const to = resized(from, d, replicas);
    if (differs(from, to)) actions.push({ type: 'update', from, to });
  }
  return actions;
}

/** Two edits of one ReplicaSet in one pass become one write. */
function mergeUpdates(actions: readonly Action[]): Action[] {
  const merged: Action[] = [];
  for (const action of actions) {
    const earlier =
      action.type === 'update'
        ? merged.findIndex((a) => a.type === 'update' && a.from === action.from)
        : -1;
    const first = merged[earlier];
    if (action.type !== 'update' || first?.type !== 'update') {
      merged.push(action);
      continue;
    }
    const annotations = { ...annotationsOf(first.to), ...changedAnnotations(action) };
    const to = {
      ...first.to,
      metadata: { ...first.to.metadata, annotations },
      spec: { ...first.to.spec, replicas: sizeOf(action.to) } as NonNullable<ReplicaSet['spec']>,
    };
    merged[earlier] = { type: 'update', from: first.from, to };
  }
  return merged;
}

function changedAnnotations(action: Extract<Action, { type: 'update' }>): Record<string, string> {
  const before = annotationsOf(action.from);
  return Object.fromEntries(
    Object.entries(annotationsOf(action.to)).filter(([key, value]) => before[key] !== value),
  );
}

function withStatus(pass: Pass, actions: Action[], tracksProgress: boolean): Plan {
  const { view, roles } = pass;
  const d = view.deployment;
  const counted = countStatus(d, roles, pass.conditions, view.nowMs);
  const status = tracksProgress ? progressStatus(d, roles, counted, view.nowMs) : counted;
  if (!sameJson(zeroless(status), zeroless(d.status ?? {}))) {
    actions.push({ type: 'status', status });
  }
  const requeueAfterMs = tracksProgress ? deadlineWait(view, status) : undefined;
  return requeueAfterMs === undefined ? { actions } : { actions, requeueAfterMs };
}

/** A count of zero and a missing count are the same status. */
function zeroless(status: Status): unknown {
  return Object.fromEntries(Object.entries(status).filter(([, value]) => value !== 0));
}

/** Time until the progress deadline would pass, so that a stuck rollout is noticed without events. */
function deadlineWait(view: DeploymentView, status: Status): number | undefined {
  const d = view.deployment;
  const limit = deadlineMs(d);
  const current = findCondition(status.conditions, 'Progressing');
  if (limit === undefined || current === undefined) return undefined;
  if (isComplete(d, status) || isTimedOut(d, current, view.nowMs)) return undefined;
  if (current.reason === REASON.available) return undefined;
  return Math.max(0, parseTime(current.lastUpdateTime) + limit - view.nowMs) + 1000;
}
