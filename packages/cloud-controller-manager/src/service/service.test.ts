/** Whole stories of Services on a cluster in memory: the local provider, nodes that come and go, leaders that change. */
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { LoadBalancerStatus, Node, Service } from '@kubets/api';
import { LOAD_BALANCER_IP } from '@kubets/api';
import { node } from '@kubets/controller-manager/testing';
import { World, type WorldOptions } from '../testing/world.ts';
import { FINALIZER } from './decide.ts';

let world: World;
const begin = async (options?: WorldOptions): Promise<World> => {
  world = await new World(options).start();
  return world;
};
afterEach(() => world.cluster.stop());

/** The fake keeps status apart from the rest, as the API does. */
async function setReady(name: string, status: 'True' | 'False'): Promise<void> {
  const now = structuredClone(world.cluster.get<Node>('nodes', name));
  const condition = now.status?.conditions?.find(({ type }) => type === 'Ready');
  if (condition) condition.status = status;
  await world.cluster.api.resource<Node>('v1', 'nodes').updateStatus(now);
}

const status = (ip: string): { loadBalancer: LoadBalancerStatus } => ({
  loadBalancer: { ingress: [{ ip, ipMode: 'VIP' }] },
});
/** A Service as it was when nobody led. */
const seed = (name: string, ip: string, createdAt: string) =>
  world.cluster.api.seed('v1', 'services', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name,
      namespace: 'default',
      uid: `uid-of-${name}`,
      creationTimestamp: createdAt,
      finalizers: [FINALIZER],
    },
    spec: { type: 'LoadBalancer', clusterIP: '10.96.1.1', ports: [{ port: 80 }] },
    status: status(ip),
  });

describe('a Service of type LoadBalancer', () => {
  it('gets finalizer, address and a node that answers, and says so', async () => {
    await begin();
    await world.expose('web');
    await world.cluster.settle();
    assert.deepEqual(world.service('web').status, status('192.0.2.10'));
    assert.deepEqual(world.service('web').metadata.finalizers, [FINALIZER]);
    assert.ok(['a', 'b', 'c'].includes(world.speaker('web') ?? ''));
    assert.deepEqual(world.reasons(), ['EnsuringLoadBalancer', 'EnsuredLoadBalancer']);
  });

  it('has the finalizer before anything else is made, and keeps it until all is taken down', async () => {
    await begin();
    const seen: string[] = [];
    world.cluster.api.intercept = ({ verb, resource, subresource }) => {
      if (resource !== 'services' || verb !== 'patch') return;
      const { finalizers } = world.service('web').metadata;
      seen.push(`${subresource || 'object'} with${finalizers ? '' : 'out'} finalizer`);
    };
    await world.expose('web');
    await world.cluster.settle();
    assert.deepEqual(seen, [
      'object without finalizer',
      'object with finalizer',
      'status with finalizer',
    ]);
    await world.cluster.delete('services', 'web');
    await world.cluster.settle();
    assert.equal(world.cluster.has('services', 'web'), false);
    assert.ok(world.reasons().includes('DeletedLoadBalancer'));
  });

  it('gives its address back when it goes, or is no load balancer any more', async () => {
    await begin({ ranges: ['192.0.2.10'] });
    await world.expose('one');
    await world.cluster.settle();
    await world.cluster.delete('services', 'one');
    await world.cluster.settle();
    await world.expose('two');
    await world.cluster.settle();
    assert.equal(world.ip('two'), '192.0.2.10');
    await world.cluster.change<Service>('services', 'two', (two) => {
      if (two.spec) two.spec.type = 'ClusterIP';
    });
    await world.cluster.settle();
    assert.equal(world.ip('two'), undefined);
    assert.equal(world.speaker('two'), undefined);
    assert.deepEqual(world.service('two').metadata.finalizers ?? [], []);
    await world.expose('three');
    await world.cluster.settle();
    assert.equal(world.ip('three'), '192.0.2.10');
    assert.ok(world.reasons().includes('Type'));
  });

  it('of another class is left alone, of ours is served', async () => {
    await begin();
    await world.expose('theirs', { loadBalancerClass: 'example.com/other' });
    await world.expose('ours', { loadBalancerClass: 'kubets.io/local' });
    await world.cluster.settle();
    assert.equal(world.ip('theirs'), undefined);
    assert.equal(world.service('theirs').metadata.finalizers, undefined);
    assert.equal(world.ip('ours'), '192.0.2.10');
  });

  it('keeps out of the way of addresses that somebody else gave out', async () => {
    await begin();
    await world.expose('theirs', { loadBalancerClass: 'example.com/other' });
    const theirs = { ...world.service('theirs'), status: status('192.0.2.10') };
    await world.cluster.api.resource<Service>('v1', 'services').updateStatus(theirs);
    await world.cluster.settle();
    await world.expose('ours');
    await world.cluster.settle();
    assert.equal(world.ip('ours'), '192.0.2.11');
  });

  it('gets back what somebody took from its status', async () => {
    await begin();
    await world.expose('web');
    await world.cluster.settle();
    const robbed = { ...world.service('web'), status: { loadBalancer: {} } };
    await world.cluster.api.resource<Service>('v1', 'services').updateStatus(robbed);
    await world.cluster.settle();
    assert.equal(world.ip('web'), '192.0.2.10');
  });
});

describe('an address that is asked for', () => {
  const asking: [string, object, object][] = [
    ['in the spec', { loadBalancerIP: '192.0.2.12' }, {}],
    ['by annotation', {}, { [LOAD_BALANCER_IP]: '192.0.2.12' }],
    [
      'by both: the annotation',
      { loadBalancerIP: '192.0.2.11' },
      { [LOAD_BALANCER_IP]: '192.0.2.12' },
    ],
  ];
  for (const [how, spec, annotations] of asking) {
    it(`${how}: is given`, async () => {
      await begin();
      await world.expose('web', spec, { metadata: { annotations } } as Partial<Service>);
      await world.cluster.settle();
      assert.equal(world.ip('web'), '192.0.2.12');
    });
  }

  it('moves the Service when it changes, and frees the old one', async () => {
    await begin({ ranges: ['192.0.2.10-192.0.2.11'] });
    await world.expose('web');
    await world.cluster.settle();
    await world.cluster.change<Service>('services', 'web', (web) => {
      if (web.spec) web.spec.loadBalancerIP = '192.0.2.11';
    });
    await world.cluster.settle();
    assert.equal(world.ip('web'), '192.0.2.11');
    await world.expose('next');
    await world.cluster.settle();
    assert.equal(world.ip('next'), '192.0.2.10');
  });

  it('is refused out of range, of a node, or of another; and given once it is free', async () => {
    await begin();
    const addressed = node('d');
    addressed.status = {
      ...addressed.status,
      addresses: [{ type: 'InternalIP', address: '192.0.2.11' }],
    };
    world.cluster.addNode(addressed);
    await world.expose('holder', { loadBalancerIP: '192.0.2.12' });
    await world.cluster.until('the holder has it', () => world.ip('holder') === '192.0.2.12');
    await world.expose('far', { loadBalancerIP: '198.51.100.1' });
    await world.expose('node', { loadBalancerIP: '192.0.2.11' });
    await world.expose('second', { loadBalancerIP: '192.0.2.12' });
    await world.cluster.pass(2_000);
    const said = world.cluster.events().filter((text) => text.startsWith('SyncLoadBalancerFailed'));
    for (const message of [
      /198\.51\.100\.1 is not in --load-balancer-ranges/,
      /192\.0\.2\.11 is the address of a node/,
      /192\.0\.2\.12 is taken by Service default\/holder/,
    ]) {
      assert.ok(
        said.some((text) => message.test(text)),
        `${message}: ${said.join('; ')}`,
      );
    }
    assert.deepEqual(
      ['far', 'node', 'second'].map((name) => world.ip(name)),
      [undefined, undefined, undefined],
    );
    await world.cluster.delete('services', 'holder');
    await world.cluster.until('freed and given', () => world.ip('second') === '192.0.2.12');
  });
});

describe('a pool that is too small', () => {
  it('gives to those that came first, tells the others, and serves them once there is room', async () => {
    await begin();
    for (const name of ['s1', 's2', 's3']) await world.expose(name);
    await world.cluster.settle();
    await world.expose('s4');
    await world.cluster.pass(2_000);
    assert.equal(world.ip('s4'), undefined);
    assert.ok(
      world.cluster
        .events()
        .includes(
          'SyncLoadBalancerFailed: Error syncing load balancer: no address is left in --load-balancer-ranges',
        ),
    );
    const freed = world.ip('s2');
    assert.ok(freed);
    await world.cluster.delete('services', 's2');
    await world.cluster.until('served', () => world.ip('s4') === freed);
  });
});

describe('a change of leaders', () => {
  it('changes no address', async () => {
    await begin({ ranges: ['192.0.2.0/28'] });
    for (const name of ['s1', 's2', 's3']) await world.expose(name);
    await world.cluster.settle();
    await world.cluster.delete('services', 's1');
    await world.cluster.settle();
    const facts = () => ['s2', 's3'].map((name) => [world.ip(name), world.speaker(name)]);
    const before = facts();
    world.cluster.failover();
    await world.cluster.settle();
    assert.deepEqual(facts(), before);
    await world.expose('s4');
    await world.cluster.settle();
    assert.equal(world.ip('s4'), '192.0.2.1');
  });

  it('never gives an address twice, however far caches are behind', async () => {
    for (const seed of [1, 2, 3, 4]) {
      await begin({ lagging: true, seed, ranges: ['192.0.2.1-192.0.2.6'] });
      for (let i = 0; i < 12; i += 1) {
        await world.expose(`s${i}`);
        if (i % 3 === 0) world.cluster.failover();
        if (i % 4 === 3) await world.cluster.delete('services', `s${i - 2}`);
        await world.cluster.turn();
        unique();
      }
      await world.cluster.until('six served', () => unique() === 6);
      await world.cluster.stop();
    }
  });

  it('settles two Services with one address: the older keeps it', async () => {
    world = new World();
    seed('young', '192.0.2.10', '2026-01-02T00:00:00Z');
    seed('aged', '192.0.2.10', '2025-01-02T00:00:00Z');
    await world.start();
    assert.deepEqual([world.ip('aged'), world.ip('young')], ['192.0.2.10', '192.0.2.11']);
  });

  it('takes down what was to be deleted while nobody led', async () => {
    world = new World();
    seed('web', '192.0.2.10', '2025-01-02T00:00:00Z');
    await world.cluster.delete('services', 'web');
    assert.equal(world.cluster.has('services', 'web'), true);
    await world.start();
    assert.equal(world.cluster.has('services', 'web'), false);
  });

  it('gives another address where the ranges are others now', async () => {
    world = new World();
    seed('web', '198.51.100.7', '2025-01-02T00:00:00Z');
    await world.start();
    assert.equal(world.ip('web'), '192.0.2.10');
  });
});

/** @returns how many Services have an address; each a different one, or the test fails */
function unique(): number {
  const all = world.cluster.list<Service>('services');
  const ips = all.flatMap(({ status: s }) => s?.loadBalancer?.ingress?.[0]?.ip ?? []);
  assert.equal(new Set(ips).size, ips.length, `twice: ${ips.join(' ')}`);
  return ips.length;
}

describe('the node that answers', () => {
  it('is replaced when it goes, stays when others do', async () => {
    await begin();
    await world.expose('web');
    await world.cluster.settle();
    const first = world.speaker('web') ?? '';
    const [other = '', last = ''] = ['a', 'b', 'c'].filter((name) => name !== first);
    await setReady(other, 'False');
    await world.cluster.settle();
    assert.equal(world.speaker('web'), first);
    await setReady(first, 'False');
    await world.cluster.settle();
    assert.equal(world.speaker('web'), last);
    await setReady(first, 'True');
    await world.cluster.settle();
    assert.equal(world.speaker('web'), last);
    await world.cluster.delete('nodes', last);
    await world.cluster.settle();
    assert.equal(world.speaker('web'), first);
    assert.ok(world.reasons().includes('UpdatedLoadBalancer'));
  });

  it('stays while no node is ready: nobody is better', async () => {
    await begin({ nodes: ['a'] });
    await world.expose('web');
    await world.cluster.settle();
    await setReady('a', 'False');
    await world.cluster.settle();
    assert.equal(world.speaker('web'), 'a');
    assert.ok(world.reasons().includes('UnAvailableLoadBalancer'));
  });

  it('comes with the first node', async () => {
    await begin({ nodes: [] });
    await world.expose('web');
    await world.cluster.settle();
    assert.equal(world.ip('web'), '192.0.2.10');
    assert.equal(world.speaker('web'), undefined);
    world.cluster.addNode(node('late'));
    await world.cluster.settle();
    assert.equal(world.speaker('web'), 'late');
  });

  it('has endpoints of its own under the Local policy, and follows them', async () => {
    await begin();
    await world.endpoints('web', 'b');
    await world.expose('web', { externalTrafficPolicy: 'Local' });
    await world.cluster.settle();
    assert.equal(world.speaker('web'), 'b');
    await world.endpoints('web', 'b', 'c');
    await world.cluster.settle();
    assert.equal(world.speaker('web'), 'b');
    await world.endpoints('web', 'c');
    await world.cluster.settle();
    assert.equal(world.speaker('web'), 'c');
    await world.endpoints('web');
    await world.cluster.settle();
    assert.equal(world.speaker('web'), 'c');
  });
});

describe('faults of the API', () => {
  it('a write that is refused is made again', async () => {
    await begin();
    let left = 3;
    world.cluster.api.intercept = ({ verb, resource }) => {
      if (resource !== 'services' || verb !== 'patch' || left === 0) return;
      left -= 1;
      throw new Error('no answer');
    };
    await world.expose('web');
    await world.cluster.until('served', () => world.ip('web') === '192.0.2.10');
    assert.equal(left, 0);
    assert.deepEqual(world.service('web').metadata.finalizers, [FINALIZER]);
  });
});
