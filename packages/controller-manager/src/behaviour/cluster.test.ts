import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type {
  ConfigMap,
  EndpointSlice,
  Endpoints,
  KubeObject,
  Lease,
  Namespace,
  Node,
  Pod,
  Service,
} from '@kubets/api';
import { endpointSliceController, endpointsController } from '../endpoints/reconciler.ts';
import { garbageCollector } from '../garbage-collector/reconciler.ts';
import { namespaceController } from '../namespace/reconciler.ts';
import { parseCidr } from '../node-ipam/allocator.ts';
import { nodeIpamController } from '../node-ipam/reconciler.ts';
import { nodeLifecycleControllers } from '../node-lifecycle/reconciler.ts';
import { formatTime, isDeleting, nameOf } from '../objects/meta.ts';
import { isReady } from '../objects/pods.ts';
import { podGcController } from '../podgc/reconciler.ts';
import { rootCaController, serviceAccountController } from '../serviceaccount/reconciler.ts';
import { taintEvictionController } from '../taint-eviction/reconciler.ts';
import { type NodeParts, node as nodeWith, service } from '../testing/builders.ts';
import { type MakeControllers, namespace, TestCluster } from '../testing/cluster.ts';

let cluster: TestCluster;

async function start(controllers: MakeControllers, gracefulPods = false): Promise<TestCluster> {
  cluster = new TestCluster({ controllers, gracefulPods });
  await cluster.start();
  return cluster;
}

afterEach(() => cluster.stop());

function pod(name: string, parts: { node?: string; labels?: Record<string, string> } = {}): Pod {
  const { node, labels = { app: 'web' } } = parts;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels },
    spec: {
      containers: [{ name: 'c', image: 'v1', ports: [{ name: 'http', containerPort: 8080 }] }],
      ...(node === undefined ? {} : { nodeName: node }),
    },
  };
}

describe('services', () => {
  const both: MakeControllers = (deps) => [
    endpointsController(deps),
    endpointSliceController(deps),
  ];
  const web = (): Service => {
    const { apiVersion, kind, spec } = service('web', {
      ports: [{ port: 80, targetPort: 'http' }],
    });
    return {
      apiVersion,
      kind,
      metadata: { name: 'web', namespace: 'default' },
      ...(spec ? { spec } : {}),
    };
  };
  const sliceIps = (): string[] =>
    cluster
      .list<EndpointSlice>('endpointslices')
      .flatMap((s) => s.endpoints ?? [])
      .flatMap((e) => e.addresses)
      .sort();

  it('show their pods, ready or not, and forget them', async () => {
    await start(both);
    cluster.addNode({ metadata: { name: 'n1' } });
    await cluster.create('services', web());
    await cluster.settle();
    assert.deepEqual(cluster.get<Endpoints>('endpoints', 'web').subsets ?? [], []);
    cluster.brokenImages.add('sick');
    await cluster.create('pods', pod('a', { node: 'n1' }));
    const sick = pod('b', { node: 'n1' });
    if (sick.spec?.containers[0]) sick.spec.containers[0].image = 'sick';
    await cluster.create('pods', sick);
    await cluster.create('pods', pod('stranger', { labels: { app: 'api' } }));
    await cluster.settle();
    const [subset] = cluster.get<Endpoints>('endpoints', 'web').subsets ?? [];
    assert.deepEqual(
      subset?.addresses?.map((a) => a.targetRef?.name),
      ['a'],
    );
    assert.deepEqual(
      subset?.notReadyAddresses?.map((a) => a.targetRef?.name),
      ['b'],
    );
    assert.deepEqual(
      subset?.ports?.map((p) => p.port),
      [8080],
    );
    const [slice] = cluster.list<EndpointSlice>('endpointslices');
    assert.deepEqual(
      slice?.endpoints?.map((e) => [e.targetRef?.name, e.conditions?.ready]).sort(),
      [
        ['a', true],
        ['b', false],
      ],
    );
    await cluster.delete('pods', 'a');
    await cluster.delete('pods', 'b');
    await cluster.settle();
    assert.deepEqual(sliceIps(), []);
    assert.deepEqual(cluster.get<Endpoints>('endpoints', 'web').subsets ?? [], []);
  });

  it('put back what somebody else changed or deleted', async () => {
    await start(both);
    await cluster.create('services', web());
    await cluster.create('pods', pod('a', { node: 'n1' }));
    await cluster.settle();
    const before = sliceIps();
    const [name] = cluster.names('endpointslices');
    await cluster.change<EndpointSlice>('endpointslices', name ?? '', (s) => {
      s.endpoints = [];
    });
    await cluster.delete('endpoints', 'web');
    await cluster.settle();
    assert.deepEqual(sliceIps(), before);
    assert.equal(cluster.get<Endpoints>('endpoints', 'web').subsets?.length, 1);
    await cluster.delete('endpointslices', name ?? '');
    await cluster.settle();
    assert.deepEqual(sliceIps(), before);
  });

  it('without a selector are left to their owner', async () => {
    await start(both);
    const manual = web();
    if (manual.spec) manual.spec.selector = undefined;
    await cluster.create('services', manual);
    const mine: Endpoints = {
      apiVersion: 'v1',
      kind: 'Endpoints',
      metadata: { name: 'web', namespace: 'default' },
      subsets: [{ addresses: [{ ip: '192.0.2.1' }] }],
    };
    await cluster.create('endpoints', mine);
    await cluster.settle();
    assert.deepEqual(cluster.get<Endpoints>('endpoints', 'web').subsets, mine.subsets);
    assert.deepEqual(cluster.names('endpointslices'), []);
  });

  it('that are gone lose their Endpoints, even those that went while nobody led', async () => {
    await start(both);
    await cluster.create('services', web());
    await cluster.settle();
    await cluster.delete('services', 'web');
    await cluster.settle();
    assert.deepEqual(cluster.names('endpoints'), []);
    await cluster.create('services', web());
    await cluster.settle();
    await cluster.stop();
    await cluster.delete('services', 'web');
    cluster.failover();
    await cluster.settle();
    assert.deepEqual(cluster.names('endpoints'), []);
  });
});

describe('namespaces', () => {
  const all: MakeControllers = (deps) => [
    namespaceController(deps),
    serviceAccountController(deps),
    rootCaController(deps, 'PEM'),
  ];

  it('get a service account and the authority’s certificate, and get them back', async () => {
    await start(all);
    await cluster.create('namespaces', namespace('team'));
    await cluster.settle();
    const places = (resource: string): string[] =>
      cluster
        .list(resource)
        .map((o) => `${o.metadata.namespace}/${nameOf(o)}`)
        .sort();
    assert.deepEqual(places('serviceaccounts'), ['default/default', 'team/default']);
    assert.deepEqual(places('configmaps'), ['default/kube-root-ca.crt', 'team/kube-root-ca.crt']);
    const accounts = cluster.api.resource('v1', 'serviceaccounts');
    const maps = cluster.api.resource<ConfigMap>('v1', 'configmaps');
    await accounts.delete('team', 'default');
    const map = await maps.get('team', 'kube-root-ca.crt');
    await maps.update({ ...map, data: { 'ca.crt': 'FORGED', more: 'x' } });
    await maps.delete('default', 'kube-root-ca.crt');
    await cluster.settle();
    assert.deepEqual(places('serviceaccounts'), ['default/default', 'team/default']);
    assert.equal(places('configmaps').length, 2);
    assert.deepEqual((await maps.get('team', 'kube-root-ca.crt')).data, { 'ca.crt': 'PEM' });
  });

  it('take their content with them, and nothing else', async () => {
    await start(all, true);
    await cluster.create('namespaces', namespace('team'));
    await cluster.create('pods', pod('keep'));
    const inside = (name: string): KubeObject => ({ metadata: { name, namespace: 'team' } });
    const inner = pod('gone', { node: 'n1' });
    inner.metadata.namespace = 'team';
    await cluster.create('pods', inner);
    await cluster.create('secrets', inside('s'));
    await cluster.create('deployments', inside('d'));
    await cluster.settle();
    await cluster.delete('namespaces', 'team');
    await cluster.until('the namespace is gone', () => !cluster.has('namespaces', 'team'));
    for (const resource of ['pods', 'secrets', 'deployments', 'serviceaccounts', 'configmaps']) {
      const left = cluster.list(resource).filter((o) => o.metadata.namespace === 'team');
      assert.deepEqual(left, [], resource);
    }
    assert.ok(cluster.has('pods', 'keep'));
  });

  it('wait for finalizers inside, and say so', async () => {
    await start(all);
    await cluster.create('namespaces', namespace('team'));
    await cluster.create('configmaps', {
      metadata: { name: 'held', namespace: 'team', finalizers: ['example.org/keep'] },
    });
    await cluster.settle();
    await cluster.delete('namespaces', 'team');
    await cluster.pass(5000);
    const { conditions = [] } = cluster.get<Namespace>('namespaces', 'team').status ?? {};
    const remaining = conditions.find((c) => c.type === 'NamespaceFinalizersRemaining');
    assert.match(remaining?.message ?? '', /example.org\/keep in 1 resource instances/);
    await cluster.change('configmaps', 'held', (o) => {
      o.metadata.finalizers = [];
    });
    await cluster.until('the namespace is gone', () => !cluster.has('namespaces', 'team'));
  });
});

describe('owners', () => {
  const gc: MakeControllers = (deps) => [garbageCollector(deps)];
  const map = (name: string, owners: KubeObject[] = [], block = false): ConfigMap => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name,
      namespace: 'default',
      ownerReferences: owners.map((owner) => ({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        name: nameOf(owner),
        uid: owner.metadata.uid ?? '',
        ...(block ? { blockOwnerDeletion: true } : {}),
      })),
    },
  });

  it('take their dependents with them, and theirs', async () => {
    await start(gc);
    const a = await cluster.create('configmaps', map('a'));
    const b = await cluster.create('configmaps', map('b', [a]));
    await cluster.create('configmaps', map('c', [b]));
    await cluster.create('configmaps', map('other'));
    await cluster.settle();
    await cluster.delete('configmaps', 'a');
    await cluster.settle();
    assert.deepEqual(cluster.names('configmaps'), ['other']);
  });

  it('leave those that have another one, without the reference', async () => {
    await start(gc);
    const a = await cluster.create('configmaps', map('a'));
    const b = await cluster.create('configmaps', map('b'));
    await cluster.create('configmaps', map('child', [a, b]));
    await cluster.settle();
    await cluster.delete('configmaps', 'a');
    await cluster.settle();
    assert.deepEqual(cluster.names('configmaps'), ['b', 'child']);
    await cluster.delete('configmaps', 'b');
    await cluster.settle();
    assert.deepEqual(cluster.names('configmaps'), []);
  });

  it('may free their dependents', async () => {
    await start(gc);
    const a = await cluster.create('configmaps', map('a'));
    await cluster.create('configmaps', map('child', [a]));
    await cluster.settle();
    await cluster.delete('configmaps', 'a', 'Orphan');
    await cluster.settle();
    assert.deepEqual(cluster.names('configmaps'), ['child']);
    assert.deepEqual(cluster.get('configmaps', 'child').metadata.ownerReferences, []);
  });

  it('may wait for those that block them, level by level', async () => {
    await start(gc);
    const a = await cluster.create('configmaps', map('a'));
    const b = await cluster.create('configmaps', map('b', [a], true));
    const c = map('c', [b], true);
    c.metadata.finalizers = ['example.org/keep'];
    await cluster.create('configmaps', c);
    await cluster.settle();
    await cluster.delete('configmaps', 'a', 'Foreground');
    await cluster.settle();
    assert.deepEqual(cluster.names('configmaps'), ['a', 'b', 'c']);
    await cluster.change('configmaps', 'c', (o) => {
      o.metadata.finalizers = o.metadata.finalizers?.filter((f) => f !== 'example.org/keep');
    });
    await cluster.settle();
    assert.deepEqual(cluster.names('configmaps'), []);
  });

  it('that never were, or were another object of that name, do not count', async () => {
    await start(gc);
    await cluster.create('configmaps', map('a'));
    const ghost = { metadata: { name: 'ghost', uid: 'no-such-uid' } };
    const former = { metadata: { name: 'a', uid: 'a-former-a' } };
    await cluster.create('configmaps', map('x', [ghost]));
    await cluster.create('configmaps', map('y', [former]));
    await cluster.settle();
    assert.deepEqual(cluster.names('configmaps'), ['a']);
  });

  it('of a kind nobody knows keep their dependents alive', async () => {
    await start(gc);
    const child = map('child');
    child.metadata.ownerReferences = [
      { apiVersion: 'example.org/v1', kind: 'Widget', name: 'w', uid: 'w' },
    ];
    await cluster.create('configmaps', child);
    await cluster.settle();
    assert.deepEqual(cluster.names('configmaps'), ['child']);
  });

  it('of the whole cluster own objects in namespaces, but not the other way round', async () => {
    await start(gc);
    cluster.addNode(nodeWith('n1'));
    const lease: Lease = {
      metadata: {
        name: 'n1',
        namespace: 'kube-node-lease',
        ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'n1', uid: 'uid-of-n1' }],
      },
    };
    await cluster.create('leases', lease);
    const a = await cluster.create('configmaps', map('a'));
    const odd = nodeWith('odd');
    odd.metadata.ownerReferences = map('x', [a]).metadata.ownerReferences;
    cluster.addNode(odd);
    await cluster.settle();
    assert.deepEqual(cluster.names('leases'), ['n1']);
    await cluster.delete('nodes', 'n1');
    await cluster.delete('configmaps', 'a');
    await cluster.settle();
    assert.deepEqual(cluster.names('leases'), []);
    assert.deepEqual(cluster.names('nodes'), ['odd']);
  });

  it('that went while nobody led are noticed by the next leader', async () => {
    await start(gc);
    const a = await cluster.create('configmaps', map('a'));
    await cluster.create('configmaps', map('child', [a]));
    await cluster.settle();
    await cluster.stop();
    await cluster.delete('configmaps', 'a');
    cluster.failover();
    await cluster.settle();
    assert.deepEqual(cluster.names('configmaps'), []);
  });
});

describe('nodes', () => {
  const lifecycle: MakeControllers = (deps) => [
    ...nodeLifecycleControllers(deps, { monitorPeriodMs: 5000, graceMs: 40_000 }),
    taintEvictionController(deps),
    podGcController(deps),
  ];
  const leases = () => cluster.api.resource<Lease>('coordination.k8s.io/v1', 'leases');

  function addNode(name: string, parts: NodeParts = {}): void {
    cluster.addNode(nodeWith(name, parts));
    cluster.api.seed<Lease>('coordination.k8s.io/v1', 'leases', {
      metadata: { name, namespace: 'kube-node-lease' },
      spec: { renewTime: '0' },
    });
  }

  /** Time passes while these nodes give signs of life. */
  async function pass(seconds: number, alive: string[]): Promise<void> {
    for (let s = 0; s < seconds; s += 5) {
      for (const name of alive) {
        const lease = await leases().get('kube-node-lease', name);
        const renewTime = formatTime(cluster.clock.now());
        await leases().update({ ...lease, spec: { ...lease.spec, renewTime } });
      }
      await cluster.turn(5000);
    }
  }

  const taintsOf = (name: string): string[] =>
    (cluster.get<Node>('nodes', name).spec?.taints ?? []).map((t) => `${t.key}:${t.effect}`).sort();
  const readyOf = (name: string): string | undefined =>
    cluster.get<Node>('nodes', name).status?.conditions?.find((c) => c.type === 'Ready')?.status;

  const tolerant = (name: string, node: string, seconds: number): Pod => {
    const one = pod(name, { node });
    const keys = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];
    const tolerations = keys.map((key) => ({
      key,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: seconds,
    }));
    return { ...one, spec: { containers: [], ...one.spec, tolerations } };
  };

  it('that fall silent are tainted, their pods unready and then evicted', async () => {
    await start(lifecycle, true);
    addNode('live');
    addNode('dead');
    await cluster.create('pods', tolerant('on-dead', 'dead', 30));
    await cluster.create('pods', pod('on-live', { node: 'live' }));
    await pass(20, ['live', 'dead']);
    assert.deepEqual(taintsOf('dead'), []);
    cluster.deadNodes.add('dead');
    await pass(60, ['live']);
    assert.equal(readyOf('dead'), 'Unknown');
    assert.equal(readyOf('live'), 'True');
    assert.deepEqual(taintsOf('dead'), [
      'node.kubernetes.io/unreachable:NoExecute',
      'node.kubernetes.io/unreachable:NoSchedule',
    ]);
    assert.equal(isReady(cluster.get('pods', 'on-dead')), false);
    await pass(40, ['live']);
    const evicted = cluster.get<Pod>('pods', 'on-dead');
    assert.ok(isDeleting(evicted));
    const target = evicted.status?.conditions?.find((c) => c.type === 'DisruptionTarget');
    assert.equal(target?.reason, 'DeletionByTaintManager');
    assert.ok(!isDeleting(cluster.get('pods', 'on-live')));
    assert.ok(cluster.events().some((e) => e.startsWith('TaintManagerEviction')));
  });

  it('that fall silent take their name servers out of service, until these write again', async () => {
    await start(lifecycle);
    const readyIn = (name: string): boolean | undefined =>
      cluster.get<EndpointSlice>('endpointslices', name).endpoints[0]?.conditions?.ready;
    const register = (nodeName: string, labels: Record<string, string>, name = nodeName) =>
      cluster.create<EndpointSlice>('endpointslices', {
        metadata: { name, namespace: 'kube-system', labels },
        addressType: 'IPv4',
        endpoints: [{ addresses: ['10.0.0.5'], nodeName, conditions: { ready: true } }],
      });
    const managedBy = 'endpointslice.kubernetes.io/managed-by';
    for (const name of ['live', 'dead']) {
      addNode(name);
      await register(name, { [managedBy]: 'dns.kubets.io' });
    }
    await register('dead', { [managedBy]: 'somebody.else' }, 'not-ours');
    await pass(30, ['live', 'dead']);
    assert.equal(readyIn('dead'), true);
    await pass(60, ['live']);
    assert.deepEqual(['live', 'dead', 'not-ours'].map(readyIn), [true, false, true]);
    // A server that can still write is alive, whatever became of its node's kubelet.
    await cluster.change<EndpointSlice>('endpointslices', 'dead', (one) => {
      for (const endpoint of one.endpoints) endpoint.conditions = { ready: true };
    });
    await pass(60, ['live']);
    assert.equal(readyIn('dead'), true);
  });

  it('that come back are clean, and their pods stay', async () => {
    await start(lifecycle, true);
    addNode('live');
    addNode('shaky');
    await cluster.create('pods', tolerant('p', 'shaky', 300));
    await pass(60, ['live']);
    assert.equal(readyOf('shaky'), 'Unknown');
    const back = cluster.get<Node>('nodes', 'shaky');
    const conditions = nodeWith('shaky').status?.conditions;
    const api = cluster.api.resource<Node>('v1', 'nodes');
    await api.updateStatus({ ...back, status: { ...back.status, conditions } });
    await pass(20, ['live', 'shaky']);
    assert.deepEqual(taintsOf('shaky'), []);
    await pass(400, ['live', 'shaky']);
    assert.ok(!isDeleting(cluster.get('pods', 'p')));
  });

  it('that all fall silent at once keep their pods', async () => {
    await start(lifecycle, true);
    addNode('a');
    addNode('b');
    await cluster.create('pods', tolerant('p', 'a', 10));
    await pass(120, []);
    assert.equal(readyOf('a'), 'Unknown');
    assert.deepEqual(taintsOf('a'), ['node.kubernetes.io/unreachable:NoSchedule']);
    assert.ok(!isDeleting(cluster.get('pods', 'p')));
  });

  it('that are cordoned are tainted', async () => {
    await start(lifecycle);
    addNode('n', { unschedulable: true });
    await cluster.settle();
    assert.deepEqual(taintsOf('n'), ['node.kubernetes.io/unschedulable:NoSchedule']);
    await cluster.change<Node>('nodes', 'n', (n) => {
      if (n.spec) n.spec.unschedulable = false;
    });
    await cluster.settle();
    assert.deepEqual(taintsOf('n'), []);
  });

  it('lose the pods that do not bear a user’s taint, unless it goes in time', async () => {
    await start(lifecycle);
    addNode('n');
    const bearing = pod('bearing', { node: 'n' });
    const tolerations = [{ key: 'only', operator: 'Exists', tolerationSeconds: 20 }];
    if (bearing.spec) bearing.spec.tolerations = tolerations;
    await cluster.create('pods', bearing);
    await cluster.create('pods', pod('plain', { node: 'n' }));
    const taint = (on: boolean) =>
      cluster.change<Node>('nodes', 'n', (n) => {
        n.spec = { ...n.spec, taints: on ? [{ key: 'only', effect: 'NoExecute' }] : [] };
      });
    await cluster.settle();
    await taint(true);
    await cluster.settle();
    assert.deepEqual(cluster.names('pods'), ['bearing']);
    await pass(10, ['n']);
    await taint(false);
    await pass(60, ['n']);
    assert.deepEqual(cluster.names('pods'), ['bearing']);
    const told = cluster.events().filter((event) => event.startsWith('TaintManagerEviction'));
    assert.deepEqual(told.sort(), [
      'TaintManagerEviction: Cancelling deletion of Pod default/bearing',
      'TaintManagerEviction: Marking for deletion Pod default/plain',
    ]);
    await taint(true);
    await pass(30, ['n']);
    assert.deepEqual(cluster.names('pods'), []);
  });

  it('that are deleted lose their pods', async () => {
    await start(lifecycle, true);
    addNode('n');
    await cluster.create('pods', pod('p', { node: 'n' }));
    await pass(10, ['n']);
    cluster.deadNodes.add('n');
    await cluster.delete('nodes', 'n');
    await pass(30, []);
    assert.ok(cluster.has('pods', 'p'));
    await pass(60, []);
    assert.deepEqual(cluster.names('pods'), []);
  });
});

describe('pod networks', () => {
  const clusterCidr = parseCidr('10.244.0.0/22') ?? { base: 0, prefix: 22 };
  const ipam: MakeControllers = (deps) => [
    nodeIpamController(deps, { clusterCidr, nodePrefix: 24 }),
  ];
  const cidrs = (): (string | undefined)[] =>
    cluster
      .list<Node>('nodes')
      .map((n) => n.spec?.podCIDR)
      .sort();

  it('are given to each node once, also across leaders', async () => {
    await start(ipam);
    cluster.addNode(nodeWith('a'));
    cluster.addNode(nodeWith('own', { podCIDR: '10.244.1.0/24' }));
    await cluster.settle();
    cluster.failover();
    cluster.addNode(nodeWith('b'));
    await cluster.turn(5);
    cluster.failover();
    cluster.addNode(nodeWith('c'));
    await cluster.settle();
    assert.deepEqual(cidrs(), ['10.244.0.0/24', '10.244.1.0/24', '10.244.2.0/24', '10.244.3.0/24']);
    assert.deepEqual(cluster.get<Node>('nodes', 'a').spec?.podCIDRs, ['10.244.0.0/24']);
  });

  it('are not given twice by a leader whose cache is behind', async () => {
    for (let seed = 1; seed <= 8; seed++) {
      cluster = new TestCluster({ controllers: ipam, lagging: true, seed });
      await cluster.start();
      for (const name of ['a', 'b', 'c', 'd']) {
        cluster.addNode(nodeWith(name));
        await cluster.turn(5);
        cluster.failover();
      }
      await cluster.until('all nodes have a network', () => !cidrs().includes(undefined));
      assert.equal(new Set(cidrs()).size, 4);
      await cluster.stop();
    }
  });

  it('run out with a word, and are given again when free', async () => {
    await start(ipam);
    for (const name of ['a', 'b', 'c', 'd', 'e']) cluster.addNode(nodeWith(name));
    await cluster.pass(1000, 50);
    assert.equal(cidrs().filter((c) => c === undefined).length, 1);
    assert.ok(cluster.events().some((e) => e.includes('CIDRNotAvailable')));
    const given = cluster.list<Node>('nodes').find((n) => n.spec?.podCIDR);
    await cluster.delete('nodes', given ? nameOf(given) : '');
    await cluster.pass(60_000);
    assert.equal(cidrs().filter((c) => c === undefined).length, 0);
  });
});

describe('a process that no longer leads', () => {
  it('writes nothing', async () => {
    await start((deps) => [serviceAccountController(deps), garbageCollector(deps)]);
    await cluster.stop();
    const before = cluster.api.requests.length;
    await cluster.create('namespaces', namespace('late'));
    await cluster.pass(5000, 500);
    const later = cluster.api.requests.slice(before + 1).map((r) => `${r.verb} ${r.resource}`);
    assert.deepEqual(later, []);
    assert.deepEqual(
      cluster.list('serviceaccounts').filter((o) => o.metadata.namespace === 'late'),
      [],
    );
  });
});
