/** What the resolver knows of the cluster. Implemented over informers, and by a plain object in tests. */

export interface ServicePort {
  name: string;
  protocol: string;
  port: number;
}

export interface ServiceInfo {
  namespace: string;
  name: string;
  /** Empty for headless Services. */
  clusterIps: readonly string[];
  headless: boolean;
  /** Set for Services of type ExternalName. */
  externalName: string | undefined;
  ports: readonly ServicePort[];
}

/** One ready address behind a Service. */
export interface EndpointInfo {
  ip: string;
  hostname: string | undefined;
  ports: readonly ServicePort[];
}

export interface ClusterView {
  /** Whether the view is complete: before that, a missing name means nothing. */
  synced(): boolean;
  hasNamespace(name: string): boolean;
  service(namespace: string, name: string): ServiceInfo | undefined;
  endpoints(namespace: string, name: string): readonly EndpointInfo[];
  /** Services with this cluster IP, in normal spelling. */
  servicesByIp(ip: string): readonly ServiceInfo[];
  /** Services with an endpoint of this address, with that endpoint. */
  endpointsByIp(ip: string): readonly { service: ServiceInfo; endpoint: EndpointInfo }[];
}
