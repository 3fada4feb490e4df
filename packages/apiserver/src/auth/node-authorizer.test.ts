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

interface About {
  readonly namespace?: string;
  readonly name?: string;
  readonly fieldSelector?: string;
}

describe('what a kubelet may do', () => {
  let store: FakeStore;
  let authorizer: ReturnType<typeof createAuthorizer>['authorizer'];

  beforeEach(() => {
    store = new FakeStore();
    authorizer = createAuthorizer(store).authorizer;
    store.seed(withSecret('mine', 'n1', 's1'), withSecret('other', 'n2', 's2'));
  });

  const may = async (question: string, o: About = {}) =>
    (await authorizer.authorize({ ...asks(kubelet, question, o), ...o })).allowed;
  const ns = 'ns';

  const cases: [string, About, boolean][] = [
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
    ['get nodes', { name: 'n2' }, false],
    ['list nodes', {}, false],
    ['watch nodes', { name: 'n1' }, true],
    ['update nodes', { name: 'n1' }, true],
    ['list pods', {}, false],
    ['list pods', { fieldSelector: 'spec.nodeName=n1' }, true],
    ['watch pods', { fieldSelector: 'status.phase!=Failed,spec.nodeName=n1' }, true],
    ['list pods', { fieldSelector: 'spec.nodeName=n2' }, false],
    ['list pods', { fieldSelector: 'spec.nodeName!=' }, false],
    ['list pods', { fieldSelector: ',,=' }, false],
    ['watch pods', { namespace: ns, name: 'mine' }, true],
    ['get pods', { namespace: ns, name: 'mine' }, true],
    ['get pods', { namespace: ns, name: 'other' }, false],
    ['create pods', { namespace: ns }, true],
    ['delete pods', { namespace: ns, name: 'mine' }, true],
    ['update pods', { namespace: ns, name: 'mine' }, false],
    ['create pods/eviction', { namespace: ns, name: 'mine' }, true],
    ['get pods/log', { namespace: ns, name: 'mine' }, false],
    ['list services', {}, true],
    ['get endpoints', { namespace: ns, name: 'e' }, true],
    ['list endpoints', {}, false],
    ['get persistentvolumeclaims/status', { namespace: ns, name: 'c' }, false],
    ['list volumeattachments.storage.k8s.io', {}, false],
    ['create resourceslices.resource.k8s.io', {}, true],
    ['list resourceslices.resource.k8s.io', { fieldSelector: 'nodeName=n1' }, true],
    ['deletecollection resourceslices.resource.k8s.io', { fieldSelector: 'nodeName=n2' }, false],
    ['list resourceslices.resource.k8s.io', {}, false],
    ['create certificatesigningrequests.certificates.k8s.io', {}, true],
    ['watch runtimeclasses.node.k8s.io', {}, true],
    ['create localsubjectaccessreviews.authorization.k8s.io', { namespace: ns }, true],
    ['delete csinodes.storage.k8s.io', { name: 'n1' }, true],
    ['list csinodes.storage.k8s.io', {}, false],
    ['list leases.coordination.k8s.io', { namespace: 'kube-node-lease' }, false],
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

  it('reads the secrets of such a volume, and not those of its controllers', async () => {
    const secret = (name: string) => ({ name, namespace: 'storage' });
    const csi = {
      nodeStageSecretRef: secret('stage'),
      nodePublishSecretRef: secret('publish'),
      controllerExpandSecretRef: secret('grow'),
    };
    const volume = (name: string, claim: string) => ({
      ...{ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name } },
      spec: { claimRef: { namespace: ns, name: claim }, csi },
    });
    const claims = [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }];
    store.seed(volume('pv', 'c'));
    const about = (name: string) => ({ namespace: 'storage', name });
    assert.equal(await may('get secrets', about('stage')), false);
    store.seed(pod('db', 'n1', { volumes: claims }));
    assert.ok(await may('get secrets', about('stage')));
    assert.ok(await may('get secrets', about('publish')));
    assert.equal(await may('get secrets', about('grow')), false);
    store.seed(volume('pv', 'another'));
    assert.equal(await may('get secrets', about('stage')), false);
  });

  it('reads what attaches volumes to it, and the slices of its devices', async () => {
    const seed = (apiVersion: string, kind: string, nodeName: string): void =>
      store.seed({ apiVersion, kind, metadata: { name: nodeName }, ...{ spec: { nodeName } } });
    for (const nodeName of ['n1', 'n2']) seed('storage.k8s.io/v1', 'VolumeAttachment', nodeName);
    assert.ok(await may('get volumeattachments.storage.k8s.io', { name: 'n1' }));
    assert.equal(await may('get volumeattachments.storage.k8s.io', { name: 'n2' }), false);
    assert.equal(await may('get resourceslices.resource.k8s.io', { name: 'n1' }), false);
  });

  it('is refused in words that tell what it may', async () => {
    const why = async (question: string, o: About = {}): Promise<string> =>
      (await authorizer.authorize({ ...asks(kubelet, question, o), ...o })).reason;
    const all: [string, About, string][] = [
      ['list nodes', {}, "node 'n1' cannot read all nodes, only its own Node object"],
      ['get nodes', { name: 'n2' }, "node 'n1' cannot read 'n2', only its own Node object"],
      ['list pods', {}, 'can only list/watch pods with spec.nodeName field selector'],
      ['get secrets', { namespace: ns }, 'No Object name found'],
      ['list persistentvolumes', {}, 'can only get individual resources of this type'],
      ['get persistentvolumes/status', { name: 'v' }, 'cannot get subresource'],
      ['get persistentvolumeclaims/status', {}, 'can only get/update/patch this type'],
      ['get serviceaccounts', {}, 'can only create tokens for individual service accounts'],
      [
        'list leases.coordination.k8s.io',
        {},
        'can only get, create, update, patch, or delete a node lease',
      ],
      [
        'get csinodes.storage.k8s.io',
        { name: 'n2' },
        'can only access CSINode with the same name as the requesting node',
      ],
    ];
    for (const [question, o, reason] of all) assert.equal(await why(question, o), reason, question);
    const nameless = user('system:node:', 'system:nodes');
    const { reason } = await authorizer.authorize(asks(nameless, 'get nodes', { name: 'n1' }));
    assert.equal(reason, 'unknown node for user "system:node:"');
  });

  it('a fleet of nodes asks for all bound pods once its nodes are there', async () => {
    const fleet = user('system:node:hollow', 'system:nodes');
    const all = async (): Promise<boolean> => {
      const asked = { ...asks(fleet, 'list pods'), fieldSelector: 'spec.nodeName!=' };
      return (await authorizer.authorize(asked)).allowed;
    };
    assert.equal(await all(), false);
    store.seed({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'hollow-0' } });
    assert.ok(await all());
    store.seed({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'hollow' } });
    assert.equal(await all(), false);
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
      { name: 'csi', csi: { driver: 'd', nodePublishSecretRef: { name: 'csi-s' } } },
      {
        name: 'disk',
        iscsi: { iqn: 'i', lun: 0, targetPortal: 't', secretRef: { name: 'disk-s' } },
      },
    ],
    resourceClaims: [{ name: 'gpu', resourceClaimName: 'gpu-claim' }],
  });
  assert.deepEqual([...podReferences(one)].sort(), [
    'configmaps/ns/env-c',
    'configmaps/ns/from-c',
    'configmaps/ns/proj-c',
    'configmaps/ns/vol-c',
    'persistentvolumeclaims/ns/p-data',
    'resourceclaims/ns/gpu-claim',
    'secrets/ns/csi-s',
    'secrets/ns/disk-s',
    'secrets/ns/env-s',
    'secrets/ns/from-s',
    'secrets/ns/init-s',
    'secrets/ns/proj-s',
    'secrets/ns/pull',
    'serviceaccounts/ns/sa',
  ]);
});

it('takes no references from mirror pods', () => {
  const one = withSecret('p', 'n1', 's');
  one.metadata.annotations = { 'kubernetes.io/config.mirror': 'x' };
  assert.deepEqual([...podReferences(one)], []);
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
