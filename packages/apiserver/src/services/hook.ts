import { type ApiError, internal, type Service, type ServiceSpec } from '@kubets/api';
import type { FinishWrite, WriteHook, WriteScope } from '../ports.ts';
import { type Owner, type RangeAllocator, RangeFullError } from './allocator.ts';
import { invalidClusterIps, invalidField, invalidService } from './field-errors.ts';
import {
  allocatesNodePorts,
  defaultFamilies,
  defaultForType,
  dropForType,
  HEADLESS,
  isHeadless,
  keepAllocated,
  needsClusterIp,
  needsHealthCheckPort,
  needsNodePort,
  portsWithPaths,
  specOf,
  syncClusterIps,
} from './normalize.ts';
import { parseIpv4 } from './ranges.ts';

/** The two things services are given. */
export interface ServiceAllocators {
  readonly ips: RangeAllocator;
  readonly ports: RangeAllocator;
}

/** What one write takes and gives back; settled once it is known whether the write happened. */
class Transaction {
  readonly owner: Owner;
  readonly #dryRun: boolean;
  readonly #findService: FindService;
  readonly #taken: { from: RangeAllocator; item: number }[] = [];
  readonly #freed: { from: RangeAllocator; item: number }[] = [];

  constructor(service: Service, o: { dryRun: boolean; findService: FindService }) {
    const { namespace = '', name = '', uid = '' } = service.metadata;
    this.owner = { namespace, name, uid };
    this.#dryRun = o.dryRun;
    this.#findService = o.findService;
  }

  async take(from: RangeAllocator, item: number): Promise<'claimed' | 'taken' | 'outside'> {
    if (this.#dryRun) return from.probe(item);
    let result = await from.claim(item, this.owner);
    if (result === 'taken') {
      const abandoned = async (claim: Owner) => (await this.#findService(claim)) === undefined;
      if (await from.takeOver(item, this.owner, abandoned)) result = 'claimed';
    }
    if (result === 'claimed') this.#taken.push({ from, item });
    return result;
  }

  async takeAny(from: RangeAllocator, dryRunItem: () => number): Promise<number> {
    if (this.#dryRun) return dryRunItem();
    const item = await from.claimAny(this.owner);
    this.#taken.push({ from, item });
    return item;
  }

  freeAfterwards(from: RangeAllocator, item: number): void {
    if (!this.#dryRun) this.#freed.push({ from, item });
  }

  /**
   * Gives back what is not needed: the new items if the write failed, the old ones if it happened. A write may
   * have been reported as failed and yet be in the store (its answer was lost), so what the stored service
   * holds stays claimed. If the store cannot say, everything stays claimed, and the repair loop settles it.
   */
  async settle(stored: boolean): Promise<void> {
    const items = stored ? this.#freed : this.#taken;
    if (items.length === 0) return;
    const service = stored ? undefined : await this.#findService(this.owner);
    const held = service && holdings(service.spec ?? {});
    for (const { from, item } of items) {
      if (held && (held.ip === item || held.ports.has(item))) continue;
      await from.release(item, this.owner);
    }
  }
}

/** Reads a service from the store; undefined when there is none with this uid. */
export type FindService = (owner: Owner) => Promise<Service | undefined>;

/** Gives services their cluster IP, node ports and health-check port as part of writing them. */
export function createServiceHook(
  allocators: ServiceAllocators,
  findService: FindService,
): WriteHook {
  async function begin(
    service: Service,
    old: Service | undefined,
    scope: WriteScope,
  ): Promise<FinishWrite | undefined> {
    if (scope.subresource !== '') return undefined;
    const spec = specOf(service);
    prepare(spec, old?.spec);
    checkFamilies(service, spec);
    const transaction = new Transaction(service, { dryRun: scope.dryRun, findService });
    try {
      await allocateIp(service, { spec, old: old?.spec, transaction, ...allocators });
      await allocatePorts(service, { spec, old: old?.spec, transaction, ...allocators });
      await allocateHealthPort(service, { spec, old: old?.spec, transaction, ...allocators });
    } catch (error) {
      await transaction.settle(false);
      throw explain(error);
    }
    return (stored) => transaction.settle(stored);
  }

  return {
    group: '',
    resource: 'services',
    beginCreate: (object, scope) => begin(object as Service, undefined, scope),
    beginUpdate: (object, old, scope) => begin(object as Service, old as Service, scope),
    async afterDelete(object) {
      const service = object as Service;
      const transaction = new Transaction(service, { dryRun: false, findService });
      const work = { transaction, ...allocators };
      releaseAll(specOf(service), work);
      await transaction.settle(true);
    },
  };
}

interface Work extends ServiceAllocators {
  readonly spec: ServiceSpec;
  readonly old: ServiceSpec | undefined;
  readonly transaction: Transaction;
}

function prepare(spec: ServiceSpec, old: ServiceSpec | undefined): void {
  if (old) {
    dropForType(spec, old);
    keepAllocated(spec, old);
  }
  syncClusterIps(spec, old);
  defaultForType(spec);
  defaultFamilies(spec);
}

/** The cluster has one address family; asking for the other is an error of the cluster's set-up, not of the shape. */
function checkFamilies(service: Service, spec: ServiceSpec): void {
  if (!needsClusterIp(spec)) return;
  const selectorless = Object.keys(spec.selector ?? {}).length === 0;
  if (isHeadless(spec) && selectorless) return;
  const foreign = spec.ipFamilies?.indexOf('IPv6') ?? -1;
  if (foreign >= 0) {
    const detail = 'not configured on this cluster';
    throw invalidService(service, invalidField(`spec.ipFamilies[${foreign}]`, 'IPv6', detail));
  }
  if (spec.ipFamilyPolicy !== 'RequireDualStack') return;
  const detail = 'this cluster is not configured for dual-stack services';
  const error = invalidField('spec.ipFamilyPolicy', spec.ipFamilyPolicy, detail);
  throw invalidService(service, error);
}

async function allocateIp(service: Service, work: Work): Promise<void> {
  const { spec, old, transaction, ips } = work;
  const before = old?.clusterIP;
  const had = before && before !== HEADLESS ? parseIpv4(before) : undefined;
  if (!needsClusterIp(spec)) {
    if (had !== undefined) transaction.freeAfterwards(ips, had);
    return;
  }
  if (isHeadless(spec)) return;
  const wanted = spec.clusterIPs?.[0] ?? spec.clusterIP ?? '';
  if (wanted === '') {
    const item = await transaction.takeAny(ips, () => ips.range.first);
    spec.clusterIP = ips.range.format(item);
    spec.clusterIPs = [spec.clusterIP];
    return;
  }
  const item = parseIpv4(wanted);
  // Not an address, or a change of one: validation refuses both in its own words.
  if (item === undefined || (old && needsClusterIp(old) && before !== '')) return;
  const result = await transaction.take(ips, item);
  if (result !== 'claimed') throw addressError(service, wanted, { result, ips });
}

function addressError(
  service: Service,
  ip: string,
  { result, ips }: { result: string; ips: RangeAllocator },
): ApiError {
  const why =
    result === 'taken'
      ? 'provided IP is already allocated'
      : `the provided IP (${ip}) is not in the valid range. The range of valid IPs is ${ips.range.text}`;
  const detail = `failed to allocate IP ${ip}: ${why}`;
  return invalidService(service, invalidClusterIps([ip], detail));
}

/** Numbers a write keeps may stand on several ports of one service (TCP and UDP); each is taken once. */
async function allocatePorts(service: Service, work: Work): Promise<void> {
  const { spec, old, transaction, ports } = work;
  const before = new Set(old ? portNumbers(old) : []);
  const kept = new Set<number>();
  if (needsNodePort(spec)) {
    const numbered = portsWithPaths(spec).filter(({ port }) => port.nodePort);
    for (const { port, path } of numbered) {
      const number = port.nodePort ?? 0;
      if (kept.has(number)) continue;
      if (!before.has(number)) await takePort(service, { number, path, work });
      kept.add(number);
    }
    if (allocatesNodePorts(spec)) {
      for (const { port } of portsWithPaths(spec)) {
        if (port.nodePort) continue;
        port.nodePort = await transaction.takeAny(ports, () => ports.randomItem());
        kept.add(port.nodePort);
      }
    }
  }
  for (const number of before) if (!kept.has(number)) transaction.freeAfterwards(ports, number);
}

async function takePort(
  service: Service,
  o: { number: number; path: string; work: Work },
): Promise<void> {
  const { ports, transaction } = o.work;
  const result = await transaction.take(ports, o.number);
  if (result === 'claimed') return;
  const detail =
    result === 'taken'
      ? 'provided port is already allocated'
      : `provided port is not in the valid range. The range of valid ports is ${ports.range.text}`;
  throw invalidService(service, invalidField(o.path, o.number, detail));
}

async function allocateHealthPort(service: Service, work: Work): Promise<void> {
  const { spec, old, transaction, ports } = work;
  const before = old && needsHealthCheckPort(old) ? (old.healthCheckNodePort ?? 0) : 0;
  if (!needsHealthCheckPort(spec)) {
    if (before) transaction.freeAfterwards(ports, before);
    return;
  }
  if (before) return;
  if (spec.healthCheckNodePort) {
    const number = spec.healthCheckNodePort;
    await takePort(service, { number, path: 'spec.healthCheckNodePort', work });
    return;
  }
  spec.healthCheckNodePort = await transaction.takeAny(ports, () => ports.randomItem());
}

function portNumbers(spec: ServiceSpec): number[] {
  if (!needsNodePort(spec)) return [];
  return (spec.ports ?? []).map((port) => port.nodePort ?? 0).filter((port) => port > 0);
}

/** What a service holds: its address and its ports, each once. */
export function holdings(spec: ServiceSpec): { ip: number | undefined; ports: Set<number> } {
  const ports = new Set(portNumbers(spec));
  if (needsHealthCheckPort(spec) && spec.healthCheckNodePort) ports.add(spec.healthCheckNodePort);
  const ip =
    needsClusterIp(spec) && !isHeadless(spec) ? parseIpv4(spec.clusterIP ?? '') : undefined;
  return { ip, ports };
}

function releaseAll(spec: ServiceSpec, work: Omit<Work, 'spec' | 'old'>): void {
  const { ip, ports } = holdings(spec);
  if (ip !== undefined) work.transaction.freeAfterwards(work.ips, ip);
  for (const port of ports) work.transaction.freeAfterwards(work.ports, port);
}

function explain(error: unknown): unknown {
  if (error instanceof RangeFullError) return internal(`failed to allocate: ${error.message}`);
  return error;
}
