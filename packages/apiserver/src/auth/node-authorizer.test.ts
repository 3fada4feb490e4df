import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { Pod } from '@kubets/api';
import { asks, FakeStore, user } from '../edge-testing.ts';
import { GVR } from '../resources.ts';
import { createAuthorizer } from './authorizer.ts';
import { ownsNode } from './node-authorizer.ts';
import { NodeGraph, type PodChange, podReferences } from './node-graph.ts';

const kubelet = user('system:node:n1', 'system:nodes');

const pod = (name: string, nodeName: string | undefined, spec: Partial<Pod['spec']> = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'ns', name },
  spec: {
    containers: [],
    serviceAccountName: 'sa',
    ...(nodeName ? { nodeName } : {}),
    ...spec,
  },
});

const withSecret = (name: string, nodeName: string | undefined, secretName: string): Pod =>
  pod(name, nodeName, { volumes: [{ name: 'v', secret: { secretName } }] });

describe('what a kubelet may do', () => {
  let store: FakeStore;
  let authorizer: ReturnType<typeof createAuthorizer>['authorizer'];

  beforeEach(() => {
    store = new FakeStore();
    authorizer = createAuthorizer(store).authorizer;
    store.seed(withSecret('mine', 'n1', 's1'), withSecret('other', 'n2', 's2'));
  });

  const may = async (question: string, o: { namespace?: string; name?: string } = {}) =>
    (await authorizer.authorize(asks(kubelet, question, o))).allowed;
  const ns = 'ns';

  const cases: [string, { namespace?: string; name?: string }, boolean][] = [
    ['get secrets', { namespace: ns, name: 's1' }, true],
    ['list secrets', { namespace: ns, name: 's1' }, true],
    ['watch secrets', { namespace: ns, name: 's1' }, true],
    ['update secrets', { namespace: ns, name: 's1' }, false],
    ['get secrets', { namespace: ns, name: 's2' }, false],
    ['list secrets', { namespace: ns }, false],
    ['list secrets', {}, false],
    ['create serviceaccounts/token', { namespace: ns, name: 'sa' }, true],
    ['create serviceaccounts/token', { namespace: ns, name: 'admin' }, false],
    ['create serviceaccounts', { namespace: ns }, false],
    ['get nodes', { name: 'n1' }, true],
    ['create nodes', {}, true],
    ['patch nodes/status', { name: 'n1' }, true],
    ['delete nodes', { name: 'n1' }, false],
    ['list pods', {}, true],
    ['patch pods/status', { namespace: ns, name: 'mine' }, true],
    ['create pods/exec', { namespace: ns, name: 'mine' }, false],
    ['create events', { namespace: ns }, true],
    ['update leases.coordination.k8s.io', { namespace: 'kube-node-lease', name: 'n1' }, true],
    ['create leases.coordination.k8s.io', { namespace: 'kube-node-lease' }, true],
    ['update leases.coordination.k8s.io', { namespace: 'kube-node-lease', name: 'n2' }, false],
    ['update leases.coordination.k8s.io', { namespace: 'kube-system', name: 'n1' }, false],
    ['get csinodes.storage.k8s.io', { name: 'n1' }, true],
    ['get csinodes.storage.k8s.io', { name: 'n2' }, false],
    ['get persistentvolumes', { name: 'pv' }, false],
    ['create roles.rbac.authorization.k8s.io', { namespace: ns }, false],
    ['get /healthz', {}, true],
    ['get /metrics', {}, false],
  ];
  for (const [question, o, allowed] of cases) {
    it(`${question} ${o.namespace ?? ''}/${o.name ?? ''} → ${allowed}`, async () => {
      assert.equal(await may(question, o), allowed);
    });
  }

  it('says why not', async () => {
    const asked = asks(kubelet, 'get secrets', { namespace: ns, name: 's2' });
    const { reason } = await authorizer.authorize(asked);
    assert.equal(reason, "no relationship found between node 'n1' and this object");
  });

  it('loses the right when the pod goes', async () => {
    assert.ok(await may('get secrets', { namespace: ns, name: 's1' }));
    await store.delete({ ...GVR.pods, namespace: ns, name: 'mine' });
    assert.equal(await may('get secrets', { namespace: ns, name: 's1' }), false);
  });

  it('gets the right when the pod is bound', async () => {
    store.seed(withSecret('new', undefined, 's3'));
    assert.equal(await may('get secrets', { namespace: ns, name: 's3' }), false);
    store.seed(withSecret('new', 'n1', 's3'));
    assert.ok(await may('get secrets', { namespace: ns, name: 's3' }));
  });

  it('reads a volume bound to a claim of its pods', async () => {
    store.seed(
      pod('db', 'n1', { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }] }),
      {
        apiVersion: 'v1',
        kind: 'PersistentVolume',
        metadata: { name: 'pv' },
        spec: { claimRef: { namespace: ns, name: 'c' } },
      },
    );
    assert.ok(await may('get persistentvolumes', { name: 'pv' }));
    assert.ok(await may('get persistentvolumeclaims', { namespace: ns, name: 'c' }));
    assert.ok(await may('patch persistentvolumeclaims/status', { namespace: ns, name: 'c' }));
    assert.equal(await may('delete persistentvolumeclaims', { namespace: ns, name: 'c' }), false);
  });

  it('who has only the name, or only the group, is no kubelet', async () => {
    const o = { namespace: ns, name: 's1' };
    for (const who of [user('system:node:n1'), user('n1', 'system:nodes')]) {
      assert.equal((await authorizer.authorize(asks(who, 'get secrets', o))).allowed, false);
    }
  });
});

it('finds all that a pod refers to', () => {
  const one = pod('p', 'n', {
    imagePullSecrets: [{ name: 'pull' }],
    containers: [
      {
        name: 'c',
        env: [
          { name: 'A', valueFrom: { secretKeyRef: { name: 'env-s', key: 'k' } } },
          { name: 'B', valueFrom: { configMapKeyRef: { name: 'env-c', key: 'k' } } },
        ],
        envFrom: [{ secretRef: { name: 'from-s' } }, { configMapRef: { name: 'from-c' } }],
      },
    ],
    initContainers: [{ name: 'i', envFrom: [{ secretRef: { name: 'init-s' } }] }],
    volumes: [
      { name: 'a', configMap: { name: 'vol-c' } },
      {
        name: 'b',
        projected: { sources: [{ secret: { name: 'proj-s' } }, { configMap: { name: 'proj-c' } }] },
      },
      { name: 'data', ephemeral: {} },
    ],
  });
  assert.deepEqual([...podReferences(one)].sort(), [
    'configmaps/ns/env-c',
    'configmaps/ns/from-c',
    'configmaps/ns/proj-c',
    'configmaps/ns/vol-c',
    'persistentvolumeclaims/ns/p-data',
    'secrets/ns/env-s',
    'secrets/ns/from-s',
    'secrets/ns/init-s',
    'secrets/ns/proj-s',
    'secrets/ns/pull',
    'serviceaccounts/ns/sa',
  ]);
});

/** A change of a pod that must not be asked for its former state. */
function changeOf(type: PodChange['type'], object: Pod): PodChange {
  const { namespace = '', name = '' } = object.metadata;
  return { type, namespace, name, object };
}

it('keeps a reference while one of several pods holds it, and forgets it after the last', () => {
  const graph = new NodeGraph();
  graph.apply(changeOf('ADDED', withSecret('a', 'n', 's')));
  graph.apply(changeOf('ADDED', withSecret('b', 'n', 's')));
  graph.apply(changeOf('DELETED', withSecret('a', 'n', 's')));
  assert.deepEqual([...graph.holders('secrets', 'ns', 's')], ['n']);
  graph.apply(changeOf('MODIFIED', withSecret('b', 'm', 's')));
  assert.deepEqual([...graph.holders('secrets', 'ns', 's')], ['m']);
  assert.equal(graph.nodeOfPod('ns', 'b'), 'm');
  graph.apply(changeOf('DELETED', withSecret('b', 'm', 's')));
  assert.deepEqual([...graph.holders('secrets', 'ns', 's')], []);
  assert.equal(graph.nodeOfPod('ns', 'b'), undefined);
});

it('follows a pod from unbound to bound, to other references, and back to none', () => {
  const graph = new NodeGraph();
  const nodes = (secret: string): string[] => [...graph.holders('secrets', 'ns', secret)];
  const unbound = withSecret('a', undefined, 's');
  graph.apply(changeOf('ADDED', unbound));
  assert.deepEqual(nodes('s'), []);
  graph.apply(changeOf('MODIFIED', withSecret('a', 'n', 's')));
  graph.apply(changeOf('MODIFIED', withSecret('a', 'n', 's')));
  assert.deepEqual(nodes('s'), ['n']);
  graph.apply(changeOf('MODIFIED', withSecret('a', 'n', 't')));
  assert.deepEqual([nodes('s'), nodes('t')], [[], ['n']]);
  graph.apply(changeOf('MODIFIED', unbound));
  assert.deepEqual([nodes('t'), graph.nodeOfPod('ns', 'a')], [[], undefined]);
  graph.apply(changeOf('DELETED', unbound));
});

it('does not look at a pod that is gone', () => {
  const graph = new NodeGraph();
  graph.apply(changeOf('ADDED', withSecret('a', 'n', 's')));
  graph.apply({
    ...{ type: 'DELETED', namespace: 'ns', name: 'a' },
    get object(): Pod {
      return assert.fail('the pod was parsed');
    },
  });
  assert.equal(graph.nodeOfPod('ns', 'a'), undefined);
});

describe('owning a node', () => {
  const cases: [string, string, string[], boolean][] = [
    ['n', 'n', [], true],
    ['n', 'm', [], false],
    ['hollow', 'hollow-0', [], true],
    ['hollow', 'hollow-17', ['hollow-17'], true],
    ['hollow', 'hollow-x', [], false],
    ['hollow', 'hollow-1-2', [], false],
    ['node', 'node-1', ['node', 'node-1'], false],
  ];
  for (const [identity, node, known, owns] of cases) {
    it(`${identity} and ${node}, with nodes [${known}] → ${owns}`, () => {
      const nodeExists = (name: string) => known.includes(name);
      assert.equal(ownsNode(identity, node, { nodeExists }), owns);
    });
  }
});
