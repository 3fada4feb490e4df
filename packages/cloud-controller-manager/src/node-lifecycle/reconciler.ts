import { isNotFound, type Node } from '@kubets/api';
import {
  type Controller,
  type ControllerDeps,
  nameOf,
  periodicController,
  uidOf,
} from '@kubets/controller-manager/host';
import type { CloudProvider, Instances } from '../ports.ts';
import { type Act, actOn, lookAt, taintsWith } from './decide.ts';

export interface LifecycleOptions {
  provider: CloudProvider;
  instances: Instances;
  monitorPeriodMs: number;
}

/** Deletes nodes whose machine is gone, and marks those whose machine is shut down. */
export function nodeLifecycleController(
  deps: ControllerDeps,
  options: LifecycleOptions,
): Controller {
  const { instances, provider, monitorPeriodMs: periodMs } = options;
  const { nodes } = deps.informers;
  const api = deps.api.resource<Node>('v1', 'nodes');
  const events = deps.recorder('cloud-node-lifecycle-controller');

  const taint = async (node: Node, present: boolean): Promise<void> => {
    const { uid, resourceVersion } = node.metadata;
    const taints = taintsWith(node, present);
    const body = { metadata: { uid, resourceVersion }, spec: { taints } };
    await api.patch('', nameOf(node), 'merge', body);
  };

  const remove = async (node: Node): Promise<void> => {
    const name = nameOf(node);
    const message = `Deleting node ${name} because it does not exist in the cloud provider`;
    const regarding = { apiVersion: 'v1', kind: 'Node', metadata: node.metadata };
    events.event(regarding, 'Normal', 'DeletingNode', message);
    await api.delete('', name, { preconditions: { uid: uidOf(node) } });
  };

  const acts: Record<Act, (node: Node) => Promise<void>> = {
    nothing: () => Promise.resolve(),
    delete: remove,
    taint: (node) => taint(node, true),
    untaint: (node) => taint(node, false),
  };

  const monitor = async (node: Node): Promise<void> => {
    const look = lookAt(node);
    if (look === 'untaint') await taint(node, false);
    if (look === 'ask') await acts[actOn(node, await instances.state(node))](node);
  };

  return periodicController({
    name: 'cloud-node-lifecycle-controller',
    deps,
    periodMs,
    needs: [nodes, ...(provider.needs ?? [])],
    async tick() {
      for (const node of nodes.list()) {
        try {
          await monitor(node);
        } catch (error) {
          if (isNotFound(error)) continue;
          // The others have their turn all the same.
          deps.log.warn({ node: nameOf(node), err: error }, 'node not judged; again later');
        }
      }
    },
  });
}
