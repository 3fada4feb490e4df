import type { DaemonSet, DaemonSetStatus, Node, Pod } from '@kubets/api';
import { REVISION_HASH_LABEL } from '../history/revisions.ts';
import { resolveIntOrPercent } from '../objects/int-or-percent.ts';
import { byCreation, isDeleting, labelsOf, nameOf } from '../objects/meta.ts';
import { isAvailable, isFinished, isReady } from '../objects/pods.ts';
import { type NodeFit, nodeFit, targetNode } from './nodes.ts';

export interface DaemonView {
  daemonSet: DaemonSet;
  nodes: readonly Node[];
  /** Every pod the set controls. */
  pods: readonly Pod[];
  /** Hash of the present template. */
  hash: string;
  nowMs: number;
}

export interface DaemonPlan {
  /** Nodes to make a pod for. */
  create: string[];
  remove: Pod[];
  /** Pods that failed: removed too, but not in a tight circle. */
  failed: Pod[];
  /** Pods that ended well, though a daemon goes on: removed too. */
  succeeded: Pod[];
  status: DaemonSetStatus;
}

interface Place {
  node: Node;
  fit: NodeFit;
  /** Pods there that are not on their way out. */
  pods: Pod[];
  /** Pods there that are. */
  leaving: Pod[];
}

/** One step of a DaemonSet: a pod on every node that should have one, none elsewhere, updated in turn. */
export function decideDaemonSet(view: DaemonView): DaemonPlan {
  const places = placesOf(view);
  const status = statusOf(view, places);
  const plan: DaemonPlan = { create: [], remove: [], failed: [], succeeded: [], status };
  plan.remove.push(...strays(view));
  for (const place of places) settle(place, plan, view);
  if (view.daemonSet.spec?.updateStrategy?.type !== 'OnDelete') update(places, plan, view);
  return plan;
}

function placesOf(view: DaemonView): Place[] {
  const byNode = Map.groupBy(view.pods, targetNode);
  return view.nodes.map((node) => {
    const all = [...(byNode.get(nameOf(node)) ?? [])].sort(bySeniority);
    return {
      node,
      fit: nodeFit(view.daemonSet, node),
      pods: all.filter((pod) => !isDeleting(pod)),
      // One that has ended holds nothing any more, whoever still keeps its object.
      leaving: all.filter((pod) => isDeleting(pod) && !isFinished(pod)),
    };
  });
}

/** Pods that have their node first, older ones before others. */
function bySeniority(a: Pod, b: Pod): number {
  const waits = (pod: Pod): number => (pod.spec?.nodeName ? 0 : 1);
  return waits(a) - waits(b) || byCreation(a, b);
}

/** Pods meant for a node that is not there, not yet bound: no scheduler will ever place them. */
function strays(view: DaemonView): Pod[] {
  const names = new Set(view.nodes.map(nameOf));
  return view.pods.filter(
    (pod) => !pod.spec?.nodeName && !isDeleting(pod) && !names.has(targetNode(pod)),
  );
}

function settle(place: Place, plan: DaemonPlan, view: DaemonView): void {
  const { fit, pods, leaving } = place;
  if (!fit.mayStay) {
    plan.remove.push(...pods);
    return;
  }
  const ended = pods.filter(isFinished);
  for (const pod of ended) {
    (pod.status?.phase === 'Failed' ? plan.failed : plan.succeeded).push(pod);
  }
  const running = pods.filter((pod) => !isFinished(pod));
  if (running.length === 0) {
    // The leaving pod still holds the node's ports and files: its successor waits for it, unless the
    // set is one whose pods can be two on a node.
    const waits = ended.length > 0 || (leaving.length > 0 && !maySurge(view));
    if (fit.shouldRun && !waits) plan.create.push(nameOf(place.node));
    return;
  }
  const ofEach = [
    running.filter((p) => isCurrent(p, view)),
    running.filter((p) => !isCurrent(p, view)),
  ];
  const surging = maySurge(view) && ofEach.every((group) => group.length === 1);
  // The oldest stays; two are right only while a new version takes over beside the old one.
  if (!surging) plan.remove.push(...running.slice(1));
}

const isCurrent = (pod: Pod, view: DaemonView): boolean =>
  labelsOf(pod)[REVISION_HASH_LABEL] === view.hash;

const maySurge = (view: DaemonView): boolean =>
  view.daemonSet.spec?.updateStrategy?.type !== 'OnDelete' && surgeOf(view, 1) > 0;

function surgeOf(view: DaemonView, desired: number): number {
  const { maxSurge } = view.daemonSet.spec?.updateStrategy?.rollingUpdate ?? {};
  return resolveIntOrPercent(maxSurge, desired, 'up');
}

/**
 * Replaces old pods. Broken ones go at once, they serve nobody; healthy ones as long as no more than
 * `maxUnavailable` nodes are without a working pod. With `maxSurge` the new pod comes first and the
 * old one goes when the new one works.
 */
function update(places: readonly Place[], plan: DaemonPlan, view: DaemonView): void {
  const { daemonSet, nowMs } = view;
  const minReady = daemonSet.spec?.minReadySeconds ?? 0;
  const wanted = places.filter((place) => place.fit.shouldRun);
  const works = (pod: Pod): boolean => isAvailable(pod, minReady, nowMs) && !isFinished(pod);
  const surge = surgeOf(view, wanted.length);
  if (surge > 0) {
    surgeUpdate(wanted, plan, { view, works, surge });
    return;
  }
  const { maxUnavailable = 1 } = daemonSet.spec?.updateStrategy?.rollingUpdate ?? {};
  const limit = resolveIntOrPercent(maxUnavailable, wanted.length, 'up');
  const removed = new Set(plan.remove);
  let down = wanted.filter((place) => !place.pods.some((p) => works(p) && !removed.has(p))).length;
  for (const { pods } of wanted) {
    const old = pods.find((pod) => !isCurrent(pod, view) && !removed.has(pod) && !isFinished(pod));
    if (!old) continue;
    if (works(old)) {
      if (down >= limit) continue;
      down++;
    }
    plan.remove.push(old);
  }
}

function surgeUpdate(
  wanted: readonly Place[],
  plan: DaemonPlan,
  facts: { view: DaemonView; works: (pod: Pod) => boolean; surge: number },
): void {
  const { view, works, surge } = facts;
  const removed = new Set(plan.remove);
  const pairs = wanted.map((place) => {
    const running = place.pods.filter((pod) => !isFinished(pod) && !removed.has(pod));
    const old = running.find((pod) => !isCurrent(pod, view));
    return { place, old, next: running.find((pod) => isCurrent(pod, view)) };
  });
  let surging = pairs.filter(({ old, next }) => old && next && !works(next)).length;
  for (const { place, old, next } of pairs) {
    if (!old) continue;
    if (next) {
      if (works(next) || !isReady(old)) plan.remove.push(old);
      continue;
    }
    const isFree = !works(old);
    if (!isFree && surging >= surge) continue;
    if (!isFree) surging++;
    plan.create.push(nameOf(place.node));
  }
}

function statusOf(view: DaemonView, places: readonly Place[]): DaemonSetStatus {
  const { daemonSet, nowMs } = view;
  const minReady = daemonSet.spec?.minReadySeconds ?? 0;
  const { collisionCount } = daemonSet.status ?? {};
  const status = {
    currentNumberScheduled: 0,
    desiredNumberScheduled: 0,
    numberAvailable: 0,
    numberMisscheduled: 0,
    numberReady: 0,
    numberUnavailable: 0,
    observedGeneration: daemonSet.metadata.generation ?? 0,
    updatedNumberScheduled: 0,
  };
  for (const { fit, pods, leaving } of places) {
    // A node counts by its oldest pod: while that is of an old version, the update has not come there.
    const [first] = [...pods, ...leaving].sort(bySeniority);
    if (!fit.shouldRun) {
      if (first) status.numberMisscheduled++;
      continue;
    }
    status.desiredNumberScheduled++;
    if (!first) continue;
    status.currentNumberScheduled++;
    if (isReady(first)) status.numberReady++;
    if (isAvailable(first, minReady, nowMs)) status.numberAvailable++;
    if (isCurrent(first, view)) status.updatedNumberScheduled++;
  }
  status.numberUnavailable = status.desiredNumberScheduled - status.numberAvailable;
  return collisionCount === undefined ? status : { ...status, collisionCount };
}
