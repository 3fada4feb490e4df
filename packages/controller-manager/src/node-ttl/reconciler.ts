import { isNotFound, type Node } from '@kubets/api';
import { type Controller, type ControllerDeps, queueController } from '../host/controller.ts';
import { annotationsOf, keyOf } from '../objects/meta.ts';
import { ClusterSize } from './steps.ts';

/** Read by stock kubelets (core/v1 ObjectTTLAnnotationKey). */
const TTL = 'node.alpha.kubernetes.io/ttl';

/** Tells each node, in an annotation, for how many seconds it may keep what it read; larger clusters keep it longer. */
export function nodeTtlController(deps: ControllerDeps): Controller {
  const { nodes } = deps.informers;
  const api = deps.api.resource<Node>('v1', 'nodes');
  const size = new ClusterSize();
  return queueController({
    name: 'ttl-controller',
    queueName: 'ttlcontroller',
    deps,
    needs: [nodes],
    subscribe: (queue) => [
      nodes.on({
        add: (node) => {
          size.add(1);
          queue.add(keyOf(node));
        },
        // Heartbeats come often enough for a new size of the cluster to reach every node.
        update: (_old, node) => queue.add(keyOf(node)),
        delete: () => size.add(-1),
      }),
    ],
    async reconcile(key) {
      const node = nodes.get(key);
      const wanted = String(size.ttlSeconds);
      if (node === undefined || annotationsOf(node)[TTL] === wanted) return;
      try {
        await api.patch('', key, 'merge', { metadata: { annotations: { [TTL]: wanted } } });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    },
  });
}
