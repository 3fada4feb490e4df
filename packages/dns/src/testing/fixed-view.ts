/** A cluster that stands still, for tests. */
import { canonicalIp } from '../names.ts';
import type { ClusterView, EndpointInfo, ServiceInfo, ServicePort } from '../ports.ts';

export interface FixedCluster {
  namespaces: string[];
  services: ServiceInfo[];
  endpoints: Record<string, EndpointInfo[]>;
}

export class FixedView implements ClusterView {
  cluster: FixedCluster;
  isSynced = true;

  constructor(cluster: FixedCluster) {
    this.cluster = cluster;
  }

  synced(): boolean {
    return this.isSynced;
  }

  hasNamespace(name: string): boolean {
    return this.cluster.namespaces.includes(name);
  }

  service(namespace: string, name: string): ServiceInfo | undefined {
    return this.cluster.services.find((s) => s.namespace === namespace && s.name === name);
  }

  endpoints(namespace: string, name: string): EndpointInfo[] {
    return this.cluster.endpoints[`${namespace}/${name}`] ?? [];
  }

  servicesByIp(ip: string): ServiceInfo[] {
    return this.cluster.services.filter((s) => s.clusterIps.map(canonicalIp).includes(ip));
  }

  endpointsByIp(ip: string): { service: ServiceInfo; endpoint: EndpointInfo }[] {
    return this.cluster.services.flatMap((service) =>
      this.endpoints(service.namespace, service.name)
        .filter((endpoint) => canonicalIp(endpoint.ip) === ip)
        .map((endpoint) => ({ service, endpoint })),
    );
  }
}

export function serviceInfo(name: string, parts: Partial<ServiceInfo>): ServiceInfo {
  return {
    namespace: 'default',
    name,
    clusterIps: [],
    headless: false,
    externalName: undefined,
    ports: [],
    ...parts,
  };
}

export const headless = (name: string, ports: ServicePort[]): ServiceInfo =>
  serviceInfo(name, { headless: true, ports });
