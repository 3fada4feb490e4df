import type { Pod } from '@kubets/api';
import { isMirror, namespaceOf, specOf, uidOf } from '../core/pod.ts';
import type { RuntimePodRef } from '../ports.ts';
import type { PodDeps } from './deps.ts';
import { PodWorker } from './pod-worker.ts';

/** The workers of all pods on the node, by uid. */
export class PodWorkers {
  readonly #workers = new Map<string, PodWorker>();
  #deps: PodDeps | undefined;

  /** Workers need things that call back into this object, so these come second. */
  connect(deps: PodDeps): void {
    this.#deps = deps;
  }

  get size(): number {
    return this.#workers.size;
  }

  /** A pod that was added or changed. */
  update(pod: Pod): void {
    if (isMirror(pod)) return;
    const uid = uidOf(pod);
    const known = this.#workers.get(uid);
    if (known !== undefined) known.update(pod);
    else this.#add(pod).update(pod);
  }

  /** A pod that is not in the API any more. */
  gone(pod: Pod): void {
    const worker = this.#workers.get(uidOf(pod));
    if (worker === undefined) return;
    if (worker.pod.metadata.deletionTimestamp === undefined) worker.update(pod);
    worker.end('gone');
  }

  /** Containers of a pod the API does not know: it was deleted while the kubelet was away. */
  orphan(ref: RuntimePodRef): void {
    if (this.#workers.has(ref.uid)) return;
    const metadata = { name: ref.name, namespace: ref.namespace, uid: ref.uid };
    this.#add({ apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [] } }).end('orphan');
  }

  /** Something happened to a pod's containers. @returns whether the pod is known here */
  trigger(uid: string): boolean {
    const worker = this.#workers.get(uid);
    worker?.trigger();
    return worker !== undefined;
  }

  has(uid: string): boolean {
    return this.#workers.has(uid);
  }

  pods(): Pod[] {
    return [...this.#workers.values()].map((worker) => worker.pod);
  }

  find(namespace: string, name: string): Pod | undefined {
    const named = this.pods().filter(
      (pod) => pod.metadata.name === name && namespaceOf(pod) === namespace,
    );
    // A pod that is going may share its name with its successor for a moment.
    return named.find((pod) => pod.metadata.deletionTimestamp === undefined) ?? named[0];
  }

  /** Pods that hold resources of the node, other than the given one. */
  neighbours(pod: Pod): Pod[] {
    const uid = uidOf(pod);
    const active = [...this.#workers.values()].filter((worker) => worker.active);
    return active.map((worker) => worker.pod).filter((other) => uidOf(other) !== uid);
  }

  stop(): void {
    for (const worker of this.#workers.values()) worker.stop();
  }

  #add(pod: Pod): PodWorker {
    if (this.#deps === undefined) throw new Error('connect() comes before the first pod');
    const worker = new PodWorker(this.#deps, pod, (uid) => this.#workers.delete(uid));
    this.#workers.set(uidOf(pod), worker);
    return worker;
  }
}

/** Is the pod this node's to run? */
export const isBoundTo = (pod: Pod, nodeName: string): boolean => specOf(pod).nodeName === nodeName;
