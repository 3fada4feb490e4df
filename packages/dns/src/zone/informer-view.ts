import type { EndpointSlice, KubeObject, Namespace, Service } from '@kubets/api';
import { type Api, Informer } from '@kubets/client';
import type { Clock, Logger, Random } from '@kubets/platform';
import { canonicalIp } from '../names.ts';
import type { ClusterView, EndpointInfo, ServiceInfo, ServicePort } from '../ports.ts';

const SERVICE_LABEL = 'kubernetes.io/service-name';

const keyOf = (object: KubeObject): string =>
  `${object.metadata.namespace ?? ''}/${object.metadata.name ?? ''}`;

const sliceService = (slice: EndpointSlice): string[] => {
  const name = slice.metadata.labels?.[SERVICE_LABEL];
  return name === undefined ? [] : [`${slice.metadata.namespace ?? ''}/${name}`];
};

const clusterIpsOf = (service: Service): string[] => {
  const { clusterIPs, clusterIP } = service.spec ?? {};
  const all = clusterIPs ?? (clusterIP ? [clusterIP] : []);
  return all.filter((ip) => ip !== '' && ip !== 'None');
};

const endpointIps = (slice: EndpointSlice): string[] =>
  (slice.endpoints ?? []).flatMap((e) => e.addresses.map(canonicalIp));

/** Only what records are made of; the rest is memory. */
function trimService(service: Service): Service {
  const { name, namespace, uid, resourceVersion } = service.metadata;
  const { type, clusterIP, clusterIPs, externalName, ports } = service.spec ?? {};
  return {
    metadata: { name, namespace, uid, resourceVersion },
    spec: { type, clusterIP, clusterIPs, externalName, ports },
  };
}

function trimSlice(slice: EndpointSlice): EndpointSlice {
  const { name, namespace, uid, resourceVersion, labels } = slice.metadata;
  const service = labels?.[SERVICE_LABEL];
  return {
    metadata: {
      name,
      namespace,
      uid,
      resourceVersion,
      ...(service === undefined ? {} : { labels: { [SERVICE_LABEL]: service } }),
    },
    addressType: slice.addressType,
    ports: slice.ports,
    endpoints: (slice.endpoints ?? [])
      .filter((e) => e.conditions?.ready !== false)
      .map(({ addresses, hostname }) => ({ addresses, hostname })),
  };
}

const trimNamespace = (namespace: Namespace): Namespace => {
  const { name, uid, resourceVersion } = namespace.metadata;
  return { metadata: { name, uid, resourceVersion } };
};

/** The cluster as informers see it. */
export class InformerView implements ClusterView {
  readonly #services: Informer<Service>;
  readonly #slices: Informer<EndpointSlice>;
  readonly #namespaces: Informer<Namespace>;

  constructor(base: { api: Api; clock: Clock; random: Random; log: Logger }) {
    this.#services = new Informer<Service>({
      ...base,
      gv: 'v1',
      resource: 'services',
      transform: trimService,
      indexers: { ip: (service) => clusterIpsOf(service).map(canonicalIp) },
    });
    this.#slices = new Informer<EndpointSlice>({
      ...base,
      gv: 'discovery.k8s.io/v1',
      resource: 'endpointslices',
      transform: trimSlice,
      indexers: { service: sliceService, ip: endpointIps },
    });
    this.#namespaces = new Informer<Namespace>({
      ...base,
      gv: 'v1',
      resource: 'namespaces',
      transform: trimNamespace,
    });
  }

  start(): void {
    for (const informer of this.#all()) informer.start();
  }

  stop(): void {
    for (const informer of this.#all()) informer.stop();
  }

  async whenSynced(): Promise<void> {
    await Promise.all(this.#all().map((informer) => informer.whenSynced()));
  }

  synced(): boolean {
    return this.#all().every((informer) => informer.synced());
  }

  hasNamespace(name: string): boolean {
    return this.#namespaces.get(name) !== undefined;
  }

  service(namespace: string, name: string): ServiceInfo | undefined {
    const service = this.#services.get(`${namespace}/${name}`);
    return service && infoOf(service);
  }

  endpoints(namespace: string, name: string): EndpointInfo[] {
    const slices = this.#slices.byIndex('service', `${namespace}/${name}`);
    return slices.flatMap(endpointsOf);
  }

  servicesByIp(ip: string): ServiceInfo[] {
    return this.#services.byIndex('ip', ip).map(infoOf);
  }

  endpointsByIp(ip: string): { service: ServiceInfo; endpoint: EndpointInfo }[] {
    const found: { service: ServiceInfo; endpoint: EndpointInfo }[] = [];
    for (const slice of this.#slices.byIndex('ip', ip)) {
      const service = this.#services.get(sliceService(slice)[0] ?? '');
      if (!service) continue;
      for (const endpoint of endpointsOf(slice)) {
        if (canonicalIp(endpoint.ip) === ip) found.push({ service: infoOf(service), endpoint });
      }
    }
    return found;
  }

  #all(): { start(): void; stop(): void; synced(): boolean; whenSynced(): Promise<void> }[] {
    return [this.#services, this.#slices, this.#namespaces];
  }
}

function infoOf(service: Service): ServiceInfo {
  const { type, clusterIP, externalName, ports } = service.spec ?? {};
  const { namespace = '', name = keyOf(service) } = service.metadata;
  return {
    namespace,
    name,
    clusterIps: clusterIpsOf(service),
    headless: clusterIP === 'None',
    externalName: type === 'ExternalName' ? externalName : undefined,
    ports: portsOf(ports),
  };
}

function endpointsOf(slice: EndpointSlice): EndpointInfo[] {
  const ports = portsOf(slice.ports);
  return (slice.endpoints ?? []).flatMap((endpoint) =>
    endpoint.addresses.map((ip) => ({ ip, hostname: endpoint.hostname, ports })),
  );
}

type Port = { name?: string | undefined; protocol?: string | undefined; port?: number | undefined };

const portsOf = (ports: readonly Port[] | undefined): ServicePort[] =>
  (ports ?? []).map((p) => ({
    name: p.name ?? '',
    protocol: p.protocol ?? 'TCP',
    port: p.port ?? 0,
  }));
