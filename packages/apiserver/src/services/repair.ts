import type { Service } from '@kubets/api';
import type { Clock, Logger } from '@kubets/platform';
import { LIMITS } from '../edge-limits.ts';
import type { BackgroundTask, ResourceStore } from '../ports.ts';
import { Repeated } from '../repeated.ts';
import { GVR } from '../resources.ts';
import { type Claim, type Owner, type RangeAllocator, sameOwner } from './allocator.ts';
import { holdings, type ServiceAllocators } from './hook.ts';

/** What a pass found; counts of the repairs made. */
export interface RepairReport {
  readonly restored: number;
  readonly freed: number;
  /** Items two services hold: nothing can repair that but a person. */
  readonly duplicates: readonly string[];
}

/**
 * Brings the claims in line with the services: restores a claim that is missing, frees one whose service is
 * gone and that is old enough that no write can still be on its way: a claim is made before its service.
 */
export class ServiceRepair implements BackgroundTask {
  readonly name = 'service-allocation-repair';
  readonly #store: ResourceStore;
  readonly #allocators: ServiceAllocators;
  readonly #log: Logger;
  readonly #passes: Repeated;

  constructor(o: {
    store: ResourceStore;
    allocators: ServiceAllocators;
    clock: Clock;
    log: Logger;
  }) {
    this.#store = o.store;
    this.#allocators = o.allocators;
    this.#log = o.log;
    this.#passes = new Repeated(o.clock, LIMITS.repairIntervalMs, () => this.#pass());
  }

  start(): void {
    this.#passes.start();
  }

  stop(): Promise<void> {
    return this.#passes.stop();
  }

  /** One pass over all services. */
  async repair(): Promise<RepairReport> {
    // The claims are read first: a service written meanwhile has its claim already, so a claim
    // that is missing here is missing, and one whose service is not in the later list is an orphan.
    const { ips, ports } = this.#allocators;
    const [claimedIps, claimedPorts] = [await ips.list(), await ports.list()];
    const { items } = await this.#store.list<Service>(GVR.services);
    const wanted = {
      ips: new Map<number, Owner[]>(),
      ports: new Map<number, Owner[]>(),
    };
    for (const service of items) collect(service, wanted);
    const first = await this.#repairRange(ips, claimedIps, wanted.ips);
    const second = await this.#repairRange(ports, claimedPorts, wanted.ports);
    return {
      restored: first.restored + second.restored,
      freed: first.freed + second.freed,
      duplicates: [...first.duplicates, ...second.duplicates],
    };
  }

  async #repairRange(
    allocator: RangeAllocator,
    claimed: Map<number, Claim>,
    wanted: Map<number, Owner[]>,
  ): Promise<RepairReport> {
    let restored = 0;
    let freed = 0;
    const duplicates: string[] = [];
    for (const [item, owners] of wanted) {
      const [owner] = owners;
      if (owners.length > 1) duplicates.push(allocator.range.format(item));
      if (!owner || claimed.has(item)) continue;
      if ((await allocator.claim(item, owner)) === 'claimed') restored++;
    }
    for (const [item, claim] of claimed) {
      if (wanted.get(item)?.some((owner) => sameOwner(owner, claim))) continue;
      if (allocator.isFresh(claim)) continue;
      await allocator.release(item, claim);
      freed++;
    }
    return { restored, freed, duplicates };
  }

  async #pass(): Promise<void> {
    try {
      const report = await this.repair();
      if (report.restored + report.freed > 0)
        this.#log.info(report, 'service allocations repaired');
      if (report.duplicates.length > 0) {
        const { duplicates } = report;
        this.#log.error({ duplicates }, 'two services hold the same address or port; delete one');
      }
    } catch (err) {
      this.#log.warn({ err }, 'could not check service allocations; will try again');
    }
  }
}

function collect(
  service: Service,
  wanted: { ips: Map<number, Owner[]>; ports: Map<number, Owner[]> },
): void {
  const { namespace = '', name = '', uid = '' } = service.metadata;
  const owner = { namespace, name, uid };
  const held = holdings(service.spec ?? {});
  const add = (map: Map<number, Owner[]>, item: number): void => {
    map.set(item, [...(map.get(item) ?? []), owner]);
  };
  if (held.ip !== undefined) add(wanted.ips, held.ip);
  for (const port of held.ports) add(wanted.ports, port);
}
