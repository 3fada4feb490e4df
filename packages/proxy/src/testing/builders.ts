/** Service ports in few words, for tests. */
import type { ProxyEndpoint, ProxyServicePort } from '../ports.ts';

export function testEndpoint(ip: string, more: Partial<ProxyEndpoint> = {}): ProxyEndpoint {
  const usual = { ready: true, servingTerminating: false, local: true, elsewhere: false };
  return { ip, port: 8080, ...usual, ...more };
}

export function testPort(name: string, more: Partial<ProxyServicePort> = {}): ProxyServicePort {
  return {
    name: `default/${name}`,
    protocol: 'tcp',
    clusterIP: '10.96.1.1',
    port: 80,
    nodePort: 0,
    externalIPs: [],
    loadBalancerIPs: [],
    sourceRanges: [],
    internalLocal: false,
    externalLocal: false,
    affinitySeconds: 0,
    endpoints: [],
    ...more,
  };
}

/** One endpoint of this node, one of another. */
export const SERVICE_ENDPOINTS = [
  testEndpoint('10.244.0.2'),
  testEndpoint('10.244.1.3', { local: false }),
];

/** Services that between them need every kind of rule. */
export const SERVICE_CASES: Record<string, readonly ProxyServicePort[]> = {
  empty: [],
  'cluster-ip': [testPort('web', { endpoints: SERVICE_ENDPOINTS })],
  'node-port': [
    testPort('web', {
      endpoints: SERVICE_ENDPOINTS,
      nodePort: 30_080,
      externalIPs: ['203.0.113.5'],
    }),
  ],
  'no-endpoints': [testPort('web', { nodePort: 30_080, externalIPs: ['203.0.113.5'] })],
  affinity: [testPort('web', { endpoints: SERVICE_ENDPOINTS, affinitySeconds: 600 })],
  'local-policies': [
    testPort('both', {
      endpoints: SERVICE_ENDPOINTS,
      nodePort: 30_080,
      externalLocal: true,
      internalLocal: true,
    }),
    testPort('elsewhere', {
      clusterIP: '10.96.1.2',
      endpoints: SERVICE_ENDPOINTS.slice(1),
      nodePort: 30_081,
      externalLocal: true,
      internalLocal: true,
    }),
  ],
  'load-balancer': [
    testPort('guarded', {
      endpoints: SERVICE_ENDPOINTS.slice(0, 1),
      loadBalancerIPs: ['203.0.113.9'],
      sourceRanges: ['198.51.100.0/24'],
    }),
    testPort('dns:udp', {
      clusterIP: '10.96.1.3',
      protocol: 'udp',
      port: 53,
      endpoints: SERVICE_ENDPOINTS.slice(0, 1),
      loadBalancerIPs: ['203.0.113.10'],
    }),
  ],
};
