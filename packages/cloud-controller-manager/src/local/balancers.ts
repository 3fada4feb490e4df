import {
  type EndpointSlice,
  isNotFound,
  LOAD_BALANCER_NODE,
  LOCAL_LOAD_BALANCER_CLASS,
  type LoadBalancerStatus,
  type Node,
  type Service,
} from '@kubets/api';
import type { ResourceApi } from '@kubets/client';
import {
  type ControllerDeps,
  isDeleting,
  keyOf,
  nameOf,
  namespaceOf,
  uidOf,
} from '@kubets/controller-manager/host';
import type { AddressRange } from '@kubets/platform';
import { AddressError } from '../errors.ts';
import type { LoadBalancers } from '../ports.ts';
import { courseOf } from '../service/decide.ts';
import {
  bySeniority,
  requestedAddress,
  speakerOf,
  statusAddress,
  wantsLocalEndpoints,
} from './decide.ts';
import { AddressPool } from './pool.ts';
import { chooseSpeaker } from './speaker.ts';

const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

/** An address as it stands in a status: the node's own rules take its traffic (`VIP`). */
const statusOf = (ip: string): LoadBalancerStatus => ({ ingress: [{ ip, ipMode: 'VIP' }] });

/**
 * Load balancers without any machine of their own: an address from the ranges for each Service, and one node that answers for it
 * (annotation `kubets.io/load-balancer-node`, followed by the proxy on each node). What is taken is read from the Services' statuses
 * before the first address is given out, and all of it lives in one process, the leader: no address is given twice.
 */
export class LocalBalancers implements LoadBalancers {
  readonly className = LOCAL_LOAD_BALANCER_CLASS;
  readonly ownAnnotations = [LOAD_BALANCER_NODE];
  readonly #deps: ControllerDeps;
  readonly #api: ResourceApi<Service>;
  readonly #pool: AddressPool;
  /** Services that got no address, for another try once one is free. */
  readonly #waiting = new Set<string>();
  #look: (key: string) => void = () => undefined;
  #begun = false;

  constructor(deps: ControllerDeps, ranges: readonly AddressRange[]) {
    this.#deps = deps;
    this.#api = deps.api.resource<Service>('v1', 'services');
    this.#pool = new AddressPool(ranges);
  }

  onChange(look: (key: string) => void): () => void {
    this.#look = look;
    const { services, endpointNodes } = this.#deps.informers;
    const moved = (slice: EndpointSlice): void => this.#endpointsMoved(slice);
    const offs = [
      services.on({
        add: (service) => this.#observe(service),
        update: (_old, service) => this.#observe(service),
        delete: (service) => this.#release(keyOf(service)),
      }),
      endpointNodes.on({
        add: moved,
        update: (old, slice) => {
          if (nodesIn(old) !== nodesIn(slice)) moved(slice);
        },
        delete: moved,
      }),
    ];
    return () => {
      for (const off of offs) off();
      this.#look = () => undefined;
    };
  }

  get(service: Service): Promise<LoadBalancerStatus | undefined> {
    this.#begin();
    const address = this.#pool.addressOf(keyOf(service));
    return Promise.resolve(address === undefined ? undefined : statusOf(address));
  }

  async ensure(service: Service, nodes: readonly Node[]): Promise<LoadBalancerStatus> {
    this.#begin();
    const address = this.#settleAddress(service);
    await this.#settleSpeaker(service, address, nodes);
    return statusOf(address);
  }

  async update(service: Service, nodes: readonly Node[]): Promise<void> {
    this.#begin();
    const address = this.#pool.addressOf(keyOf(service));
    if (address !== undefined) await this.#settleSpeaker(service, address, nodes);
  }

  async ensureDeleted(service: Service): Promise<void> {
    this.#begin();
    // One that is being deleted keeps its address until it is gone: nodes route it as long as they see it.
    if (isDeleting(service)) return;
    await this.#writeSpeaker(service, undefined);
    this.#release(keyOf(service));
  }

  /** Once, with both lists in: everything that is held, the older Services first. */
  #begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    for (const service of bySeniority(this.#deps.informers.services.list())) this.#observe(service);
  }

  /** Notes what a Service's status holds, whoever wrote it. */
  #observe(service: Service): void {
    if (!this.#begun) return;
    const key = keyOf(service);
    const address = statusAddress(service, (ip) => this.#pool.contains(ip));
    const held = this.#pool.addressOf(key);
    // Of its own Services the pool knows more than a status that is on its way; those of others may have moved on.
    if (held !== address && courseOf(service, this.className) === 'leave') this.#release(key);
    if (address === undefined || this.#pool.addressOf(key) !== undefined) return;
    if (this.#pool.claim(address, key)) return;
    this.#deps.log.warn(
      { service: key, address, owner: this.#pool.ownerOf(address) },
      'two services have one address; the later one gets another',
    );
    this.#look(key);
  }

  /** @throws AddressError when it cannot have one now */
  #settleAddress(service: Service): string {
    const key = keyOf(service);
    this.#waiting.add(key);
    const held = this.#pool.addressOf(key);
    const asked = requestedAddress(service);
    const address = asked === undefined ? (held ?? this.#allocate(key)) : this.#claim(asked, key);
    this.#waiting.delete(key);
    if (held !== undefined && held !== address) this.#wakeWaiting();
    return address;
  }

  #allocate(key: string): string {
    const nodes = this.#nodeAddresses();
    const address = this.#pool.allocate(key, (ip) => nodes.has(ip));
    if (address !== undefined) return address;
    throw new AddressError('no address is left in --load-balancer-ranges');
  }

  #claim(asked: string, key: string): string {
    if (!this.#pool.contains(asked)) {
      throw new AddressError(`the requested address ${asked} is not in --load-balancer-ranges`);
    }
    if (this.#nodeAddresses().has(asked)) {
      throw new AddressError(`the requested address ${asked} is the address of a node`);
    }
    if (this.#pool.claim(asked, key)) return asked;
    const owner = this.#pool.ownerOf(asked);
    throw new AddressError(`the requested address ${asked} is taken by Service ${owner}`);
  }

  /** Ranges may lie around the nodes' own addresses: those are never given out. */
  #nodeAddresses(): Set<string> {
    const nodes = this.#deps.informers.nodes.list();
    return new Set(nodes.flatMap(({ status }) => (status?.addresses ?? []).map((a) => a.address)));
  }

  #release(key: string): void {
    this.#waiting.delete(key);
    if (this.#pool.release(key)) this.#wakeWaiting();
  }

  #wakeWaiting(): void {
    for (const key of this.#waiting) this.#look(key);
  }

  async #settleSpeaker(service: Service, address: string, nodes: readonly Node[]): Promise<void> {
    const names = nodes.map(nameOf);
    const current = speakerOf(service);
    const hosts = wantsLocalEndpoints(service) ? this.#endpointHosts(keyOf(service)) : undefined;
    const candidates = hosts === undefined ? names : names.filter((name) => hosts.has(name));
    const speaker = chooseSpeaker({ address, current, candidates });
    if (speaker !== current) await this.#writeSpeaker(service, speaker);
  }

  async #writeSpeaker(service: Service, speaker: string | undefined): Promise<void> {
    if (speakerOf(service) === speaker) return;
    const annotations = { [LOAD_BALANCER_NODE]: speaker ?? null };
    const body = { metadata: { uid: uidOf(service), annotations } };
    try {
      await this.#api.patch(namespaceOf(service), nameOf(service), 'merge', body);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  #endpointHosts(key: string): Set<string> {
    const slices = this.#deps.informers.endpointNodes.byIndex('service', key);
    return new Set(slices.flatMap(({ endpoints }) => endpoints.flatMap((e) => e.nodeName ?? [])));
  }

  #endpointsMoved(slice: EndpointSlice): void {
    const name = slice.metadata.labels?.[SERVICE_NAME_LABEL] ?? '';
    const key = `${namespaceOf(slice)}/${name}`;
    const service = this.#deps.informers.services.get(key);
    if (service === undefined || this.#pool.addressOf(key) === undefined) return;
    if (wantsLocalEndpoints(service)) this.#look(key);
  }
}

const nodesIn = (slice: EndpointSlice): string =>
  slice.endpoints.map(({ nodeName }) => nodeName ?? '').join();
