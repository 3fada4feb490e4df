import type { PodInfo } from './pod-info.ts';

/** Pods for which others were told to go, and the nodes they wait for. What is freed there is kept for them. */
export class Nominations {
  readonly #pods = new Map<string, { pod: PodInfo; node: string }>();
  readonly #byNode = new Map<string, Map<string, PodInfo>>();

  get size(): number {
    return this.#pods.size;
  }

  set(pod: PodInfo, node: string): void {
    this.delete(pod.uid);
    this.#pods.set(pod.uid, { pod, node });
    const there = this.#byNode.get(node) ?? new Map<string, PodInfo>();
    this.#byNode.set(node, there);
    there.set(pod.uid, pod);
  }

  delete(uid: string): void {
    const known = this.#pods.get(uid);
    if (known === undefined) return;
    this.#pods.delete(uid);
    const there = this.#byNode.get(known.node);
    there?.delete(uid);
    if (there?.size === 0) this.#byNode.delete(known.node);
  }

  nodeOf(uid: string): string | undefined {
    return this.#pods.get(uid)?.node;
  }

  /** The pods that wait for a node. */
  on(node: string): PodInfo[] {
    return [...(this.#byNode.get(node)?.values() ?? [])];
  }
}
