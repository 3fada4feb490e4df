import { isNotFound, type Node } from '@kubets/api';
import type { EventRecorder, ResourceApi } from '@kubets/client';
import {
  type Controller,
  type ControllerDeps,
  type KeyQueue,
  queueController,
} from '../host/controller.ts';
import { isDeleting, keyOf, nameOf, uidOf } from '../objects/meta.ts';
import { type Cidr, CidrAllocator } from './allocator.ts';

export interface NodeIpamOptions {
  clusterCidr: Cidr;
  nodePrefix: number;
}

/**
 * Gives every node its part of the pod network. What is taken is known before the first part is given
 * out: a new term begins with a consistent list, and no worker runs before it is in. A single worker,
 * and a version on every write, keep one part from being given twice.
 */
export function nodeIpamController(deps: ControllerDeps, options: NodeIpamOptions): Controller {
  const loop = new IpamLoop(deps, options);
  return queueController({
    name: 'node-ipam-controller',
    queueName: 'cidrallocator_node',
    deps,
    concurrency: 1,
    needs: [deps.informers.nodes],
    subscribe: (queue) => loop.subscribe(queue),
    reconcile: (key) => loop.reconcile(key),
  });
}

class IpamLoop {
  readonly #deps: ControllerDeps;
  readonly #api: ResourceApi<Node>;
  readonly #events: EventRecorder;
  readonly #allocator: CidrAllocator;

  constructor(deps: ControllerDeps, options: NodeIpamOptions) {
    this.#deps = deps;
    this.#api = deps.api.resource<Node>('v1', 'nodes');
    this.#events = deps.recorder('cidrAllocator');
    this.#allocator = new CidrAllocator(options.clusterCidr, options.nodePrefix);
  }

  subscribe(queue: KeyQueue): (() => void)[] {
    const off = this.#deps.informers.nodes.on({
      add: (node) => {
        this.#occupy(node);
        queue.add(keyOf(node));
      },
      update: (_old, node) => {
        this.#occupy(node);
        if (!node.spec?.podCIDR) queue.add(keyOf(node));
      },
      delete: (node) => {
        for (const cidr of cidrsOf(node)) this.#allocator.release(cidr, nameOf(node));
      },
    });
    return [off];
  }

  async reconcile(key: string): Promise<void> {
    const node = this.#deps.informers.nodes.get(key);
    if (!node || isDeleting(node) || node.spec?.podCIDR) return;
    await this.#assign(node);
  }

  async #assign(node: Node): Promise<void> {
    const name = nameOf(node);
    const cidr = this.#allocator.allocate(name);
    if (cidr === undefined) {
      const regarding = { apiVersion: 'v1', kind: 'Node', metadata: node.metadata };
      const message = `Node ${name} status is now: CIDRNotAvailable`;
      this.#events.event(regarding, 'Normal', 'CIDRNotAvailable', message);
      throw new Error(`no pod network left for node ${name}`);
    }
    const metadata = { uid: uidOf(node), resourceVersion: node.metadata.resourceVersion };
    const body = { metadata, spec: { podCIDR: cidr, podCIDRs: [cidr] } };
    try {
      await this.#api.patch('', name, 'merge', body);
    } catch (error) {
      await this.#settleFailure(name, cidr, error);
    }
  }

  /** After a failed write the node itself tells whether it has the part: answers get lost. */
  async #settleFailure(name: string, cidr: string, error: unknown): Promise<void> {
    const live = await this.#api.get('', name).catch((fault: unknown) => {
      if (isNotFound(fault)) return undefined;
      throw fault;
    });
    if (live?.spec?.podCIDR === cidr) return;
    this.#allocator.giveBack(cidr, name);
    if (live && !live.spec?.podCIDR) throw error;
  }

  #occupy(node: Node): void {
    for (const cidr of cidrsOf(node)) this.#allocator.occupy(cidr, nameOf(node));
  }
}

function cidrsOf(node: Node): string[] {
  const { podCIDR, podCIDRs } = node.spec ?? {};
  return podCIDRs ?? (podCIDR ? [podCIDR] : []);
}
