import { type Namespace, notFound } from '@kubets/api';
import type { AdmissionAttributes, AdmissionPlugin, ResourceStore } from '../ports.ts';
import { namespaceFinder } from './namespaces.ts';
import { refuse } from './support.ts';

const IMMORTAL = ['default', 'kube-system', 'kube-public'];
const ACCESS_REVIEW_GROUP = 'authorization.k8s.io';

/**
 * No object is created in a namespace that does not exist or is going away, and the system's namespaces
 * are not deleted.
 */
export function namespaceLifecycle(store: ResourceStore): AdmissionPlugin {
  const find = namespaceFinder(store);

  return {
    name: 'NamespaceLifecycle',
    admit(a) {
      if (a.resource.resource === 'namespaces' && a.resource.group === '') {
        if (a.operation === 'DELETE' && IMMORTAL.includes(a.name) && a.subresource === '') {
          throw refuse(a, 'this namespace may not be deleted');
        }
        return;
      }
      if (a.operation !== 'CREATE' || a.namespace === '') return;
      if (a.resource.group === ACCESS_REVIEW_GROUP) return;
      return checkNew(a);
    },
  };

  function checkNew(a: AdmissionAttributes): Promise<void> | void {
    const found = find(a.namespace);
    if (found instanceof Promise) return found.then((namespace) => mayHold(a, namespace));
    mayHold(a, found);
  }

  function mayHold(a: AdmissionAttributes, namespace: Namespace | undefined): void {
    if (!namespace) throw notFound({ group: '', resource: 'namespaces' }, a.namespace);
    if (namespace.status?.phase === 'Terminating') throw terminating(a);
  }
}

function terminating(a: AdmissionAttributes) {
  const why = `unable to create new content in namespace ${a.namespace} because it is being terminated`;
  return refuse(a, why, [
    {
      reason: 'NamespaceTerminating',
      message: `namespace ${a.namespace} is being terminated`,
      field: 'metadata.namespace',
    },
  ]);
}
