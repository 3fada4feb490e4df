import {
  type EndpointSlice,
  isAlreadyExists,
  isConflict,
  isNotFound,
  type Service,
} from '@kubets/api';
import type { Api, ResourceApi } from '@kubets/client';
import { type Clock, errorMessage, type Logger } from '@kubets/platform';
import { REGISTER_PERIOD_MS, REGISTER_RETRY_MS } from '../limits.ts';
import { dashed } from '../names.ts';

const NAMESPACE = 'kube-system';
const SERVICE = 'kube-dns';
const MANAGER = 'dns.kubets.io';
/** Longest name of an object: a DNS subdomain (RFC 1123). */
const MAX_NAME = 253;

export interface RegistrationOptions {
  api: Api;
  clock: Clock;
  log: Logger;
  /** The Service's virtual address. */
  clusterDns: string;
  /** Where this server can be reached from pods. */
  address: string;
  port: number;
  /** The node this server runs on; absent: it belongs to none, and nobody speaks for it when it is lost. */
  nodeName?: string | undefined;
}

/**
 * Makes this server an endpoint of the Service `kube-system/kube-dns`. The Service has no selector:
 * each server keeps a slice of its own, so servers come and go without each other.
 */
export class Registration {
  readonly #options: RegistrationOptions;
  readonly #services: ResourceApi<Service>;
  readonly #slices: ResourceApi<EndpointSlice>;
  #timer: { cancel(): void } | undefined;
  #busy: Promise<void> = Promise.resolve();
  #stopped = false;
  #registered = false;

  constructor(options: RegistrationOptions) {
    this.#options = options;
    this.#services = options.api.resource<Service>('v1', 'services');
    this.#slices = options.api.resource<EndpointSlice>('discovery.k8s.io/v1', 'endpointslices');
  }

  /** Named after the node where there is one: a node that comes back with another address leaves no old one behind. */
  get sliceName(): string {
    const { nodeName, address, port } = this.#options;
    const byNode = `${SERVICE}-${nodeName}`;
    if (nodeName && byNode.length <= MAX_NAME) return byNode;
    return `${SERVICE}-${dashed(address)}-${port}`;
  }

  /** Whether the last look found, or made, everything in place. */
  get registered(): boolean {
    return this.#registered;
  }

  /** Registers, and looks again from time to time. */
  start(): void {
    this.#busy = this.#ensure();
  }

  /** Takes the slice away, so that no more queries come here. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#busy;
    try {
      await this.#slices.delete(NAMESPACE, this.sliceName);
    } catch (error) {
      if (!isNotFound(error)) {
        this.#options.log.info({ reason: errorMessage(error) }, 'slice not taken away');
      }
    }
  }

  async #ensure(): Promise<void> {
    const { clock, log } = this.#options;
    try {
      const service = await this.#ensureService();
      await this.#ensureSlice(service);
      if (!this.#registered) log.info({ slice: this.sliceName }, 'registered');
      this.#registered = true;
    } catch (error) {
      this.#registered = false;
      log.info({ reason: errorMessage(error) }, 'not registered yet');
    }
    if (this.#stopped) return;
    const waitMs = this.#registered ? REGISTER_PERIOD_MS : REGISTER_RETRY_MS;
    this.#timer = clock.setTimeout(() => this.start(), waitMs);
  }

  async #ensureService(): Promise<Service> {
    try {
      return await this.#services.get(NAMESPACE, SERVICE);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    try {
      return await this.#services.create(serviceOf(this.#options.clusterDns));
    } catch (error) {
      if (isAlreadyExists(error)) return this.#services.get(NAMESPACE, SERVICE);
      throw error;
    }
  }

  async #ensureSlice(service: Service): Promise<void> {
    const wanted = this.#sliceOf(service);
    const present = await this.#slices.get(NAMESPACE, this.sliceName).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    if (!present) {
      await this.#slices.create(wanted);
      return;
    }
    const [endpoint] = present.endpoints ?? [];
    // Not ready: the controllers thought the node lost. Whoever can write this is alive.
    const same =
      endpoint?.addresses[0] === this.#options.address &&
      endpoint.conditions?.ready === true &&
      endpoint.conditions.serving !== false &&
      endpoint.nodeName === wanted.endpoints[0]?.nodeName &&
      present.ports?.length === 2 &&
      present.ports.every((p) => p.port === this.#options.port) &&
      present.metadata.ownerReferences?.[0]?.uid === service.metadata.uid;
    if (same) return;
    const { resourceVersion } = present.metadata;
    const metadata = { ...wanted.metadata, resourceVersion };
    await this.#slices.update({ ...wanted, metadata }).catch((error: unknown) => {
      // Somebody else was quicker; the next look tells.
      if (!isConflict(error)) throw error;
    });
  }

  #sliceOf(service: Service): EndpointSlice {
    const { address, port, nodeName } = this.#options;
    const conditions = { ready: true, serving: true };
    return {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: this.sliceName,
        namespace: NAMESPACE,
        labels: {
          'kubernetes.io/service-name': SERVICE,
          'endpointslice.kubernetes.io/managed-by': MANAGER,
        },
        ownerReferences: [
          { apiVersion: 'v1', kind: 'Service', name: SERVICE, uid: service.metadata.uid ?? '' },
        ],
      },
      addressType: address.includes(':') ? 'IPv6' : 'IPv4',
      endpoints: [{ addresses: [address], conditions, ...(nodeName ? { nodeName } : {}) }],
      ports: [
        { name: 'dns', port, protocol: 'UDP' },
        { name: 'dns-tcp', port, protocol: 'TCP' },
      ],
    };
  }
}

function serviceOf(clusterIP: string): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: SERVICE,
      namespace: NAMESPACE,
      labels: {
        'k8s-app': SERVICE,
        'kubernetes.io/cluster-service': 'true',
        'kubernetes.io/name': 'KubeDNS',
      },
    },
    spec: {
      type: 'ClusterIP',
      clusterIP,
      ports: [
        { name: 'dns', port: 53, targetPort: 53, protocol: 'UDP' },
        { name: 'dns-tcp', port: 53, targetPort: 53, protocol: 'TCP' },
      ],
    },
  };
}
