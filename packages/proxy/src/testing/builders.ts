/** Service ports in few words, for tests. */
import type { ProxyEndpoint, ProxyServicePort } from '../ports.ts';

export function testEndpoint(ip: string, more: Partial<ProxyEndpoint> = {}): ProxyEndpoint {
  return { ip, port: 8080, ready: true, servingTerminating: false, local: true, ...more };
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
