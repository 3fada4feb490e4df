import { isDeepStrictEqual } from 'node:util';
import { type KubeObject, type Node, objectKey, type Pod } from '@kubets/api';
import type { Informer } from '@kubets/client';
import type { ClusterState } from '../core/cluster-state.ts';
import type { Nominations } from '../core/nominations.ts';
import { type PodInfo, podInfo } from '../core/pod-info.ts';
import { VOLUME_BINDING } from '../core/volumes.ts';
import { WIDE_FILTERS } from '../filters/index.ts';
import { NODE_VOLUME_LIMITS } from '../filters/volume-limits.ts';
import { VOLUME_RESTRICTIONS } from '../filters/volume-restrictions.ts';
import type { QueuedPod, SchedulingQueue } from '../queue/scheduling-queue.ts';
import type { Profiles } from './profiles.ts';
import type { Watched } from './watched.ts';

export interface ClusterFeedOptions {
  readonly watched: Watched;
  readonly state: ClusterState;
  readonly profiles: Profiles;
  readonly queue: SchedulingQueue;
  readonly nominations: Nominations;
  /** There may be something to do. */
  onWork(): void;
  /** Claims, volumes or classes changed. */
  onVolumes(): void;
}

const isAssigned = (pod: Pod): boolean => (pod.spec?.nodeName ?? '') !== '';
const isOver = ({ status }: Pod): boolean =>
  status?.phase === 'Succeeded' || status?.phase === 'Failed';
const isGated = (pod: Pod): boolean => (pod.spec?.schedulingGates ?? []).length > 0;

/** Whether two states of a pod look the same to scheduling. */
function samePod(left: Pod, right: Pod): boolean {
  return (
    left.metadata.uid === right.metadata.uid &&
    left.metadata.deletionTimestamp === right.metadata.deletionTimestamp &&
    left.status?.startTime === right.status?.startTime &&
    isOver(left) === isOver(right) &&
    isDeepStrictEqual(left.metadata.labels, right.metadata.labels) &&
    isDeepStrictEqual(left.spec, right.spec)
  );
}

/** Whether two states of a node look the same to scheduling: heartbeats do. */
function sameNode(left: Node, right: Node): boolean {
  return (
    isDeepStrictEqual(left.status?.allocatable, right.status?.allocatable) &&
    isDeepStrictEqual(left.metadata.labels, right.metadata.labels) &&
    isDeepStrictEqual(left.spec?.taints, right.spec?.taints) &&
    left.spec?.unschedulable === right.spec?.unschedulable
  );
}

/** Whether pods anywhere may change a rejection. */
const rejectedWide = ({ rejectedBy }: QueuedPod): boolean =>
  WIDE_FILTERS.some((plugin) => rejectedBy.has(plugin));
/** What depends on claims, volumes, their classes and drivers. */
const VOLUME_FILTERS = [VOLUME_BINDING, VOLUME_RESTRICTIONS, NODE_VOLUME_LIMITS];

/** Brings what the informers see into state and queue, and wakes the pods a change could help. */
export class ClusterFeed {
  readonly #options: ClusterFeedOptions;
  /** Pods given a node here that the API does not show there yet. */
  readonly #assumed = new Set<string>();

  constructor(options: ClusterFeedOptions) {
    this.#options = options;
  }

  /** Begins to listen. */
  attach(): void {
    const { watched, state } = this.#options;
    watched.namespaces.on({
      add: (namespace) => state.setNamespace(namespace),
      update: (_, namespace) => state.setNamespace(namespace),
      delete: ({ metadata }) => state.dropNamespace(metadata.name ?? ''),
    });
    watched.nodes.on({
      add: (node) => this.#onNode(undefined, node),
      update: (old, node) => this.#onNode(old, node),
      delete: (node) => this.#onNodeGone(node),
    });
    const { volumes } = state;
    this.#keep(watched.claims, volumes.claims);
    this.#keep(watched.volumes, volumes.volumes);
    this.#keep(watched.storageClasses, volumes.classes);
    this.#keep(watched.csiNodes, volumes.csiNodes);
    this.#keep(watched.drivers, volumes.drivers);
    this.#keep(watched.capacities, volumes.capacities);
    this.#keep(watched.attachments, volumes.attachments);
    watched.pods.on({
      add: (pod) => this.#onPod(undefined, pod),
      update: (old, pod) => this.#onPod(old, pod),
      delete: (pod) => this.#onPodGone(pod),
    });
  }

  /** Follows what pods with claims wait for. */
  #keep<T extends KubeObject>(informer: Informer<T>, into: Map<string, T>): void {
    const changed = (): void => {
      const { queue, onWork, onVolumes } = this.#options;
      queue.wake(({ rejectedBy }) => VOLUME_FILTERS.some((one) => rejectedBy.has(one)));
      onVolumes();
      onWork();
    };
    const set = (object: T): void => {
      into.set(objectKey(object), object);
      changed();
    };
    informer.on({
      add: set,
      update: (_old, object) => set(object),
      delete: (object) => {
        into.delete(objectKey(object));
        changed();
      },
    });
  }

  /** Counts a pod on the node chosen for it, before the API knows. */
  assume(pod: PodInfo, node: string): void {
    this.#assumed.add(pod.uid);
    this.#options.state.place(pod, node);
  }

  /** Takes that back. @returns false when the API meanwhile showed the pod there, or gone */
  forget(pod: PodInfo): boolean {
    if (!this.#assumed.delete(pod.uid)) return false;
    const node = this.#options.state.remove(pod.uid);
    if (node !== undefined) this.#roomOn(node);
    return true;
  }

  #onNode(old: Node | undefined, node: Node): void {
    const { state, queue, onWork } = this.#options;
    if (old !== undefined && sameNode(old, node)) {
      // Images only make a node more or less welcome.
      if (!isDeepStrictEqual(old.status?.images, node.status?.images)) state.setNode(node);
      return;
    }
    const { name } = state.setNode(node);
    queue.wake(({ info }) => this.#couldRunOn(info, name));
    onWork();
  }

  #couldRunOn(info: PodInfo, node: string): boolean {
    return this.#options.profiles.of(info).core.couldRunOn(info, node);
  }

  #onNodeGone(node: Node): void {
    const { state, queue, onWork } = this.#options;
    state.dropNode(node.metadata.name ?? '');
    // With the emptiest domain gone, others may no longer be ahead of it.
    queue.wake(rejectedWide);
    onWork();
  }

  #onPod(old: Pod | undefined, pod: Pod): void {
    if (old !== undefined && samePod(old, pod)) {
      this.#refresh(pod);
      return;
    }
    if (old !== undefined && old.metadata.uid !== pod.metadata.uid) this.#onPodGone(old);
    if (isOver(pod)) this.#onPodGone(pod);
    else if (isAssigned(pod)) this.#onAssigned(pod);
    else this.#onUnassigned(pod);
  }

  #onUnassigned(pod: Pod): void {
    const { queue, state, nominations, profiles, onWork } = this.#options;
    const ours = profiles.named(pod.spec?.schedulerName) !== undefined;
    const key = `${pod.metadata.namespace}/${pod.metadata.name}`;
    if (!ours || isGated(pod) || pod.metadata.deletionTimestamp !== undefined) {
      queue.delete(key);
    } else if (!this.#assumed.has(pod.metadata.uid ?? '')) {
      const info = podInfo(pod, state.names);
      // From an earlier leader, or this one before it was started again.
      const nominated = pod.status?.nominatedNodeName;
      if (nominated && nominations.nodeOf(info.uid) === undefined) nominations.set(info, nominated);
      queue.add(info);
      onWork();
    }
  }

  /** Statuses change often: the queue keeps the newest state for its decisions about conditions. */
  #refresh(pod: Pod): void {
    const { queue, state } = this.#options;
    const key = `${pod.metadata.namespace}/${pod.metadata.name}`;
    if (!isAssigned(pod) && queue.has(key)) queue.refresh(podInfo(pod, state.names));
  }

  #onAssigned(pod: Pod): void {
    const { state, queue, nominations, onWork } = this.#options;
    const info = podInfo(pod, state.names);
    this.#assumed.delete(info.uid);
    queue.delete(info.key);
    nominations.delete(info.uid);
    state.place(info, pod.spec?.nodeName ?? '');
    queue.wake(
      ({ rejectedBy }) => rejectedBy.has('InterPodAffinity') || rejectedBy.has('PodTopologySpread'),
    );
    onWork();
  }

  #onPodGone(pod: Pod): void {
    const { state, queue, nominations } = this.#options;
    const uid = pod.metadata.uid ?? '';
    this.#assumed.delete(uid);
    nominations.delete(uid);
    queue.delete(`${pod.metadata.namespace}/${pod.metadata.name}`);
    const node = state.remove(uid);
    if (node !== undefined) this.#roomOn(node);
  }

  #roomOn(node: string): void {
    const { queue, onWork } = this.#options;
    queue.wake((pod) => rejectedWide(pod) || this.#couldRunOn(pod.info, node));
    onWork();
  }
}
