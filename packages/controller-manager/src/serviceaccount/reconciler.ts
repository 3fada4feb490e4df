import { type ConfigMap, isAlreadyExists, type Namespace, type ServiceAccount } from '@kubets/api';
import { type Controller, type ControllerDeps, queueController } from '../host/controller.ts';
import { ROOT_CA_CONFIG_MAP } from '../host/informers.ts';
import { isNamespaceTerminating } from '../host/pod-control.ts';
import { isDeleting, keyOf, nameOf, namespaceOf } from '../objects/meta.ts';

const DEFAULT_ACCOUNT = 'default';
const DESCRIPTION = 'kubernetes.io/description';
const DESCRIPTION_TEXT =
  'The certificate authority that signs the API server; pods verify it with this when they connect from inside the cluster.';

/** Whether things may still be created in it. */
const isOpen = (namespace: Namespace): boolean =>
  !isDeleting(namespace) && namespace.status?.phase !== 'Terminating';

async function ignoringRaces(create: () => Promise<unknown>): Promise<void> {
  try {
    await create();
  } catch (error) {
    if (!isAlreadyExists(error) && !isNamespaceTerminating(error)) throw error;
  }
}

/** Gives every namespace its `default` service account. */
export function serviceAccountController(deps: ControllerDeps): Controller {
  const { namespaces, serviceAccounts } = deps.informers;
  const api = deps.api.resource<ServiceAccount>('v1', 'serviceaccounts');
  return queueController({
    name: 'serviceaccount-controller',
    queueName: 'serviceaccount',
    deps,
    needs: [namespaces, serviceAccounts],
    subscribe: (queue) => [
      namespaces.on({
        add: (namespace) => queue.add(keyOf(namespace)),
        update: (_old, namespace) => queue.add(keyOf(namespace)),
      }),
      serviceAccounts.on({
        delete: (account) => {
          if (nameOf(account) === DEFAULT_ACCOUNT) queue.add(namespaceOf(account));
        },
      }),
    ],
    async reconcile(key) {
      const namespace = namespaces.get(key);
      if (!namespace || !isOpen(namespace)) return;
      if (serviceAccounts.get(`${key}/${DEFAULT_ACCOUNT}`)) return;
      await ignoringRaces(() =>
        api.create({
          apiVersion: 'v1',
          kind: 'ServiceAccount',
          metadata: { name: DEFAULT_ACCOUNT, namespace: key },
        }),
      );
    },
  });
}

/**
 * Publishes the cluster's certificate authority in every namespace, where pods mount it.
 * @param rootCa PEM text
 */
export function rootCaController(deps: ControllerDeps, rootCa: string): Controller {
  const { namespaces, rootCaConfigMaps } = deps.informers;
  const api = deps.api.resource<ConfigMap>('v1', 'configmaps');
  const wanted = { 'ca.crt': rootCa };
  return queueController({
    name: 'root-ca-certificate-publisher-controller',
    queueName: 'root_ca_cert_publisher',
    deps,
    needs: [namespaces, rootCaConfigMaps],
    subscribe: (queue) => [
      namespaces.on({
        add: (namespace) => queue.add(keyOf(namespace)),
        update: (_old, namespace) => queue.add(keyOf(namespace)),
      }),
      rootCaConfigMaps.on({
        update: (_old, map) => queue.add(namespaceOf(map)),
        delete: (map) => queue.add(namespaceOf(map)),
      }),
    ],
    async reconcile(key) {
      const namespace = namespaces.get(key);
      if (!namespace || !isOpen(namespace)) return;
      const present = rootCaConfigMaps.get(`${key}/${ROOT_CA_CONFIG_MAP}`);
      if (present?.data?.['ca.crt'] === rootCa && Object.keys(present.data).length === 1) return;
      if (present) {
        await api.update({ ...present, data: wanted });
        return;
      }
      await ignoringRaces(() =>
        api.create({
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: {
            name: ROOT_CA_CONFIG_MAP,
            namespace: key,
            annotations: { [DESCRIPTION]: DESCRIPTION_TEXT },
          },
          data: wanted,
        }),
      );
    },
  });
}
