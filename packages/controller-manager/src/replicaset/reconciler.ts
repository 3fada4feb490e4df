import { isNotFound, matchesLabels, type Pod } from '@kubets/api';
import type { Informer, ResourceApi } from '@kubets/client';
import { claim } from '../host/claims.ts';
import {
  type Controller,
  type ControllerDeps,
  type KeyQueue,
  queueController,
} from '../host/controller.ts';
import { Expectations } from '../host/expectations.ts';
import { INDEX } from '../host/informers.ts';
import { failureText, isNamespaceTerminating, PodControl } from '../host/pod-control.ts';
import { forEachLimit, slowStart } from '../host/slow-start.ts';
import { REPLICA_BURST } from '../limits.ts';
import { sameJson } from '../objects/json.ts';
import {
  controllerRefOf,
  isDeleting,
  keyOf,
  labelsOf,
  namespaceOf,
  uidOf,
} from '../objects/meta.ts';
import { isActive } from '../objects/pods.ts';
import {
  decideReplicas,
  nextAvailableInMs,
  type ReplicaFailure,
  type ReplicaTarget,
  replicaStatus,
} from './decide.ts';
import { type ReplicaKind, type ReplicaOwner, templateOf } from './kinds.ts';

/** Keeps the pods of one kind of owner (ReplicaSet or ReplicationController) at their number. */
export function replicaController(deps: ControllerDeps, kind: ReplicaKind): Controller {
  const loop = new ReplicaLoop(deps, kind);
  return queueController({
    name: kind.controller,
    queueName: kind.queueName,
    deps,
    needs: [loop.owners, loop.pods],
    subscribe: (queue) => loop.subscribe(queue),
    reconcile: (key, queue) => loop.reconcile(key, queue),
  });
}

class ReplicaLoop {
  readonly owners: Informer<ReplicaOwner>;
  readonly pods: Informer<Pod>;
  readonly #deps: ControllerDeps;
  readonly #kind: ReplicaKind;
  readonly #ownerApi: ResourceApi<ReplicaOwner>;
  readonly #podApi: ResourceApi<Pod>;
  readonly #control: PodControl;
  readonly #expectations: Expectations;

  constructor(deps: ControllerDeps, kind: ReplicaKind) {
    this.#deps = deps;
    this.#kind = kind;
    this.owners = kind.informer(deps.informers);
    this.pods = deps.informers.pods;
    this.#ownerApi = deps.api.resource<ReplicaOwner>(kind.apiVersion, kind.resource);
    this.#podApi = deps.api.resource<Pod>('v1', 'pods');
    this.#control = new PodControl(this.#podApi, deps.recorder(kind.component));
    this.#expectations = new Expectations(deps.clock);
  }

  subscribe(queue: KeyQueue): (() => void)[] {
    const enqueue = (owner: ReplicaOwner): void => queue.add(keyOf(owner));
    const offOwners = this.owners.on({
      add: enqueue,
      update: (_old, owner) => enqueue(owner),
      delete: (owner) => {
        this.#expectations.forget(keyOf(owner));
        enqueue(owner);
      },
    });
    const offPods = this.pods.on({
      add: (pod) => this.#podAdded(pod, queue),
      update: (old, pod) => this.#podChanged(old, pod, queue),
      delete: (pod) => this.#podGone(pod, queue),
    });
    return [offOwners, offPods];
  }

  async reconcile(key: string, queue: KeyQueue): Promise<void> {
    const owner = this.owners.get(key);
    if (!owner) {
      this.#expectations.forget(key);
      return;
    }
    const settled = this.#expectations.satisfied(key);
    const active = await this.#claimPods(owner);
    const target = targetOf(owner);
    const failure = settled ? await this.#manage(owner, target, active) : undefined;
    await this.#writeStatus(owner, target, { active, failure });
    const waitMs = nextAvailableInMs(target, active, this.#deps.clock.now());
    if (waitMs !== undefined) queue.addAfter(key, waitMs);
    if (failure) throw failure.cause;
  }

  #podAdded(pod: Pod, queue: KeyQueue): void {
    if (isDeleting(pod)) {
      this.#podGone(pod, queue);
      return;
    }
    const key = this.#ownerKey(pod);
    if (key !== undefined) {
      this.#expectations.created(key);
      queue.add(key);
    } else if (!controllerRefOf(pod)) this.#enqueueSelecting(pod, queue);
  }

  #podChanged(old: Pod, pod: Pod, queue: KeyQueue): void {
    if (isDeleting(pod)) this.#podGone(pod, queue);
    const before = this.#ownerKey(old);
    const now = this.#ownerKey(pod);
    if (before !== undefined && before !== now) queue.add(before);
    if (now !== undefined) queue.add(now);
    else if (!controllerRefOf(pod)) this.#enqueueSelecting(pod, queue);
  }

  #podGone(pod: Pod, queue: KeyQueue): void {
    const key = this.#ownerKey(pod);
    if (key === undefined) return;
    this.#expectations.deleted(key, uidOf(pod));
    queue.add(key);
  }

  /** An orphan wakes every owner that would take it. */
  #enqueueSelecting(pod: Pod, queue: KeyQueue): void {
    for (const owner of this.owners.byIndex(INDEX.namespace, namespaceOf(pod))) {
      if (this.#selects(owner, pod)) queue.add(keyOf(owner));
    }
  }

  #selects(owner: ReplicaOwner, pod: Pod): boolean {
    const selector = this.#kind.selectorOf(owner);
    return selector !== undefined && matchesLabels(selector, labelsOf(pod));
  }

  #ownerKey(pod: Pod): string | undefined {
    const ref = controllerRefOf(pod);
    if (ref?.kind !== this.#kind.kind || ref.apiVersion !== this.#kind.apiVersion) return undefined;
    return `${namespaceOf(pod)}/${ref.name}`;
  }

  async #claimPods(owner: ReplicaOwner): Promise<Pod[]> {
    const pods = await claim<ReplicaOwner, Pod>({
      owner,
      kind: this.#kind,
      candidates: this.pods.byIndex(INDEX.namespace, namespaceOf(owner)).filter(isActive),
      selects: (pod) => this.#selects(owner, pod),
      owners: this.#ownerApi,
      objects: this.#podApi,
    });
    return pods.filter(isActive);
  }

  async #manage(
    owner: ReplicaOwner,
    target: ReplicaTarget,
    active: readonly Pod[],
  ): Promise<(ReplicaFailure & { cause: unknown }) | undefined> {
    const nowMs = this.#deps.clock.now();
    const related = active.length > target.replicas ? this.#related(owner) : [];
    const decision = decideReplicas(target, active, { related, nowMs, burst: REPLICA_BURST });
    if (decision.create > 0) return this.#create(owner, decision.create);
    return decision.delete.length > 0 ? this.#delete(owner, decision.delete) : undefined;
  }

  async #create(
    owner: ReplicaOwner,
    count: number,
  ): Promise<(ReplicaFailure & { cause: unknown }) | undefined> {
    const key = keyOf(owner);
    const template = templateOf(owner);
    if (!template) return undefined;
    this.#expectations.expectCreations(key, count);
    const { succeeded, error } = await slowStart(count, async () => {
      await this.#control.create(owner, this.#kind, template);
    });
    // What was not made will not be seen either.
    this.#expectations.created(key, count - succeeded);
    if (error === undefined || isNamespaceTerminating(error)) return undefined;
    return { reason: 'FailedCreate', message: failureText(error), cause: error };
  }

  async #delete(
    owner: ReplicaOwner,
    pods: readonly Pod[],
  ): Promise<(ReplicaFailure & { cause: unknown }) | undefined> {
    const key = keyOf(owner);
    this.#expectations.expectDeletions(key, pods.map(uidOf));
    const failures = await forEachLimit(pods, pods.length, async (pod) => {
      try {
        await this.#control.delete(owner, this.#kind, pod);
      } catch (error) {
        this.#expectations.deleted(key, uidOf(pod));
        throw error;
      }
    });
    const cause = failures[0];
    if (cause === undefined) return undefined;
    return { reason: 'FailedDelete', message: failureText(cause), cause };
  }

  /** Active pods of all sets under the same Deployment. */
  #related(owner: ReplicaOwner): Pod[] {
    const parent = controllerRefOf(owner)?.uid;
    const siblings = parent === undefined ? [owner] : this.owners.byIndex(INDEX.controller, parent);
    const pods = siblings.flatMap((set) => this.pods.byIndex(INDEX.controller, uidOf(set)));
    return pods.filter(isActive);
  }

  async #writeStatus(
    owner: ReplicaOwner,
    target: ReplicaTarget,
    outcome: { active: readonly Pod[]; failure: ReplicaFailure | undefined },
  ): Promise<void> {
    const { failure } = outcome;
    const status = replicaStatus(target, outcome.active, {
      conditions: owner.status?.conditions,
      failure: failure && { reason: failure.reason, message: failure.message },
      nowMs: this.#deps.clock.now(),
    });
    if (owner.status?.observedGeneration !== undefined && sameStatus(owner.status, status)) return;
    try {
      await this.#ownerApi.updateStatus({ ...owner, status });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

function targetOf(owner: ReplicaOwner): ReplicaTarget {
  return {
    replicas: owner.spec?.replicas ?? 1,
    minReadySeconds: owner.spec?.minReadySeconds ?? 0,
    generation: owner.metadata.generation ?? 0,
    templateLabels: templateOf(owner)?.metadata?.labels ?? {},
    isDeleting: isDeleting(owner),
  };
}

/** Zero counts may be left out by the server. */
function sameStatus(a: object, b: object): boolean {
  const plain = (status: object): unknown =>
    Object.fromEntries(Object.entries(status).filter(([, value]) => value !== 0));
  return sameJson(plain(a), plain(b));
}
