/** Plugins about namespaces that are not there. Both are off by default: NamespaceLifecycle is what clusters want. */
import { isAlreadyExists, isNotFound, notFound } from '@kubets/api';
import { errorMessage } from '@kubets/platform';
import type { AdmissionAttributes, AdmissionPlugin, ResourceStore } from '../../ports.ts';
import { GVR } from '../../resources.ts';
import { namespaceFinder } from '../namespaces.ts';
import { refuse } from '../support.ts';

const isWithin = ({ namespace, resource }: AdmissionAttributes): boolean =>
  namespace !== '' && !(resource.group === '' && resource.resource === 'namespaces');

/** Nothing is written in a namespace that is not there, and nothing deleted. */
export function namespaceExists(store: ResourceStore): AdmissionPlugin {
  const find = namespaceFinder(store);
  return {
    name: 'NamespaceExists',
    validate(a) {
      if (a.operation === 'CONNECT' || !isWithin(a)) return;
      return check(a.namespace);
    },
  };

  async function check(name: string): Promise<void> {
    if ((await find(name)) === undefined) throw notFound(GVR.namespaces, name);
  }
}

/** Makes the namespace of a new object, where it is not there. */
export function namespaceAutoProvision(store: ResourceStore): AdmissionPlugin {
  const find = namespaceFinder(store);
  return {
    name: 'NamespaceAutoProvision',
    admit(a) {
      if (a.operation !== 'CREATE' || a.dryRun || !isWithin(a)) return;
      return provide(a);
    },
  };

  async function provide(a: AdmissionAttributes): Promise<void> {
    if ((await find(a.namespace)) !== undefined) return;
    const metadata = { name: a.namespace };
    try {
      await store.create(GVR.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata });
    } catch (error) {
      if (isAlreadyExists(error)) return;
      throw isNotFound(error) ? error : refuse(a, errorMessage(error));
    }
  }
}
