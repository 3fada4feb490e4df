import { isNotFound, type Node } from '@kubets/api';
import { type Controller, type ControllerDeps, queueController } from '../host/controller.ts';
import { LIST_PAGE_SIZE } from '../limits.ts';
import { isDeleting, keyOf, nameOf, uidOf } from '../objects/meta.ts';
import { type Cidr, CidrAllocator } from './allocator.ts';

export interface NodeIpamOptions {
  clusterCidr: Cidr;
  nodePrefix: number;
}

/**
 * Gives every node its part of the pod network. What is taken is read from the API itself before the
 * first part is given out, so that a leader with an old cache cannot give one out twice; a single
 * worker and a version on every write do the rest.
 */
export function nodeIpamController(deps: ControllerDeps, options: NodeIpamOptions): Controller {
  const { nodes } = deps.informers;
  const api = deps.api.resource<Node>('v1', 'nodes');
  const events = deps.recorder('cidrAllocator');
  const allocator = new CidrAllocator(options.clusterCidr, options.nodePrefix);
  let surveyed: Promise<void> | undefined;

  const survey = async (): Promise<void> => {
    let token: string | undefined;
    do {
      const from = token === undefined ? {} : { continue: token };
      const page = await api.list('', { limit: LIST_PAGE_SIZE, ...from });
      for (const node of page.items) occupy(allocator, node);
      token = page.continue;
    } while (token !== undefined && token !== '');
  };

  const assign = async (node: Node): Promise<void> => {
    const cidr = allocator.allocate(nameOf(node));
    if (cidr === undefined) {
      const regarding = { apiVersion: 'v1', kind: 'Node', metadata: node.metadata };
      const message = `Node ${nameOf(node)} status is now: CIDRNotAvailable`;
      events.event(regarding, 'Normal', 'CIDRNotAvailable', message);
      throw new Error(`no pod network left for node ${nameOf(node)}`);
    }
    const { resourceVersion } = node.metadata;
    const body = {
      metadata: { uid: uidOf(node), resourceVersion },
      spec: { podCIDR: cidr, podCIDRs: [cidr] },
    };
    try {
      await api.patch('', nameOf(node), 'merge', body);
    } catch (error) {
      await settleFailure(node, cidr, error);
    }
  };

  /** After a failed write the node itself tells whether it has the part: answers get lost. */
  const settleFailure = async (node: Node, cidr: string, error: unknown): Promise<void> => {
    const live = await api.get('', nameOf(node)).catch((fault: unknown) => {
      if (isNotFound(fault)) return undefined;
      throw fault;
    });
    if (live?.spec?.podCIDR === cidr) return;
    allocator.release(cidr, nameOf(node));
    if (live && !live.spec?.podCIDR) throw error;
  };

  return queueController({
    name: 'node-ipam',
    deps,
    concurrency: 1,
    needs: [nodes],
    subscribe: (queue) => [
      nodes.on({
        add: (node) => {
          occupy(allocator, node);
          queue.add(keyOf(node));
        },
        update: (_old, node) => {
          occupy(allocator, node);
          if (!node.spec?.podCIDR) queue.add(keyOf(node));
        },
        delete: (node) => {
          for (const cidr of cidrsOf(node)) allocator.release(cidr, nameOf(node));
        },
      }),
    ],
    async reconcile(key) {
      surveyed ??= survey().catch((error: unknown) => {
        surveyed = undefined;
        throw error;
      });
      await surveyed;
      const node = nodes.get(key);
      if (!node || isDeleting(node) || node.spec?.podCIDR) return;
      await assign(node);
    },
  });
}

function cidrsOf(node: Node): string[] {
  const { podCIDR, podCIDRs } = node.spec ?? {};
  return podCIDRs ?? (podCIDR ? [podCIDR] : []);
}

function occupy(allocator: CidrAllocator, node: Node): void {
  for (const cidr of cidrsOf(node)) allocator.occupy(cidr, nameOf(node));
}
