import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Node } from '@kubets/api';
import { masqueradeChain, masqueradeRules } from './masquerade.ts';
import {
  difference,
  isRange,
  peersOf,
  planNetwork,
  type Route,
  tunnelAddress,
  tunnelMac,
} from './plan.ts';

function node(name: string, address: string | undefined, podCIDR?: string): Node {
  const addresses = [
    { type: 'Hostname', address: name },
    ...(address === undefined ? [] : [{ type: 'InternalIP', address }]),
  ];
  const spec = podCIDR === undefined ? {} : { podCIDR };
  return { apiVersion: 'v1', kind: 'Node', metadata: { name }, spec, status: { addresses } };
}

const PEERS = peersOf(
  [node('b', '192.0.2.2', '10.244.2.0/24'), node('a', '192.0.2.1', '10.244.1.0/24')],
  'self',
);

describe('peers', () => {
  it('are the other nodes, in order', () => {
    assert.deepEqual(
      PEERS.map(({ name }) => name),
      ['a', 'b'],
    );
    assert.deepEqual(peersOf([node('self', '192.0.2.9', '10.244.9.0/24')], 'self'), []);
  });

  it('have an address and a range, or are not reached yet', () => {
    const odd = [
      node('a', undefined, '10.244.1.0/24'),
      node('b', '192.0.2.2'),
      node('c', 'fd00::3', '10.244.3.0/24'),
      node('d', '192.0.2.4', 'fd00:4::/64'),
      node('e', '192.0.2.5', '10.244.5.0/33'),
    ];
    assert.deepEqual(peersOf(odd, 'self'), []);
  });
});

describe('the plan', () => {
  it('routes ranges to the addresses of nodes that share a network', () => {
    assert.deepEqual(planNetwork('host-routes', PEERS, 'kx-1'), {
      routes: [
        { to: '10.244.1.0/24', via: '192.0.2.1', dev: undefined },
        { to: '10.244.2.0/24', via: '192.0.2.2', dev: undefined },
      ],
      ends: [],
    });
  });

  it('routes ranges into the tunnel, whose far ends are known', () => {
    const { routes, ends } = planNetwork('vxlan', PEERS.slice(0, 1), 'kx-1');
    assert.deepEqual(routes, [{ to: '10.244.1.0/24', via: '10.244.1.0', dev: 'kx-1' }]);
    assert.deepEqual(ends, [
      { address: '10.244.1.0', mac: tunnelMac('192.0.2.1'), node: '192.0.2.1' },
    ]);
  });

  it('is empty without a network', () => {
    assert.deepEqual(planNetwork('none', PEERS, 'kx-1'), { routes: [], ends: [] });
  });
});

it('hardware addresses are local, for one card, and different for every node', () => {
  const all = new Set(
    Array.from({ length: 5_000 }, (_, i) => tunnelMac(`10.0.${i >> 8}.${i & 255}`)),
  );
  assert.equal(all.size, 5_000);
  for (const mac of all) assert.match(mac, /^[0-9a-f][26ae](:[0-9a-f]{2}){5}$/);
  assert.equal(tunnelAddress('10.244.7.0/24'), '10.244.7.0');
});

it('ranges are told from what is none', () => {
  for (const good of ['10.0.0.0/8', '192.0.2.1/32']) assert.ok(isRange(good), good);
  for (const bad of ['', '10.0.0.0', '10.0.0/8', '10.0.0.256/8', '10.0.0.0/33', 'fd00::/8']) {
    assert.ok(!isRange(bad), bad);
  }
});

it('what is there stays, what differs is replaced, what is not wanted goes', () => {
  const route = (to: string, via: string): Route => ({ to, via, dev: undefined });
  const wanted = [route('1', 'a'), route('2', 'b'), route('3', 'c')];
  const present = [route('1', 'a'), route('2', 'x'), route('4', 'd')];
  assert.deepEqual(
    difference(wanted, present, ({ to }) => to),
    {
      add: [route('2', 'b'), route('3', 'c')],
      remove: [route('4', 'd')],
    },
  );
});

it('pods keep their addresses within the cluster only', () => {
  const chain = masqueradeChain('kb-0123456789');
  assert.ok(chain.length <= 28, 'the longest name iptables takes');
  const rules = masqueradeRules({ chain, podCidr: '10.244.1.0/24', clusterCidr: '10.244.0.0/16' });
  assert.deepEqual(rules.split('\n'), [
    '*nat',
    ':KUBETS-MASQ-0123456789 - [0:0]',
    '-A KUBETS-MASQ-0123456789 ! -s 10.244.1.0/24 -j RETURN',
    '-A KUBETS-MASQ-0123456789 -d 10.244.0.0/16 -j RETURN',
    '-A KUBETS-MASQ-0123456789 -d 224.0.0.0/4 -j RETURN',
    '-A KUBETS-MASQ-0123456789 -j MASQUERADE --random-fully',
    'COMMIT',
    '',
  ]);
});
