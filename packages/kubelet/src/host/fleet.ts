import type { Pod, Service } from '@kubets/api';
import { type Api, Informer } from '@kubets/client';
import type { Clock, Logger, Random } from '@kubets/platform';
import { specOf } from '../core/pod.ts';
import type { ClaimPlace, ContainerRuntime, DoorPod } from '../ports.ts';
import type { KubeletNode } from './kubelet-node.ts';
import type { ProbeCount } from './probes/prober.ts';

export interface FleetOptions {
  readonly api: Api;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly nodeNames: readonly string[];
}

interface Member {
  readonly node: KubeletNode;
  readonly runtime: ContainerRuntime;
}

/** All nodes of this process: one watch on pods feeds them all. */
export class Fleet {
  readonly #members = new Map<string, Member>();
  readonly #pods: Informer<Pod>;
  readonly #services: Informer<Service>;

  constructor(options: FleetOptions) {
    const { api, clock, random, log, nodeNames } = options;
    const common = { api, gv: 'v1', clock, random, log };
    const [only] = nodeNames;
    // One node asks for its own pods; many would ask the same question many times, so they ask for all.
    const fieldSelector = nodeNames.length === 1 ? `spec.nodeName=${only}` : 'spec.nodeName!=';
    this.#pods = new Informer<Pod>({ ...common, resource: 'pods', fieldSelector });
    this.#services = new Informer<Service>({ ...common, resource: 'services' });
  }

  add(name: string, member: Member): void {
    this.#members.set(name, member);
  }

  services = (): readonly Service[] => this.#services.list();

  /** Registers the nodes at once; pods follow as soon as they are known. */
  start(): void {
    const nodeOf = (pod: Pod): KubeletNode | undefined =>
      this.#members.get(specOf(pod).nodeName ?? '')?.node;
    this.#services.start();
    this.#pods.start();
    for (const { node } of this.#members.values()) node.start();
    // The first pods of the node must find the Services in their environment.
    void Promise.all([this.#pods.whenSynced(), this.#services.whenSynced()]).then(() => {
      this.#pods.on({
        add: (pod) => nodeOf(pod)?.update(pod),
        update: (_old, pod) => nodeOf(pod)?.update(pod),
        delete: (pod) => nodeOf(pod)?.gone(pod),
      });
      for (const pod of this.#pods.list()) nodeOf(pod)?.update(pod);
      for (const { node } of this.#members.values()) void node.adopt();
    });
  }

  synced(): boolean {
    return this.#pods.synced() && this.#services.synced();
  }

  find(namespace: string, name: string): DoorPod | undefined {
    for (const [nodeName, { node, runtime }] of this.#members) {
      const pod = node.workers.find(namespace, name);
      if (pod !== undefined) return { pod, nodeName, runtime };
    }
    return undefined;
  }

  all(): DoorPod[] {
    return [...this.#members].flatMap(([nodeName, { node, runtime }]) =>
      node.workers.pods().map((pod) => ({ pod, nodeName, runtime })),
    );
  }

  /** Where the volumes of all pods' claims are. */
  *claims(): Iterable<ClaimPlace> {
    for (const { node } of this.#members.values()) yield* node.claims();
  }

  /** How the probes of all pods went. */
  *probeCounts(): Iterable<ProbeCount> {
    for (const { node } of this.#members.values()) yield* node.probeCounts();
  }

  /** What is wrong with the first node that is not well; undefined: all are. */
  async fault(): Promise<string | undefined> {
    for (const [name, { node }] of this.#members) {
      const fault = await node.agent.fault();
      if (fault !== undefined) return `${name}: ${fault}`;
    }
    return undefined;
  }

  async stop(): Promise<void> {
    this.#pods.stop();
    this.#services.stop();
    for (const { node, runtime } of this.#members.values()) {
      await node.stop();
      runtime.close();
    }
  }
}
