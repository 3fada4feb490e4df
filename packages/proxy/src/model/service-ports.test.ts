import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EndpointSlice, Service } from '@kubets/api';
import { testEndpoint } from '../testing/builders.ts';
import { servicePorts, usable, usableLocal } from './service-ports.ts';

type Spec = NonNullable<Service['spec']>;

const service = (spec: Spec, name = 'web'): Service => ({
  metadata: { name, namespace: 'default' },
  spec: { clusterIP: '10.96.1.1', ports: [{ port: 80 }], ...spec },
});

const slice = (
  endpoints: EndpointSlice['endpoints'],
  ports: NonNullable<EndpointSlice['ports']> = [{ port: 8080 }],
  more: Partial<EndpointSlice> = {},
): EndpointSlice => ({
  metadata: {
    name: 'web-abc',
    namespace: 'default',
    labels: { 'kubernetes.io/service-name': 'web' },
  },
  addressType: 'IPv4',
  endpoints,
  ports,
  ...more,
});

describe('servicePorts', () => {
  it('joins a port with the endpoints of the same name and protocol', () => {
    const ports = [
      { name: 'http', port: 80 },
      { name: 'dns', port: 53, protocol: 'UDP' },
      { name: 'none', port: 81 },
    ];
    const slices = [
      slice(
        [{ addresses: ['10.244.0.2'], nodeName: 'node-1' }],
        [
          { name: 'http', port: 8080 },
          { name: 'dns', port: 5353, protocol: 'UDP' },
          { name: 'dns', port: 5354, protocol: 'TCP' },
        ],
      ),
      slice([{ addresses: ['10.244.1.2'], nodeName: 'node-2' }], [{ name: 'http', port: 9090 }]),
    ];
    const found = servicePorts([service({ ports })], slices, { name: 'node-1' });
    const summary = found.map(({ name, protocol, endpoints }) => [
      `${name}/${protocol}`,
      endpoints.map(({ ip, port, local }) => `${ip}:${port}${local ? ' local' : ''}`),
    ]);
    assert.deepEqual(summary, [
      ['default/web:dns/udp', ['10.244.0.2:5353 local']],
      ['default/web:http/tcp', ['10.244.0.2:8080 local', '10.244.1.2:9090']],
      ['default/web:none/tcp', []],
    ]);
  });

  it('leaves out services without an address of their own', () => {
    const none: Spec[] = [
      { clusterIP: 'None' },
      { clusterIP: '' },
      { type: 'ExternalName', externalName: 'example.com' },
      { clusterIP: 'fd00::1' },
    ];
    for (const spec of none) assert.deepEqual(servicePorts([service(spec)], [], { name: 'n' }), []);
  });

  it('takes over what leads to the service', () => {
    const subject = service({
      type: 'LoadBalancer',
      ports: [{ port: 80, nodePort: 30_080 }],
      externalIPs: ['203.0.113.1', '2001:db8::1'],
      loadBalancerSourceRanges: ['10.0.0.0/8 '],
      internalTrafficPolicy: 'Local',
      externalTrafficPolicy: 'Local',
      sessionAffinity: 'ClientIP',
    });
    subject.status = {
      loadBalancer: {
        ingress: [{ ip: '203.0.113.9' }, { ip: '203.0.113.8', ipMode: 'Proxy' }, { hostname: 'x' }],
      },
    };
    const [port] = servicePorts([subject], [], { name: 'n' });
    assert.ok(port);
    assert.equal(port.nodePort, 30_080);
    assert.deepEqual(port.externalIPs, ['203.0.113.1']);
    assert.deepEqual(port.loadBalancerIPs, ['203.0.113.9']);
    assert.deepEqual(port.sourceRanges, ['10.0.0.0/8']);
    assert.equal(port.internalLocal && port.externalLocal, true);
    assert.equal(port.affinitySeconds, 10_800);
  });

  it('reads conditions, absent ones as ready', () => {
    const [port] = servicePorts(
      [service({})],
      [
        slice([
          { addresses: ['10.244.0.1'] },
          { addresses: ['10.244.0.2'], conditions: { ready: false } },
          {
            addresses: ['10.244.0.3'],
            conditions: { ready: false, serving: true, terminating: true },
          },
        ]),
        slice([{ addresses: ['fd00::1'] }], [{ port: 8080 }], { addressType: 'IPv6' }),
      ],
      { name: 'n' },
    );
    assert.deepEqual(
      port?.endpoints.map(({ ready, servingTerminating }) => [ready, servingTerminating]),
      [
        [true, false],
        [false, false],
        [false, true],
      ],
    );
  });
});

describe('hints of zones', () => {
  type Endpoint = EndpointSlice['endpoints'][number];
  const endpoint = (address: string, zone?: string, more: Partial<Endpoint> = {}): Endpoint => ({
    addresses: [address],
    ...(zone && { hints: { forZones: [{ name: zone }] } }),
    ...more,
  });
  const used = (endpoints: Endpoint[], zone?: string, pick = usable): string[] => {
    const [port] = servicePorts([service({})], [slice(endpoints)], { name: 'n', zone });
    return pick(port?.endpoints ?? []).map(({ ip }) => ip);
  };
  const [a, b] = [endpoint('10.0.0.1', 'a'), endpoint('10.0.0.2', 'b')];

  it('keep traffic in the zone of the node', () => {
    assert.deepEqual(used([a, b], 'a'), ['10.0.0.1']);
    assert.deepEqual(used([a, b], 'b'), ['10.0.0.2']);
  });

  it('count for nothing when a node has no zone, or one nothing is meant for', () => {
    assert.deepEqual(used([a, b]), ['10.0.0.1', '10.0.0.2']);
    assert.deepEqual(used([a, b], 'c'), ['10.0.0.1', '10.0.0.2']);
  });

  it('count for nothing unless every ready endpoint has one', () => {
    assert.deepEqual(used([a, b, endpoint('10.0.0.3')], 'a').length, 3);
    const down = endpoint('10.0.0.3', undefined, { conditions: { ready: false } });
    assert.deepEqual(used([a, b, down], 'a'), ['10.0.0.1']);
  });

  it('are not asked where only endpoints of the node count', () => {
    const here = endpoint('10.0.0.2', 'b', { nodeName: 'n' });
    assert.deepEqual(used([a, here], 'a', usableLocal), ['10.0.0.2']);
  });
});

describe('usable', () => {
  const ready = testEndpoint('10.244.0.1');
  const leaving = testEndpoint('10.244.0.2', { ready: false, servingTerminating: true });
  const down = testEndpoint('10.244.0.3', { ready: false });
  const far = testEndpoint('10.244.1.1', { local: false });

  it('takes ready endpoints, those leaving only when there are no others', () => {
    assert.deepEqual(usable([ready, leaving, down]), [ready]);
    assert.deepEqual(usable([leaving, down]), [leaving]);
    assert.deepEqual(usable([down]), []);
  });

  it('looks at this node alone where asked to', () => {
    assert.deepEqual(usableLocal([far, leaving]), [leaving]);
    assert.deepEqual(usableLocal([far]), []);
  });
});
