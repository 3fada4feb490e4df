import type { Node } from '@kubets/api';
import {
  type Controller,
  type ControllerDeps,
  isDeleting,
  keyOf,
  nameOf,
  periodicController,
  queueController,
  uidOf,
} from '@kubets/controller-manager/host';
import type { CloudProvider, InstanceMetadata, Instances } from '../ports.ts';
import { addressesFor, initialisation, isUninitialized } from './decide.ts';

export interface NodeOptions {
  provider: CloudProvider;
  instances: Instances;
  /** Nodes initialised at once. */
  concurrency: number;
  /** Time between looks at the addresses of nodes that are initialised. */
  updatePeriodMs: number;
}

/** Initialises nodes that wait for the provider, and keeps the addresses of all in step with it. */
export function nodeControllers(deps: ControllerDeps, options: NodeOptions): Controller[] {
  const { instances, provider, concurrency, updatePeriodMs: periodMs } = options;
  const { nodes } = deps.informers;
  const api = deps.api.resource<Node>('v1', 'nodes');
  const events = deps.recorder('cloud-node-controller');
  const needs = [nodes, ...(provider.needs ?? [])];

  const follow = async (node: Node, metadata: InstanceMetadata): Promise<void> => {
    const addresses = addressesFor(node, metadata);
    if (addresses === undefined) return;
    // Addresses merge by type in other patches; here the list is one word of the provider's.
    const body = { metadata: { uid: uidOf(node) }, status: { addresses } };
    await api.patch('', nameOf(node), 'merge', body, { subresource: 'status' });
  };

  const initialise = async (key: string): Promise<void> => {
    const node = nodes.get(key);
    if (node === undefined || isDeleting(node) || !isUninitialized(node)) return;
    const metadata = await instances.metadata(node);
    await follow(node, metadata);
    const live = await api.get('', nameOf(node));
    if (!isUninitialized(live)) return;
    await api.patch('', nameOf(node), 'merge', initialisation(live, metadata));
    const regarding = { apiVersion: 'v1', kind: 'Node', metadata: node.metadata };
    events.event(regarding, 'Normal', 'Synced', 'Node synced successfully');
  };

  const updateAll = async (): Promise<void> => {
    for (const node of nodes.list()) {
      if (isDeleting(node) || isUninitialized(node)) continue;
      try {
        await follow(node, await instances.metadata(node));
      } catch (error) {
        deps.log.warn({ node: nameOf(node), err: error }, 'addresses not updated; again later');
      }
    }
  };

  return [
    queueController({
      name: 'cloud-node-controller',
      queueName: 'Nodes',
      deps,
      concurrency,
      needs,
      subscribe: (queue) => {
        const look = (node: Node): void => {
          if (isUninitialized(node)) queue.add(keyOf(node));
        };
        return [nodes.on({ add: look, update: (_old, node) => look(node) })];
      },
      reconcile: initialise,
    }),
    periodicController({
      name: 'cloud-node-addresses',
      deps,
      periodMs,
      needs,
      tick: updateAll,
    }),
  ];
}
