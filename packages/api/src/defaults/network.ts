/** Defaults of services, endpoints, ingresses and network policies. */
import type {
  EndpointSlice,
  Endpoints,
  IngressClass,
  NetworkPolicy,
  Service,
} from '../generated/types.ts';

const DEFAULT_AFFINITY_SECONDS = 10_800;

function isExposed(type: string): boolean {
  return type === 'NodePort' || type === 'LoadBalancer';
}

export function defaultService(service: Service): void {
  const spec = service.spec;
  if (!spec) return;
  spec.sessionAffinity ||= 'None';
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig;
  if (spec.sessionAffinity === 'ClientIP') {
    spec.sessionAffinityConfig ??= {};
    spec.sessionAffinityConfig.clientIP ??= {};
    spec.sessionAffinityConfig.clientIP.timeoutSeconds ??= DEFAULT_AFFINITY_SECONDS;
  }
  spec.type ||= 'ClusterIP';
  for (const port of spec.ports ?? []) {
    port.protocol ||= 'TCP';
    if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === '') {
      port.targetPort = port.port;
    }
  }
  const external = (spec.externalIPs ?? []).length > 0;
  if (isExposed(spec.type) || (spec.type === 'ClusterIP' && external)) {
    spec.externalTrafficPolicy ||= 'Cluster';
  }
  if (spec.type === 'ClusterIP' || isExposed(spec.type)) spec.internalTrafficPolicy ??= 'Cluster';
  if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true;
  for (const ingress of service.status?.loadBalancer?.ingress ?? []) {
    if (ingress.ip) ingress.ipMode ??= 'VIP';
  }
}

export function defaultEndpoints(endpoints: Endpoints): void {
  for (const subset of endpoints.subsets ?? []) {
    for (const port of subset.ports ?? []) port.protocol ||= 'TCP';
  }
}

export function defaultEndpointSlice(slice: EndpointSlice): void {
  for (const port of slice.ports ?? []) {
    port.name ??= '';
    port.protocol ??= 'TCP';
  }
}

export function defaultNetworkPolicy(policy: NetworkPolicy): void {
  const spec = policy.spec;
  if (!spec) return;
  for (const rule of [...(spec.ingress ?? []), ...(spec.egress ?? [])]) {
    for (const port of rule.ports ?? []) port.protocol ??= 'TCP';
  }
  if ((spec.policyTypes ?? []).length === 0) {
    spec.policyTypes = (spec.egress ?? []).length > 0 ? ['Ingress', 'Egress'] : ['Ingress'];
  }
}

export function defaultIngressClass(ic: IngressClass): void {
  if (ic.spec?.parameters) ic.spec.parameters.scope ??= 'Cluster';
}
