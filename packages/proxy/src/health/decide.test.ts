import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EndpointSlice, Service } from '@kubets/api';
import { healthAnswer, healthPorts } from './decide.ts';

type Spec = NonNullable<Service['spec']>;

const service = (name: string, healthCheckNodePort: number, more: Partial<Spec> = {}): Service => ({
  metadata: { name, namespace: 'default' },
  spec: { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort, ...more },
});

const slice = (
  of: string,
  endpoints: EndpointSlice['endpoints'],
  more: Partial<EndpointSlice> = {},
): EndpointSlice => ({
  metadata: {
    name: `${of}-abc`,
    namespace: 'default',
    labels: { 'kubernetes.io/service-name': of },
  },
  addressType: 'IPv4',
  endpoints,
  ...more,
});

const counts = (services: Service[], slices: EndpointSlice[]): unknown[] =>
  healthPorts(services, slices, 'node-1').map((one) => [one.port, one.name, one.localEndpoints]);

describe('healthPorts', () => {
  it('counts the ready endpoints of this node, an address once', () => {
    const here = { nodeName: 'node-1' };
    const slices = [
      slice('web', [
        { ...here, addresses: ['10.244.0.2'] },
        { ...here, addresses: ['10.244.0.3'], conditions: { ready: true } },
        { ...here, addresses: ['10.244.0.4'], conditions: { ready: false } },
        {
          ...here,
          addresses: ['10.244.0.5'],
          conditions: { ready: false, serving: true, terminating: true },
        },
        { addresses: ['10.244.1.2'], nodeName: 'node-2' },
        { addresses: ['10.244.1.3'] },
      ]),
      // The same pod in a slice of another port, and the pod's other family.
      slice('web', [{ ...here, addresses: ['10.244.0.2'] }]),
      slice('web', [{ ...here, addresses: ['fd00::2'] }], { addressType: 'IPv6' }),
      slice('other', [{ ...here, addresses: ['10.244.0.9'] }]),
    ];
    assert.deepEqual(counts([service('web', 30_001)], slices), [[30_001, 'web', 2]]);
  });

  it('keeps services of the same name in other namespaces apart', () => {
    const far = slice('web', [{ addresses: ['10.244.0.2'], nodeName: 'node-1' }]);
    far.metadata.namespace = 'far';
    assert.deepEqual(counts([service('web', 30_001)], [far]), [[30_001, 'web', 0]]);
  });

  it('is for load balancers with the policy Local, and a port', () => {
    const services = [
      service('a', 30_001, { externalTrafficPolicy: 'Cluster' }),
      service('b', 30_002, { type: 'NodePort' }),
      service('c', 0),
      service('d', 30_004),
    ];
    assert.deepEqual(counts(services, []), [[30_004, 'd', 0]]);
  });

  it('gives a port that two services name to the first', () => {
    assert.deepEqual(counts([service('b', 30_001), service('a', 30_001)], []), [[30_001, 'a', 0]]);
  });
});

describe('healthAnswer', () => {
  const of = { port: 30_001, namespace: 'default', name: 'web', localEndpoints: 2 };

  it('is 200 with endpoints, in the stock form', () => {
    const { status, headers, body } = healthAnswer(of, true);
    assert.equal(status, 200);
    assert.deepEqual(headers, {
      'Content-Type': 'application/json',
      'X-Content-Type-Options': 'nosniff',
      'X-Load-Balancing-Endpoint-Weight': '2',
    });
    assert.deepEqual(JSON.parse(body), {
      service: { namespace: 'default', name: 'web' },
      localEndpoints: 2,
      serviceProxyHealthy: true,
    });
  });

  it('is 503 without endpoints, and while the proxy is not healthy', () => {
    const none = healthAnswer({ ...of, localEndpoints: 0 }, true);
    assert.equal(none.status, 503);
    assert.equal(none.headers['X-Load-Balancing-Endpoint-Weight'], '0');
    const ill = healthAnswer(of, false);
    assert.equal(ill.status, 503);
    assert.equal(JSON.parse(ill.body).serviceProxyHealthy, false);
  });
});
