/** Follows the nodes of the cluster and keeps this node's way to their pods. */
import type { Node } from '@kubets/api';
import { type Api, Informer, WorkQueue } from '@kubets/client';
import { type Clock, errorMessage, type Logger, type Random } from '@kubets/platform';
import { NETWORK_RESYNC_MS, NETWORK_RETRY_MS, NETWORK_SETTLE_MS } from './limits.ts';
import { type PodNetworkMode, peersOf, planNetwork } from './plan.ts';
import type { NetworkKernel } from './ports.ts';

export interface NetworkAgentOptions {
  readonly api: Api;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly kernel: NetworkKernel;
  readonly mode: Exclude<PodNetworkMode, 'none'>;
  readonly nodeName: string;
  readonly nodeAddress: string;
  /** Name of the tunnel. */
  readonly device: string;
}

const ALL = 'all';

/** Only what the plan is made of is kept of each node: there may be thousands. */
function trimmed(node: Node): Node {
  const addresses = node.status?.addresses ?? [];
  const { podCIDR } = node.spec ?? {};
  return {
    ...node,
    metadata: {
      name: node.metadata.name ?? '',
      resourceVersion: node.metadata.resourceVersion ?? '',
    },
    spec: podCIDR === undefined ? {} : { podCIDR },
    status: { addresses },
  };
}

/** Whether two states of a node lead to different routes. */
function differs(old: Node, now: Node): boolean {
  const facts = (node: Node): string => JSON.stringify(peersOf([node], ''));
  return facts(old) !== facts(now);
}

/**
 * The network agent of one node. Level-triggered: every round compares the whole plan with the kernel. What is in the kernel
 * stays when the agent stops, so that a restart interrupts no connection.
 */
export class NetworkAgent {
  readonly #options: NetworkAgentOptions;
  readonly #nodes: Informer<Node>;
  readonly #queue: WorkQueue;
  #podCidr = '';
  #problem: string | undefined = 'the routes to other nodes are not there yet';
  #stop: (() => Promise<void>) | undefined;

  constructor(options: NetworkAgentOptions) {
    const { api, clock, random, log } = options;
    this.#options = options;
    const common = { api, clock, random, log };
    this.#nodes = new Informer<Node>({
      ...common,
      ...{ gv: 'v1', resource: 'nodes', transform: trimmed },
    });
    const { base: baseDelayMs, max: maxDelayMs } = NETWORK_RETRY_MS;
    this.#queue = new WorkQueue({ clock, random, baseDelayMs, maxDelayMs });
  }

  start(): void {
    const look = (): void => this.#queue.addAfter(ALL, NETWORK_SETTLE_MS);
    this.#nodes.on({
      add: look,
      update: (old, now) => {
        if (differs(old, now)) look();
      },
      delete: look,
    });
    this.#nodes.start();
    void this.#nodes.whenSynced().then(look);
    this.#stop = this.#queue.run(1, () => this.#round()).stop;
  }

  async stop(): Promise<void> {
    this.#nodes.stop();
    await this.#stop?.();
  }

  /**
   * This node's range: traffic outwards works once this resolves, the way to other nodes follows.
   * @returns the largest packet pods may send, in bytes; undefined: whatever their interfaces allow
   */
  async usePodCidr(podCidr: string): Promise<number | undefined> {
    const { kernel, mode, nodeAddress: address } = this.#options;
    await kernel.masquerade(podCidr);
    const mtu = mode === 'vxlan' ? await kernel.tunnel({ address, podCidr }) : undefined;
    this.#podCidr = podCidr;
    this.#queue.add(ALL);
    return mtu;
  }

  async #round(): Promise<void> {
    if (this.#podCidr === '' || !this.#nodes.synced()) return;
    try {
      await this.#bringInStep();
      this.#problem = undefined;
      this.#queue.addAfter(ALL, NETWORK_RESYNC_MS);
    } catch (error) {
      const problem = errorMessage(error);
      if (problem !== this.#problem) this.#options.log.warn({ problem }, 'pod network incomplete');
      this.#problem = problem;
      this.#queue.addRateLimited(ALL);
    }
  }

  async #bringInStep(): Promise<void> {
    const { kernel, mode, nodeName, nodeAddress: address, device, log } = this.#options;
    const podCidr = this.#podCidr;
    await kernel.masquerade(podCidr);
    if (mode === 'vxlan') await kernel.tunnel({ address, podCidr });
    const peers = peersOf(this.#nodes.list(), nodeName);
    await kernel.apply(planNetwork(mode, peers, device));
    if (this.#problem !== undefined)
      log.info({ mode, peers: peers.length }, 'pod network in force');
  }
}
