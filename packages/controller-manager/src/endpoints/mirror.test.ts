import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EndpointSlice, Endpoints, Service } from '@kubets/api';
import { service } from '../testing/builders.ts';
import { TestCluster } from '../testing/cluster.ts';
import { decideMirror, MIRROR_MANAGER } from './mirror.ts';
import { endpointMirroringController } from './mirroring.ts';

const web = (): Service => service('web', { selector: undefined });

function written(parts: Partial<Endpoints> = {}): Endpoints {
  return {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { name: 'web', namespace: 'default', uid: 'e', labels: { a: 'b' } },
    subsets: [
      {
        addresses: [{ ip: '10.1.2.4', hostname: 'h' }, { ip: '10.1.2.3' }, { ip: 'fd00::1' }],
        notReadyAddresses: [{ ip: '10.1.2.5', nodeName: 'n' }],
        ports: [{ name: 'p', port: 80, protocol: 'TCP' }],
      },
    ],
    ...parts,
  };
}

const shown = (slices: readonly EndpointSlice[]): unknown =>
  slices.map((slice) => [
    slice.addressType,
    (slice.ports ?? []).map((port) => port.port),
    (slice.endpoints ?? []).map((one) => [one.addresses[0], one.conditions?.ready]),
  ]);

describe('endpoints that users write', () => {
  it('are shown as one slice a family and set of ports', () => {
    const { create } = decideMirror({ service: web(), endpoints: written(), slices: [] });
    assert.deepEqual(shown(create), [
      [
        'IPv4',
        [80],
        [
          ['10.1.2.3', true],
          ['10.1.2.4', true],
          ['10.1.2.5', false],
        ],
      ],
      ['IPv6', [80], [['fd00::1', true]]],
    ]);
    const { labels, ownerReferences, generateName } = create[0]?.metadata ?? {};
    assert.equal(generateName, 'web-');
    assert.deepEqual(labels, {
      a: 'b',
      'kubernetes.io/service-name': 'web',
      'endpointslice.kubernetes.io/managed-by': MIRROR_MANAGER,
    });
    assert.equal(ownerReferences?.[0]?.kind, 'Endpoints');
    assert.equal(create[0]?.metadata.generateName, 'web-');
    assert.equal(create[0]?.endpoints?.[1]?.hostname, 'h');
    assert.equal(create[0]?.endpoints?.[2]?.nodeName, 'n');
  });

  it('need nothing more once they are', () => {
    const { create } = decideMirror({ service: web(), endpoints: written(), slices: [] });
    const again = decideMirror({ service: web(), endpoints: written(), slices: create });
    assert.deepEqual(again, { create: [], update: [], delete: [] });
  });

  const reasons: [string, Service | undefined, Endpoints | undefined][] = [
    ['their service is gone', undefined, written()],
    ['their service has a selector', service('web'), written()],
    ['they are gone', web(), undefined],
    [
      'they ask for it',
      web(),
      written({
        metadata: {
          name: 'web',
          namespace: 'default',
          labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' },
        },
      }),
    ],
  ];
  for (const [why, one, endpoints] of reasons) {
    it(`are shown no more when ${why}`, () => {
      const { create: slices } = decideMirror({ service: web(), endpoints: written(), slices: [] });
      const changes = decideMirror({ service: one, endpoints, slices });
      assert.deepEqual([changes.create, changes.update], [[], []]);
      assert.deepEqual(new Set(changes.delete), new Set(slices));
    });
  }

  it('are followed through their changes', async () => {
    const cluster = new TestCluster({
      controllers: (deps) => [endpointMirroringController(deps)],
    });
    await cluster.start();
    const slices = () => cluster.list<EndpointSlice>('endpointslices');
    const mine = written({ metadata: { name: 'web', namespace: 'default' } });
    await cluster.create('endpoints', mine);
    await cluster.settle();
    assert.deepEqual(slices(), []);
    await cluster.create('services', web());
    await cluster.settle();
    assert.equal(slices().length, 2);
    await cluster.change<Endpoints>('endpoints', 'web', (one) => {
      const ports = [{ name: 'p', port: 81, protocol: 'TCP' }];
      one.subsets = [{ addresses: [{ ip: '10.9.9.9' }], ports }];
    });
    await cluster.settle();
    assert.deepEqual(shown(slices()), [['IPv4', [81], [['10.9.9.9', true]]]]);
    await cluster.delete('endpoints', 'web');
    await cluster.settle();
    assert.deepEqual(slices(), []);
    await cluster.stop();
  });
});
