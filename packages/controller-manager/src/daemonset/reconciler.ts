import {
  type DaemonSet,
  type DaemonSetStatus,
  isNotFound,
  labelSelectorOf,
  matchesLabels,
  type Node,
  type Pod,
} from '@kubets/api';
import type { EventRecorder, Informer, ResourceApi } from '@kubets/client';
import { hashOf, REVISION_HASH_LABEL } from '../history/revisions.ts';
import { RevisionStore } from '../history/store.ts';
import { claim } from '../host/claims.ts';
import {
  type Controller,
  type ControllerDeps,
  type KeyQueue,
  queueController,
} from '../host/controller.ts';
import { Expectations } from '../host/expectations.ts';
import { INDEX } from '../host/informers.ts';
import { isNamespaceTerminating, PodControl } from '../host/pod-control.ts';
import { forEachLimit, slowStart } from '../host/slow-start.ts';
import { DAEMON_BACKOFF_MAX_MS, DAEMON_BACKOFF_MS, DAEMON_BURST } from '../limits.ts';
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
import { availableAtMs } from '../objects/pods.ts';
import { type DaemonPlan, decideDaemonSet } from './decide.ts';
import { targetNode } from './nodes.ts';
import { DAEMON_SET_KIND, daemonPod } from './pod.ts';

/** Keeps one pod of each DaemonSet on every node that should have one. */
export function daemonSetController(deps: ControllerDeps): Controller {
  const loop = new DaemonLoop(deps);
  const { daemonSets, pods, nodes, controllerRevisions } = deps.informers;
  return queueController({
    name: 'daemonset-controller',
    queueName: 'daemonset',
    deps,
    needs: [daemonSets, pods, nodes, controllerRevisions],
    subscribe: (queue) => loop.subscribe(queue),
    reconcile: (key, queue) => loop.reconcile(key, queue),
  });
}

class DaemonLoop {
  readonly #deps: ControllerDeps;
  readonly #sets: Informer<DaemonSet>;
  readonly #pods: Informer<Pod>;
  readonly #setApi: ResourceApi<DaemonSet>;
  readonly #podApi: ResourceApi<Pod>;
  readonly #events: EventRecorder;
  readonly #control: PodControl;
  readonly #revisions: RevisionStore;
  readonly #expectations: Expectations;
  readonly #failures = new Map<string, { count: number; lastMs: number }>();

  constructor(deps: ControllerDeps) {
    this.#deps = deps;
    this.#sets = deps.informers.daemonSets;
    this.#pods = deps.informers.pods;
    this.#setApi = deps.api.resource<DaemonSet>('apps/v1', 'daemonsets');
    this.#podApi = deps.api.resource<Pod>('v1', 'pods');
    this.#events = deps.recorder('daemonset-controller');
    this.#control = new PodControl(this.#podApi, this.#events);
    this.#revisions = new RevisionStore(deps, DAEMON_SET_KIND);
    this.#expectations = new Expectations(deps.clock);
  }

  subscribe(queue: KeyQueue): (() => void)[] {
    const enqueue = (ds: DaemonSet): void => queue.add(keyOf(ds));
    const everySet = (): void => {
      for (const ds of this.#sets.list()) queue.add(keyOf(ds));
    };
    const ownerKey = (pod: Pod): string | undefined => {
      const ref = controllerRefOf(pod);
      const isOurs = ref?.kind === 'DaemonSet' && ref.apiVersion === DAEMON_SET_KIND.apiVersion;
      return isOurs ? `${namespaceOf(pod)}/${ref.name}` : undefined;
    };
    const offPods = this.#pods.on({
      add: (pod) => {
        const key = ownerKey(pod);
        if (key === undefined) return this.#wakeSelecting(pod, queue);
        this.#expectations.created(key);
        queue.add(key);
      },
      update: (_old, pod) => {
        const key = ownerKey(pod);
        if (key === undefined) return this.#wakeSelecting(pod, queue);
        if (isDeleting(pod)) this.#expectations.deleted(key, uidOf(pod));
        queue.add(key);
      },
      delete: (pod) => {
        const key = ownerKey(pod);
        if (key === undefined) return;
        this.#expectations.deleted(key, uidOf(pod));
        queue.add(key);
      },
    });
    const offNodes = this.#deps.informers.nodes.on({
      add: everySet,
      update: (old, node) => {
        if (!sameJson(placementFacts(old), placementFacts(node))) everySet();
      },
      delete: everySet,
    });
    const offSets = this.#sets.on({
      add: enqueue,
      update: (_old, ds) => enqueue(ds),
      delete: (ds) => this.#expectations.forget(keyOf(ds)),
    });
    return [offPods, offNodes, offSets];
  }

  async reconcile(key: string, queue: KeyQueue): Promise<void> {
    const ds = this.#sets.get(key);
    if (!ds?.spec || isDeleting(ds)) return;
    const revision = await this.#revisions.ensure(
      ds,
      { template: ds.spec.template, collisionCount: ds.status?.collisionCount },
      (collisionCount) => this.#writeStatus(ds, { ...emptyStatus(ds), collisionCount }),
    );
    const settled = this.#expectations.satisfied(key);
    const pods = await this.#claimPods(ds);
    const nowMs = this.#deps.clock.now();
    const nodes = this.#deps.informers.nodes.list();
    const hash = hashOf(revision);
    const plan = decideDaemonSet({ daemonSet: ds, nodes, pods, hash, nowMs });
    if (settled) await this.#carryOut(ds, plan, { hash, queue });
    await this.#writeStatus(ds, plan.status);
    const inUse = new Set([hash, ...pods.map((pod) => labelsOf(pod)[REVISION_HASH_LABEL] ?? '')]);
    const limit = ds.spec.revisionHistoryLimit ?? 10;
    await this.#revisions.prune(ds, (r) => inUse.has(hashOf(r)), limit);
    this.#wakeForMinReady(ds, pods, queue);
  }

  async #claimPods(ds: DaemonSet): Promise<Pod[]> {
    return claim<DaemonSet, Pod>({
      owner: ds,
      kind: DAEMON_SET_KIND,
      candidates: this.#pods.byIndex(INDEX.namespace, namespaceOf(ds)),
      selects: (pod) => selects(ds, pod),
      owners: this.#setApi,
      objects: this.#podApi,
    });
  }

  #wakeSelecting(pod: Pod, queue: KeyQueue): void {
    if (controllerRefOf(pod)) return;
    for (const ds of this.#sets.byIndex(INDEX.namespace, namespaceOf(pod))) {
      if (selects(ds, pod)) queue.add(keyOf(ds));
    }
  }

  async #carryOut(
    ds: DaemonSet,
    plan: DaemonPlan,
    facts: { hash: string; queue: KeyQueue },
  ): Promise<void> {
    const key = keyOf(ds);
    const failed = plan.failed.filter((pod) => this.#mayRetry(ds, pod, facts.queue));
    for (const pod of plan.succeeded) this.#tellSuccess(ds, pod);
    const remove = [...plan.remove, ...failed, ...plan.succeeded].slice(0, DAEMON_BURST);
    if (remove.length > 0) {
      this.#expectations.expectDeletions(key, remove.map(uidOf));
      const failures = await forEachLimit(remove, remove.length, async (pod) => {
        try {
          await this.#control.delete(ds, DAEMON_SET_KIND, pod);
        } catch (error) {
          this.#expectations.deleted(key, uidOf(pod));
          throw error;
        }
      });
      if (failures.length > 0) throw failures[0];
    }
    const create = plan.create.slice(0, DAEMON_BURST);
    if (create.length === 0) return;
    this.#expectations.expectCreations(key, create.length);
    let next = 0;
    const { succeeded, error } = await slowStart(create.length, async () => {
      const pod = daemonPod(ds, create[next++] ?? '', facts.hash);
      await this.#control.createPod(ds, DAEMON_SET_KIND, pod);
    });
    this.#expectations.created(key, create.length - succeeded);
    if (error !== undefined && !isNamespaceTerminating(error)) throw error;
  }

  /** A daemon that keeps failing is replaced at longer and longer intervals. */
  #mayRetry(ds: DaemonSet, pod: Pod, queue: KeyQueue): boolean {
    const node = targetNode(pod);
    const id = `${uidOf(ds)}/${node}`;
    const nowMs = this.#deps.clock.monotonicMs();
    const { count = 0, lastMs = 0 } = this.#failures.get(id) ?? {};
    const waitMs = Math.min(
      DAEMON_BACKOFF_MAX_MS,
      DAEMON_BACKOFF_MS * 2 ** Math.min(count - 1, 20),
    );
    // Long quiet: the trouble before was another one.
    const isOld = nowMs - lastMs > 2 * DAEMON_BACKOFF_MAX_MS;
    if (count > 0 && !isOld && nowMs - lastMs < waitMs) {
      queue.addAfter(keyOf(ds), waitMs - (nowMs - lastMs));
      return false;
    }
    this.#failures.set(id, { count: isOld ? 1 : count + 1, lastMs: nowMs });
    const message = `Found failed daemon pod ${keyOf(pod)} on node ${node}, will try to kill it`;
    this.#events.event({ ...ds, ...DAEMON_SET_KIND }, 'Warning', 'FailedDaemonPod', message);
    return true;
  }

  #tellSuccess(ds: DaemonSet, pod: Pod): void {
    const node = targetNode(pod);
    const message = `Found succeeded daemon pod ${keyOf(pod)} on node ${node}, will try to delete it`;
    this.#events.event({ ...ds, ...DAEMON_SET_KIND }, 'Normal', 'SucceededDaemonPod', message);
  }

  async #writeStatus(ds: DaemonSet, status: DaemonSetStatus): Promise<void> {
    if (ds.status?.observedGeneration !== undefined && sameStatus(ds.status, status)) return;
    try {
      await this.#setApi.updateStatus({ ...ds, status: { ...ds.status, ...status } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  #wakeForMinReady(ds: DaemonSet, pods: readonly Pod[], queue: KeyQueue): void {
    const minReady = ds.spec?.minReadySeconds ?? 0;
    const nowMs = this.#deps.clock.now();
    const later = pods
      .map((pod) => availableAtMs(pod, minReady) ?? 0)
      .filter((availableMs) => availableMs > nowMs);
    if (minReady > 0 && later.length > 0) queue.addAfter(keyOf(ds), Math.min(...later) - nowMs);
  }
}

function selects(ds: DaemonSet, pod: Pod): boolean {
  const selector = ds.spec?.selector;
  return selector !== undefined && matchesLabels(labelSelectorOf(selector), labelsOf(pod));
}

/** What of a node decides which daemons it gets; heartbeats do not. */
const placementFacts = (node: Node): unknown => [nameOf(node), labelsOf(node), node.spec?.taints];

function emptyStatus(ds: DaemonSet): DaemonSetStatus {
  const counts = { currentNumberScheduled: 0, desiredNumberScheduled: 0 };
  return { ...counts, numberMisscheduled: 0, numberReady: 0, ...ds.status };
}

/** Zero counts may be left out by the server. */
function sameStatus(a: DaemonSetStatus, b: DaemonSetStatus): boolean {
  const plain = (status: DaemonSetStatus): unknown => {
    const { conditions: _conditions, ...counts } = status;
    return Object.fromEntries(Object.entries(counts).filter(([, value]) => value !== 0));
  };
  return sameJson(plain(a), plain(b));
}
