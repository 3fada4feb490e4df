import type { Node } from '@kubets/api';
import { nameOf } from '@kubets/controller-manager/host';
import type { InstanceMetadata, InstanceState, Instances } from '../ports.ts';
import type { Inventory } from './inventory.ts';

/** Prefix of `spec.providerID` of nodes initialised by this provider. */
const SCHEME = 'local://';
const INSTANCE_TYPE = 'local';

/** @param read the inventory as it is now; rejects while nothing can be known */
export function localInstances(read: () => Promise<Inventory>): Instances {
  return {
    async state(node: Node): Promise<InstanceState> {
      const { providerID = '' } = node.spec ?? {};
      // Another provider's machine: not for us to say that it is gone.
      if (providerID !== '' && !providerID.startsWith(SCHEME)) return 'running';
      const { machines } = await read();
      return machines.get(nameOf(node))?.state ?? 'running';
    },
    async metadata(node: Node): Promise<InstanceMetadata> {
      const { machines, zone, region } = await read();
      const machine = machines.get(nameOf(node));
      return {
        providerId: `${SCHEME}${nameOf(node)}`,
        instanceType: machine?.instanceType ?? INSTANCE_TYPE,
        zone: machine?.zone ?? zone,
        region: machine?.region ?? region,
        addresses: machine?.addresses,
      };
    },
  };
}
