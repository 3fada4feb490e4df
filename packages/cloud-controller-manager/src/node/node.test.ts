import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { Node, NodeAddress } from '@kubets/api';
import { node } from '@kubets/controller-manager/testing';
import { readInventory } from '../local/inventory.ts';
import { World } from '../testing/world.ts';
import { addressesFor, initialisation, isUninitialized, UNINITIALIZED_TAINT } from './decide.ts';

const waiting = { key: UNINITIALIZED_TAINT, value: 'true', effect: 'NoSchedule' };
const other = { key: 'dedicated', effect: 'NoSchedule' };
const address = (type: string, text: string): NodeAddress => ({ type, address: text });

describe('what a provider’s knowledge makes of a node', () => {
  it('identity and labels go on, the one taint goes', () => {
    const one = node('n', { taints: [other, waiting] });
    const metadata = { providerId: 'local://n', instanceType: 'small', zone: 'z' };
    assert.ok(isUninitialized(one));
    assert.deepEqual(initialisation(one, metadata), {
      metadata: {
        uid: 'uid-of-n',
        resourceVersion: undefined,
        labels: {
          'node.kubernetes.io/instance-type': 'small',
          'beta.kubernetes.io/instance-type': 'small',
          'topology.kubernetes.io/zone': 'z',
          'failure-domain.beta.kubernetes.io/zone': 'z',
        },
      },
      spec: { taints: [other], providerID: 'local://n' },
    });
  });

  it('an identity that is there stays', () => {
    const one = node('n', { taints: [waiting] });
    one.spec = { ...one.spec, providerID: 'aws:///i-1' };
    const patch = initialisation(one, { providerId: 'local://n' });
    assert.deepEqual(patch, {
      metadata: { uid: 'uid-of-n', resourceVersion: undefined, labels: {} },
      spec: { taints: [] },
    });
  });

  const ip = address('InternalIP', '192.0.2.1');
  const host = address('Hostname', 'n');
  const table: [string, NodeAddress[], NodeAddress[] | undefined, NodeAddress[] | undefined][] = [
    ['nothing said', [ip], undefined, undefined],
    ['the same said', [ip, host], [ip], undefined],
    [
      'another address',
      [ip, host],
      [address('InternalIP', '192.0.2.2')],
      [address('InternalIP', '192.0.2.2'), host],
    ],
    ['another name', [ip, host], [ip, address('Hostname', 'm')], [ip, address('Hostname', 'm')]],
    ['none at all', [ip, host], [], [host]],
  ];
  for (const [what, present, said, wanted] of table) {
    it(`addresses: ${what}`, () => {
      const one = node('n');
      one.status = { ...one.status, addresses: present };
      assert.deepEqual(addressesFor(one, { providerId: 'local://n', addresses: said }), wanted);
    });
  }
});

describe('the loops over nodes', () => {
  let world: World;
  afterEach(() => world.cluster.stop());
  const get = (name: string): Node => world.cluster.get<Node>('nodes', name);
  const inventory = (nodes: object) => readInventory({ region: 'home', zone: 'attic', nodes });

  it('initialise a node that waits, once, and leave others alone', async () => {
    world = new World({ nodes: ['plain'] });
    const addresses = [{ type: 'InternalIP', address: '192.0.2.77' }];
    world.inventory = inventory({ n: { instanceType: 'nuc', zone: 'cellar', addresses } });
    world.cluster.addNode(node('n', { taints: [waiting, other] }));
    await world.start();
    assert.equal(get('n').spec?.providerID, 'local://n');
    assert.deepEqual(get('n').spec?.taints, [other]);
    assert.equal(get('n').metadata.labels?.['topology.kubernetes.io/zone'], 'cellar');
    assert.equal(get('n').metadata.labels?.['topology.kubernetes.io/region'], 'home');
    assert.deepEqual(get('n').status?.addresses, addresses);
    assert.equal(get('plain').spec?.providerID, undefined);
    assert.deepEqual(world.cluster.events(), ['Synced: Node synced successfully']);
  });

  it('follow addresses later', async () => {
    world = await new World({ nodes: ['n'] }).start();
    const addresses = [{ type: 'InternalIP', address: '192.0.2.78' }];
    world.inventory = inventory({ n: { addresses } });
    await world.cluster.pass(6_000);
    assert.deepEqual(get('n').status?.addresses, addresses);
  });
});
