import { isNotFound, type Lease, notFound } from '@kubets/api';
import { type Clock, errorMessage } from '@kubets/platform';
import type { ResourceStore, VirtualResource } from '../ports.ts';
import { GVR } from '../resources.ts';

/** How one component of the control plane is doing: resolves when well, rejects with why not. */
export interface ComponentCheck {
  readonly name: string;
  check(): Promise<void>;
}

/** The deprecated `componentstatuses`: nothing is stored, each request looks for itself. */
export function componentStatuses(checks: readonly ComponentCheck[]): VirtualResource {
  return {
    group: '',
    version: 'v1',
    resource: 'componentstatuses',
    subresource: '',
    verbs: ['get', 'list'],
    warning: 'v1 ComponentStatus is deprecated in v1.19+',
    async handle({ info }) {
      const head = { apiVersion: 'v1' };
      if (info.verb === 'list') {
        const items = await Promise.all(checks.map(statusOf));
        return { code: 200, object: { kind: 'ComponentStatusList', ...head, metadata: {}, items } };
      }
      const wanted = checks.find((one) => one.name === info.name);
      if (!wanted) throw notFound({ group: '', resource: 'componentstatuses' }, info.name);
      const object = { kind: 'ComponentStatus', ...head, ...(await statusOf(wanted)) };
      return { code: 200, object };
    },
  };
}

async function statusOf(one: ComponentCheck): Promise<object> {
  const metadata = { name: one.name, creationTimestamp: null };
  try {
    await one.check();
    return { metadata, conditions: [{ type: 'Healthy', status: 'True', message: 'ok' }] };
  } catch (error) {
    const condition = { type: 'Healthy', status: 'False', message: errorMessage(error) };
    return { metadata, conditions: [condition] };
  }
}

/** A leader-elected component is well while its leader renews its lease. */
export function leaseCheck(
  store: ResourceStore,
  o: { name: string; lease: string; clock: Clock },
): ComponentCheck {
  return {
    name: o.name,
    async check() {
      const lease = await readLease(store, o.lease);
      const { renewTime, leaseDurationSeconds = 15, holderIdentity } = lease?.spec ?? {};
      if (!holderIdentity || !renewTime) throw new Error('no leader');
      const ageMs = o.clock.now() - Date.parse(renewTime);
      if (ageMs <= leaseDurationSeconds * 1000) return;
      throw new Error(
        `leader ${holderIdentity} has not renewed its lease for ${Math.round(ageMs / 1000)}s`,
      );
    },
  };
}

async function readLease(store: ResourceStore, name: string): Promise<Lease | undefined> {
  try {
    return await store.get<Lease>({ ...GVR.leases, namespace: 'kube-system', name });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** The store is well while it answers a linearizable read. */
export function storeCheck(store: ResourceStore): ComponentCheck {
  return {
    name: 'etcd-0',
    async check() {
      await store.raw.get('/registry/health');
    },
  };
}
