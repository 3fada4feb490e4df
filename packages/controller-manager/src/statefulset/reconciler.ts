import {
  type ControllerRevision,
  isAlreadyExists,
  isNotFound,
  labelSelectorOf,
  matchesLabels,
  type PersistentVolumeClaim,
  type Pod,
  type StatefulSet,
  type StatefulSetStatus,
} from '@kubets/api';
import type { EventRecorder, Informer, ResourceApi } from '@kubets/client';
import { StaleCacheError, UnfinishedError } from '../errors.ts';
import { templateOf } from '../history/revisions.ts';
import { RevisionStore } from '../history/store.ts';
import { claim } from '../host/claims.ts';
import {
  type Controller,
  type ControllerDeps,
  type KeyQueue,
  queueController,
} from '../host/controller.ts';
import { INDEX } from '../host/informers.ts';
import { failureText, isNamespaceTerminating } from '../host/pod-control.ts';
import { sameJson } from '../objects/json.ts';
import {
  controllerRefOf,
  isDeleting,
  keyOf,
  labelsOf,
  nameOf,
  namespaceOf,
  uidOf,
} from '../objects/meta.ts';
import { availableAtMs, isFinished } from '../objects/pods.ts';
import { decideStatefulSet, type StatefulPlan } from './decide.ts';
import {
  memberClaims,
  memberPod,
  missingLabels,
  ordinalOf,
  podName,
  revisionOf,
  STATEFUL_SET_KIND,
} from './identity.ts';
import { claimOwners } from './retention.ts';

/** Keeps the members of StatefulSets: each with its own name and volumes, changed one at a time. */
export function statefulSetController(deps: ControllerDeps): Controller {
  const loop = new StatefulLoop(deps);
  const { statefulSets, pods, controllerRevisions, claims } = deps.informers;
  return queueController({
    name: 'statefulset-controller',
    queueName: 'statefulset',
    deps,
    needs: [statefulSets, pods, controllerRevisions, claims],
    subscribe: (queue) => loop.subscribe(queue),
    reconcile: (key, queue) => loop.reconcile(key, queue),
  });
}

class StatefulLoop {
  readonly #deps: ControllerDeps;
  readonly #sets: Informer<StatefulSet>;
  readonly #pods: Informer<Pod>;
  readonly #claims: Informer<PersistentVolumeClaim>;
  readonly #setApi: ResourceApi<StatefulSet>;
  readonly #podApi: ResourceApi<Pod>;
  readonly #claimApi: ResourceApi<PersistentVolumeClaim>;
  readonly #events: EventRecorder;
  readonly #revisions: RevisionStore;

  constructor(deps: ControllerDeps) {
    this.#deps = deps;
    this.#sets = deps.informers.statefulSets;
    this.#pods = deps.informers.pods;
    this.#claims = deps.informers.claims;
    this.#setApi = deps.api.resource<StatefulSet>('apps/v1', 'statefulsets');
    this.#podApi = deps.api.resource<Pod>('v1', 'pods');
    this.#claimApi = deps.api.resource<PersistentVolumeClaim>('v1', 'persistentvolumeclaims');
    this.#events = deps.recorder('statefulset-controller');
    this.#revisions = new RevisionStore(deps, STATEFUL_SET_KIND);
  }

  subscribe(queue: KeyQueue): (() => void)[] {
    const wake = (pod: Pod): void => {
      const ref = controllerRefOf(pod);
      if (ref?.kind === STATEFUL_SET_KIND.kind && ref.apiVersion === STATEFUL_SET_KIND.apiVersion) {
        queue.add(`${namespaceOf(pod)}/${ref.name}`);
      } else if (!ref) {
        for (const set of this.#sets.byIndex(INDEX.namespace, namespaceOf(pod))) {
          if (belongs(set, pod)) queue.add(keyOf(set));
        }
      }
    };
    return [
      this.#sets.on({
        add: (set) => queue.add(keyOf(set)),
        update: (_old, set) => queue.add(keyOf(set)),
      }),
      this.#pods.on({ add: wake, update: (_old, pod) => wake(pod), delete: wake }),
    ];
  }

  async reconcile(key: string, queue: KeyQueue): Promise<void> {
    const set = this.#sets.get(key);
    if (!set?.spec || isDeleting(set)) return;
    const update = await this.#revisions.ensure(
      set,
      { template: set.spec.template, collisionCount: set.status?.collisionCount },
      (collisionCount) => this.#writeStatus(set, { replicas: 0, ...set.status, collisionCount }),
    );
    const current = this.#currentRevision(set, update);
    const pods = await this.#claimPods(set);
    const plan = decideStatefulSet({
      set,
      pods,
      currentRevision: nameOf(current),
      updateRevision: nameOf(update),
      nowMs: this.#deps.clock.now(),
    });
    await this.#writeStatus(set, plan.status);
    // Before members go: their claims have to know by then whether they follow.
    await this.#ownClaims(set, pods);
    await this.#carryOut(set, plan, [current, update]);
    const inUse = new Set([nameOf(current), nameOf(update), ...pods.map(revisionOf)]);
    const limit = set.spec.revisionHistoryLimit ?? 10;
    await this.#revisions.prune(set, (revision) => inUse.has(nameOf(revision)), limit);
    this.#wakeForMinReady(set, pods, queue);
  }

  /** What the status calls current, as long as it exists; a new set begins with its first template. */
  #currentRevision(set: StatefulSet, update: ControllerRevision): ControllerRevision {
    const name = set.status?.currentRevision;
    return this.#revisions.of(set).find((revision) => nameOf(revision) === name) ?? update;
  }

  async #claimPods(set: StatefulSet): Promise<Pod[]> {
    return claim<StatefulSet, Pod>({
      owner: set,
      kind: STATEFUL_SET_KIND,
      candidates: this.#pods.byIndex(INDEX.namespace, namespaceOf(set)),
      selects: (pod) => belongs(set, pod),
      owners: this.#setApi,
      objects: this.#podApi,
    });
  }

  async #carryOut(
    set: StatefulSet,
    plan: StatefulPlan,
    revisions: readonly ControllerRevision[],
  ): Promise<void> {
    for (const pod of plan.complete) await this.#complete(set, pod);
    for (const pod of plan.remove) await this.#remove(set, pod);
    for (const { ordinal, revision } of plan.create) {
      const found = revisions.find((one) => nameOf(one) === revision);
      const template = found && templateOf(found);
      if (!template) throw new StaleCacheError(`revision ${revision} is not visible`);
      for (const wanted of memberClaims(set, ordinal)) {
        await this.#ensureClaim(set, wanted, podName(set, ordinal));
      }
      await this.#create(set, memberPod(set, ordinal, { template, revision }));
    }
  }

  /** A member that waits for a claim which is not there, or that does not carry its name and number. */
  async #complete(set: StatefulSet, pod: Pod): Promise<void> {
    const ordinal = ordinalOf(set, pod) ?? 0;
    if (pod.status?.phase === 'Pending') {
      for (const wanted of memberClaims(set, ordinal)) {
        if (this.#claims.get(keyOf(wanted))) continue;
        await this.#ensureClaim(set, wanted, nameOf(pod));
      }
    }
    const labels = missingLabels(set, pod);
    if (labels === undefined) return;
    const body = { metadata: { uid: uidOf(pod), labels } };
    await this.#podApi.patch(namespaceOf(pod), nameOf(pod), 'merge', body);
  }

  /** Names are fixed, so a member made twice is refused by the API itself. */
  async #create(set: StatefulSet, pod: Pod): Promise<void> {
    const what = `Pod ${nameOf(pod)} in StatefulSet ${nameOf(set)}`;
    try {
      await this.#podApi.create(pod);
      this.#tell(set, 'Normal', 'SuccessfulCreate', `create ${what} successful`);
    } catch (error) {
      if (isNamespaceTerminating(error)) return;
      if (isAlreadyExists(error)) throw new StaleCacheError(`${what} exists`);
      const message = `create ${what} failed error: ${failureText(error)}`;
      this.#tell(set, 'Warning', 'FailedCreate', message);
      throw error;
    }
  }

  async #remove(set: StatefulSet, pod: Pod): Promise<void> {
    const what = `Pod ${nameOf(pod)} in StatefulSet ${nameOf(set)}`;
    if (isFinished(pod)) this.#tellRecreation(set, pod);
    try {
      const preconditions = { uid: uidOf(pod) };
      await this.#podApi.delete(namespaceOf(pod), nameOf(pod), { preconditions });
      this.#tell(set, 'Normal', 'SuccessfulDelete', `delete ${what} successful`);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  #tellRecreation(set: StatefulSet, pod: Pod): void {
    const isFailure = pod.status?.phase === 'Failed';
    const what = isFailure ? 'failed' : 'terminated';
    const message = `StatefulSet ${keyOf(set)} is recreating ${what} Pod ${nameOf(pod)}`;
    if (isFailure) this.#tell(set, 'Warning', 'RecreatingFailedPod', message);
    else this.#tell(set, 'Normal', 'RecreatingTerminatedPod', message);
  }

  async #ownClaims(set: StatefulSet, pods: readonly Pod[]): Promise<void> {
    for (const pod of pods) {
      for (const { metadata } of memberClaims(set, ordinalOf(set, pod) ?? 0)) {
        const seen = this.#claims.get(keyOf({ metadata }));
        if (!seen || isDeleting(seen) || !claimOwners(set, pod, seen)) continue;
        const claim = await this.#claimApi.get(namespaceOf(seen), nameOf(seen));
        const ownerReferences = claimOwners(set, pod, claim);
        if (!ownerReferences) continue;
        await this.#claimApi.update({ ...claim, metadata: { ...claim.metadata, ownerReferences } });
      }
    }
  }

  async #ensureClaim(
    set: StatefulSet,
    wanted: PersistentVolumeClaim,
    member: string,
  ): Promise<void> {
    try {
      const claim = await this.#claimApi.get(namespaceOf(wanted), nameOf(wanted));
      const owners = claim.metadata.ownerReferences ?? [];
      const follows = owners.some((ref) => ref.kind === 'Pod' && ref.name === member);
      if (!isDeleting(claim) && !follows) return;
      // Its successor has to wait for its end: a member must not begin with data that is going away.
      throw new UnfinishedError(`claim ${nameOf(claim)} is being deleted`);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    try {
      await this.#claimApi.create(wanted);
      const what = `Claim ${nameOf(wanted)} Pod ${member} in StatefulSet ${nameOf(set)}`;
      const message = `create ${what} success`;
      this.#tell(set, 'Normal', 'SuccessfulCreate', message);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
  }

  async #writeStatus(set: StatefulSet, status: StatefulSetStatus): Promise<void> {
    if (set.status?.observedGeneration !== undefined && sameStatus(set.status, status)) return;
    try {
      await this.#setApi.updateStatus({ ...set, status: { ...set.status, ...status } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  #wakeForMinReady(set: StatefulSet, pods: readonly Pod[], queue: KeyQueue): void {
    const minReady = set.spec?.minReadySeconds ?? 0;
    const nowMs = this.#deps.clock.now();
    const later = pods
      .map((pod) => availableAtMs(pod, minReady) ?? 0)
      .filter((availableMs) => availableMs > nowMs);
    if (minReady > 0 && later.length > 0) queue.addAfter(keyOf(set), Math.min(...later) - nowMs);
  }

  #tell(set: StatefulSet, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#events.event({ ...set, ...STATEFUL_SET_KIND }, type, reason, message);
  }
}

/** A pod with matching labels is a member only if its name is one of the set's. */
function belongs(set: StatefulSet, pod: Pod): boolean {
  const selector = set.spec?.selector;
  if (selector === undefined || ordinalOf(set, pod) === undefined) return false;
  return matchesLabels(labelSelectorOf(selector), labelsOf(pod));
}

/** Zero counts may be left out by the server. */
function sameStatus(a: StatefulSetStatus, b: StatefulSetStatus): boolean {
  const plain = (status: StatefulSetStatus): unknown => {
    const { conditions: _conditions, ...counts } = status;
    return Object.fromEntries(Object.entries(counts).filter(([, value]) => value !== 0));
  };
  return sameJson(plain(a), plain(b));
}
