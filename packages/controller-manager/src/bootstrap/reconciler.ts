/** Bootstrap tokens: the cluster's public facts signed with each, and each removed once it is over. */
import { type ConfigMap, isNotFound, type Secret } from '@kubets/api';
import { type Controller, type ControllerDeps, queueController } from '../host/controller.ts';
import { CLUSTER_INFO } from '../host/informers.ts';
import { keyOf, nameOf, namespaceOf, uidOf } from '../objects/meta.ts';
import { expiryOf, hasExpired, signedFacts, signingToken } from './tokens.ts';

const FACTS_KEY = `${CLUSTER_INFO.namespace}/${CLUSTER_INFO.name}`;

/** Keeps the signatures on ConfigMap `kube-public/cluster-info` in step with the tokens there are. */
export function bootstrapSigner(deps: ControllerDeps): Controller {
  const { bootstrapTokens, clusterInfo } = deps.informers;
  const api = deps.api.resource<ConfigMap>('v1', 'configmaps');
  return queueController({
    name: 'bootstrap-signer-controller',
    queueName: 'bootstrap_signer_queue',
    deps,
    concurrency: 1,
    needs: [bootstrapTokens, clusterInfo],
    subscribe: (queue) => {
      const look = (): void => queue.add(FACTS_KEY);
      return [
        clusterInfo.on({ add: look, update: look }),
        bootstrapTokens.on({ add: look, update: look, delete: look }),
      ];
    },
    async reconcile(key) {
      const map = clusterInfo.get(key);
      if (map === undefined) return;
      const nowMs = deps.clock.now();
      const tokens = bootstrapTokens.list().flatMap((secret) => signingToken(secret, nowMs) ?? []);
      const next = signedFacts(
        map,
        tokens.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
      );
      if (next !== undefined) await api.update(next);
    },
  });
}

/** Deletes bootstrap tokens when their time is over. */
export function tokenCleaner(deps: ControllerDeps): Controller {
  const { bootstrapTokens } = deps.informers;
  const api = deps.api.resource<Secret>('v1', 'secrets');
  return queueController({
    name: 'token-cleaner-controller',
    queueName: 'token_cleaner',
    deps,
    concurrency: 1,
    needs: [bootstrapTokens],
    subscribe: (queue) => [
      bootstrapTokens.on({
        add: (secret) => queue.add(keyOf(secret)),
        update: (_old, secret) => queue.add(keyOf(secret)),
      }),
    ],
    async reconcile(key, queue) {
      const secret = bootstrapTokens.get(key);
      const endMs = secret && expiryOf(secret);
      if (secret === undefined || endMs === undefined) return;
      const nowMs = deps.clock.now();
      if (!hasExpired(secret, nowMs)) {
        queue.addAfter(key, endMs - nowMs);
        return;
      }
      try {
        const preconditions = { uid: uidOf(secret) };
        await api.delete(namespaceOf(secret), nameOf(secret), { preconditions });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    },
  });
}
