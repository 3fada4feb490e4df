import type { Pod, StatefulSet, StatefulSetStatus } from '@kubets/api';
import { isDeleting } from '../objects/meta.ts';
import { isAvailable, isFinished, isReady } from '../objects/pods.ts';
import { missingLabels, ordinalOf, revisionOf } from './identity.ts';

export interface StatefulView {
  set: StatefulSet;
  /** Every pod it controls. */
  pods: readonly Pod[];
  /** Name of the revision that members had before an update in progress. */
  currentRevision: string;
  /** Name of the present template's revision. */
  updateRevision: string;
  nowMs: number;
}

export interface StatefulPlan {
  create: { ordinal: number; revision: string }[];
  remove: Pod[];
  /** Members whose claims or labels may lack something. */
  complete: Pod[];
  status: StatefulSetStatus;
}

interface Members {
  /** By place, lowest ordinal first; `undefined` where there is none. */
  wanted: { ordinal: number; pod: Pod | undefined }[];
  /** Members past the wanted number, highest ordinal first. */
  condemned: Pod[];
}

/**
 * One step of a StatefulSet. Ordered sets take one step at a time, and none while a member before is
 * not in order: members come up from the lowest, go and are updated from the highest. Parallel sets
 * create and remove all at once, but are updated in turn all the same.
 */
export function decideStatefulSet(view: StatefulView): StatefulPlan {
  const members = membersOf(view);
  const plan: StatefulPlan = { create: [], remove: [], complete: [], status: statusOf(view) };
  if (isDeleting(view.set)) return plan;
  plan.complete = members.wanted.flatMap(({ pod }) =>
    pod !== undefined && !isDeleting(pod) && mayLackSomething(view.set, pod) ? pod : [],
  );
  const isOrdered = view.set.spec?.podManagementPolicy !== 'Parallel';
  if (raise(members, plan, { view, isOrdered })) return plan;
  if (lower(members, plan, { view, isOrdered })) return plan;
  if (view.set.spec?.updateStrategy?.type !== 'OnDelete') update(members, plan, view);
  return plan;
}

function membersOf(view: StatefulView): Members {
  const { set, pods } = view;
  const start = set.spec?.ordinals?.start ?? 0;
  const end = start + (set.spec?.replicas ?? 1);
  const byOrdinal = new Map<number, Pod>();
  for (const pod of pods) {
    const ordinal = ordinalOf(set, pod);
    if (ordinal !== undefined) byOrdinal.set(ordinal, pod);
  }
  const wanted: Members['wanted'] = [];
  for (let ordinal = start; ordinal < end; ordinal++) {
    wanted.push({ ordinal, pod: byOrdinal.get(ordinal) });
  }
  const outside = [...byOrdinal].filter(([ordinal]) => ordinal < start || ordinal >= end);
  const condemned = outside.sort(([a], [b]) => b - a).map(([, pod]) => pod);
  return { wanted, condemned };
}

/** A member that waits for its volumes may have lost a claim; one that was taken over may lack labels. */
const mayLackSomething = (set: StatefulSet, pod: Pod): boolean =>
  pod.status?.phase === 'Pending' || missingLabels(set, pod) !== undefined;

interface Pace {
  view: StatefulView;
  isOrdered: boolean;
}

const isWorking = (pod: Pod): boolean => pod.status?.phase === 'Running' && isReady(pod);

function isInOrder(pod: Pod, view: StatefulView): boolean {
  const minReady = view.set.spec?.minReadySeconds ?? 0;
  return !isDeleting(pod) && isWorking(pod) && isAvailable(pod, minReady, view.nowMs);
}

/** Creates missing members and replaces ended ones. @returns whether the pass ends here */
function raise(members: Members, plan: StatefulPlan, pace: Pace): boolean {
  const { view, isOrdered } = pace;
  for (const { ordinal, pod } of members.wanted) {
    if (!pod) plan.create.push({ ordinal, revision: revisionFor(view, ordinal) });
    else if (isFinished(pod) && !isDeleting(pod)) plan.remove.push(pod);
    else if (isInOrder(pod, view)) continue;
    if (isOrdered) return true;
  }
  return false;
}

/**
 * Members below the partition stay with the revision they had. So do those the update has not come
 * to yet: a member that is lost in the middle of an update comes back as it was.
 */
function revisionFor(view: StatefulView, ordinal: number): string {
  const { set } = view;
  if (set.spec?.updateStrategy?.type === 'OnDelete') return view.updateRevision;
  const start = set.spec?.ordinals?.start ?? 0;
  const rolling = set.spec?.updateStrategy?.rollingUpdate;
  const kept =
    rolling === undefined ? (set.status?.currentReplicas ?? 0) : (rolling.partition ?? 0);
  return ordinal < start + kept ? view.currentRevision : view.updateRevision;
}

/**
 * Takes members past the number away. In an ordered set one that does not work stops that, so that a
 * member is never taken away while another is lost already; only the lowest of those that do not work
 * may go, or a set that is broken could not be made smaller. @returns whether the pass ends here
 */
function lower(members: Members, plan: StatefulPlan, { view, isOrdered }: Pace): boolean {
  const lowestIll = members.condemned.findLast((pod) => isDeleting(pod) || !isWorking(pod));
  for (const pod of members.condemned) {
    const mayGo = !isDeleting(pod) && (isInOrder(pod, view) || pod === lowestIll);
    if (isOrdered && !mayGo) return true;
    if (!isDeleting(pod)) plan.remove.push(pod);
    if (isOrdered) return true;
  }
  return false;
}

/** The highest member of an old revision goes, if all above it are in order. */
function update(members: Members, plan: StatefulPlan, view: StatefulView): void {
  const start = view.set.spec?.ordinals?.start ?? 0;
  const partition = view.set.spec?.updateStrategy?.rollingUpdate?.partition ?? 0;
  for (const { ordinal, pod } of members.wanted.toReversed()) {
    if (ordinal < start + partition || !pod) return;
    if (revisionOf(pod) !== view.updateRevision) {
      if (!isDeleting(pod) && !plan.remove.includes(pod)) plan.remove.push(pod);
      return;
    }
    if (!isInOrder(pod, view)) return;
  }
}

function statusOf(view: StatefulView): StatefulSetStatus {
  const { set, pods, nowMs } = view;
  const minReady = set.spec?.minReadySeconds ?? 0;
  const members = pods.filter((pod) => ordinalOf(set, pod) !== undefined);
  const staying = members.filter((pod) => !isDeleting(pod));
  const working = members.filter(isWorking);
  const ofRevision = (name: string): number =>
    staying.filter((pod) => revisionOf(pod) === name).length;
  const { collisionCount } = set.status ?? {};
  const status: StatefulSetStatus = {
    observedGeneration: set.metadata.generation ?? 0,
    replicas: members.length,
    readyReplicas: working.length,
    availableReplicas: working.filter((pod) => isAvailable(pod, minReady, nowMs)).length,
    currentRevision: view.currentRevision,
    updateRevision: view.updateRevision,
    currentReplicas: ofRevision(view.currentRevision),
    updatedReplicas: ofRevision(view.updateRevision),
    ...(collisionCount === undefined ? {} : { collisionCount }),
  };
  return isUpdated(status, set) ? { ...status, ...concluded(status) } : status;
}

/** Every member has the new revision and works: from now on it is the current one. */
function isUpdated(status: StatefulSetStatus, set: StatefulSet): boolean {
  return (
    set.spec?.updateStrategy?.type !== 'OnDelete' &&
    status.currentRevision !== status.updateRevision &&
    status.updatedReplicas === status.replicas &&
    status.readyReplicas === status.replicas &&
    status.replicas === (set.spec?.replicas ?? 1)
  );
}

const concluded = (status: StatefulSetStatus): Partial<StatefulSetStatus> => ({
  currentRevision: status.updateRevision,
  currentReplicas: status.updatedReplicas,
});
