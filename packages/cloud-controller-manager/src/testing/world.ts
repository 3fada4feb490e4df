/** A cluster in memory with the cloud loops on it, for tests. */
import type { EndpointSlice, Service } from '@kubets/api';
import { LOAD_BALANCER_NODE } from '@kubets/api';
import { node, service, TestCluster } from '@kubets/controller-manager/testing';
import { parseRanges } from '@kubets/platform';
import {
  type CloudOptions,
  CONTROLLERS,
  type ControllerName,
  cloudControllers,
} from '../controllers.ts';
import { EMPTY_INVENTORY, type Inventory } from '../local/inventory.ts';
import { PROVIDERS } from '../providers.ts';

export interface WorldOptions {
  ranges?: string[];
  nodes?: string[];
  lagging?: boolean;
  seed?: number;
  controllers?: ControllerName[];
}

const PERIOD_MS = 5_000;

export class World {
  readonly cluster: TestCluster;
  inventory: Inventory = EMPTY_INVENTORY;

  constructor(options: WorldOptions = {}) {
    const { ranges = ['192.0.2.10-192.0.2.12'], nodes = ['a', 'b', 'c'] } = options;
    const known = Object.keys(CONTROLLERS) as ControllerName[];
    const wanted: CloudOptions = {
      controllers: new Set(options.controllers ?? known),
      serviceSyncs: 2,
      nodeSyncs: 1,
      nodeMonitorPeriodMs: PERIOD_MS,
      nodeUpdatePeriodMs: PERIOD_MS,
    };
    this.cluster = new TestCluster({
      seed: options.seed ?? 1,
      lagging: options.lagging ?? false,
      controllers: (deps) => {
        const inventory = () => Promise.resolve(this.inventory);
        const provider = PROVIDERS.local(deps, { ranges: parseRanges(ranges, '--r'), inventory });
        return cloudControllers(deps, provider, wanted);
      },
    });
    for (const name of nodes) this.cluster.addNode(node(name));
  }

  async start(): Promise<this> {
    await this.cluster.start();
    return this;
  }

  /** A Service of type LoadBalancer; at once, without waiting for what follows. */
  async expose(name: string, spec: Partial<Service['spec']> = {}, more: Partial<Service> = {}) {
    const made = service(name, { type: 'LoadBalancer', ...spec });
    await this.cluster.create('services', {
      ...made,
      metadata: { ...made.metadata, ...more.metadata },
      ...(more.status && { status: more.status }),
    });
  }

  service(name: string): Service {
    return this.cluster.get<Service>('services', name);
  }

  ip(name: string): string | undefined {
    return this.service(name).status?.loadBalancer?.ingress?.[0]?.ip;
  }

  speaker(name: string): string | undefined {
    return this.service(name).metadata.annotations?.[LOAD_BALANCER_NODE];
  }

  /** Reasons of the events so far, each once, in the order they came. */
  reasons(): string[] {
    return [...new Set(this.cluster.events().map((text) => text.split(':')[0] ?? ''))];
  }

  /** Ready endpoints of a service on these nodes. */
  async endpoints(name: string, ...nodes: string[]): Promise<void> {
    const slice: EndpointSlice = {
      metadata: {
        name: `${name}-1`,
        namespace: 'default',
        labels: { 'kubernetes.io/service-name': name },
      },
      addressType: 'IPv4',
      endpoints: nodes.map((nodeName, at) => ({ addresses: [`10.244.0.${at + 1}`], nodeName })),
      ports: [{ port: 8080 }],
    };
    if (!this.cluster.has('endpointslices', `${name}-1`)) {
      await this.cluster.create('endpointslices', slice);
      return;
    }
    await this.cluster.change<EndpointSlice>('endpointslices', `${name}-1`, (one) => {
      one.endpoints = slice.endpoints;
    });
  }
}
