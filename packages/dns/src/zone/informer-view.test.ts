import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { EndpointSlice, Service } from '@kubets/api';
import { FakeApi } from '@kubets/client';
import { ManualClock, seededRandom, silentLogger } from '@kubets/platform';
import { InformerView } from './informer-view.ts';

const GROUP = 'discovery.k8s.io/v1';

function slice(
  name: string,
  service: string,
  endpoints: EndpointSlice['endpoints'],
): EndpointSlice {
  return {
    metadata: { name, namespace: 'default', labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4',
    endpoints,
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  };
}

const service = (name: string, spec: Service['spec']): Service => ({
  metadata: { name, namespace: 'default' },
  spec,
});

describe('the cluster as informers see it', () => {
  const clock = new ManualClock();
  const api = new FakeApi({ clock });
  const view = new InformerView({ api, clock, random: seededRandom(1), log: silentLogger });

  before(async () => {
    api.seed('v1', 'namespaces', { metadata: { name: 'default' } });
    const ports = [{ name: 'http', port: 80, protocol: 'TCP' }];
    api.seed('v1', 'services', service('web', { clusterIP: '10.96.1.1', ports }));
    api.seed('v1', 'services', service('db', { clusterIP: 'None', clusterIPs: ['None'], ports }));
    api.seed(
      'v1',
      'services',
      service('docs', { type: 'ExternalName', externalName: 'docs.example.org' }),
    );
    api.seed(
      GROUP,
      'endpointslices',
      slice('db-1', 'db', [
        { addresses: ['10.244.0.1'], hostname: 'db-0', conditions: { ready: true } },
        { addresses: ['10.244.0.2'], conditions: { ready: false } },
      ]),
    );
    api.seed(GROUP, 'endpointslices', slice('db-2', 'db', [{ addresses: ['10.244.0.3'] }]));
    assert.equal(view.synced(), false);
    view.start();
    await view.whenSynced();
    await api.settle();
  });

  after(() => view.stop());

  it('knows namespaces and services', () => {
    assert.equal(view.synced(), true);
    assert.equal(view.hasNamespace('default'), true);
    assert.equal(view.hasNamespace('other'), false);
    assert.deepEqual(view.service('default', 'web'), {
      namespace: 'default',
      name: 'web',
      clusterIps: ['10.96.1.1'],
      headless: false,
      externalName: undefined,
      ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
    });
    assert.equal(view.service('default', 'db')?.headless, true);
    assert.deepEqual(view.service('default', 'db')?.clusterIps, []);
    assert.equal(view.service('default', 'docs')?.externalName, 'docs.example.org');
    assert.equal(view.service('other', 'web'), undefined);
  });

  it('knows ready endpoints, over all slices', () => {
    const found = view.endpoints('default', 'db');
    assert.deepEqual(found.map((e) => [e.ip, e.hostname]).sort(), [
      ['10.244.0.1', 'db-0'],
      ['10.244.0.3', undefined],
    ]);
    assert.deepEqual(found[0]?.ports, [{ name: 'http', port: 8080, protocol: 'TCP' }]);
  });

  it('finds names by address', () => {
    assert.deepEqual(
      view.servicesByIp('10.96.1.1').map((s) => s.name),
      ['web'],
    );
    assert.deepEqual(
      view.endpointsByIp('10.244.0.1').map((e) => [e.service.name, e.endpoint.hostname]),
      [['db', 'db-0']],
    );
    assert.deepEqual(view.endpointsByIp('10.244.0.2'), []);
  });

  it('follows changes', async () => {
    const services = api.resource<Service>('v1', 'services');
    await services.delete('default', 'web');
    await services.create(service('web', { clusterIP: '10.96.2.2' }));
    await api.settle();
    assert.deepEqual(view.servicesByIp('10.96.1.1'), []);
    assert.deepEqual(
      view.servicesByIp('10.96.2.2').map((s) => s.name),
      ['web'],
    );
  });
});
