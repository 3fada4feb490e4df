import { isNotFound, type Service } from '@kubets/api';
import type { Clock, Logger, Random } from '@kubets/platform';
import type { BackgroundTask, ResourceStore, WriteHook } from '../ports.ts';
import { GVR } from '../resources.ts';
import { type Owner, RangeAllocator } from './allocator.ts';
import { createServiceHook } from './hook.ts';
import { nodePortRange, serviceIpRange } from './ranges.ts';
import { ServiceRepair } from './repair.ts';

const IP_PREFIX = '/registry/ranges/serviceips';
const PORT_PREFIX = '/registry/ranges/servicenodeports';

/** Allocation for services: the hook that belongs to writing them, and the loop that keeps the claims right. */
export function createServiceAllocation(o: {
  store: ResourceStore;
  /** Such as `10.96.0.0/16`. */
  clusterIpRange: string;
  /** Such as `30000-32767`. */
  nodePortRange: string;
  clock: Clock;
  random: Random;
  log: Logger;
}): { hook: WriteHook; repair: BackgroundTask; firstAddress: string } {
  const common = { store: o.store.raw, clock: o.clock, random: o.random };
  const range = serviceIpRange(o.clusterIpRange);
  const allocators = {
    ips: new RangeAllocator({ ...common, range, prefix: IP_PREFIX }),
    ports: new RangeAllocator({
      ...common,
      range: nodePortRange(o.nodePortRange),
      prefix: PORT_PREFIX,
    }),
  };
  return {
    hook: createServiceHook(allocators, (owner) => findService(o.store, owner)),
    repair: new ServiceRepair({ store: o.store, allocators, clock: o.clock, log: o.log }),
    firstAddress: range.format(range.first),
  };
}

async function findService(store: ResourceStore, owner: Owner): Promise<Service | undefined> {
  const { namespace, name, uid } = owner;
  try {
    const service = await store.get<Service>({ ...GVR.services, namespace, name });
    return service.metadata.uid === uid ? service : undefined;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
