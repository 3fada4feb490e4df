import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { KubeObject, Node, Pod } from '@kubets/api';
import { admission, FakeStore, failure, user } from '../edge-testing.ts';
import type { AdmissionAttributes, AdmissionOperation } from '../ports.ts';
import { GVR } from '../resources.ts';
import { nodeRestriction } from './node-restriction.ts';

const kubelet = user('system:node:n1', 'system:nodes');
const MIRROR = { 'kubernetes.io/config.mirror': 'x' };

const pod = (nodeName: string, annotations = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'ns', name: 'p', uid: 'pod-uid', annotations },
  spec: { containers: [], nodeName },
});
/** A mirror pod as a kubelet makes it, with changes. */
function mirror(o: { owners?: object[]; spec?: Partial<Pod['spec']>; owner?: object } = {}): Pod {
  store.seed(node('n1', { metadata: { name: 'n1', uid: 'node-uid' } }));
  const own = { apiVersion: 'v1', kind: 'Node', name: 'n1', uid: 'node-uid', controller: true };
  const made = pod('n1', MIRROR);
  made.metadata.ownerReferences = (o.owners ?? [
    { ...own, ...o.owner },
  ]) as Pod['metadata']['ownerReferences'];
  return { ...made, spec: { ...made.spec, ...o.spec } as Pod['spec'] };
}

const claim = (o: object = {}, status: object = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { namespace: 'ns', name: 'c', ...o },
  ...{ spec: { volumeName: 'v' }, status: { phase: 'Bound', ...status } },
});

const node = (
  name: string,
  more: Partial<Node> & { labels?: Record<string, string> } = {},
): Node => {
  const { labels = {}, ...rest } = more;
  return { apiVersion: 'v1', kind: 'Node', metadata: { name, labels }, ...rest };
};
const lease = (name: string, namespace = 'kube-node-lease') => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { namespace, name },
});

let store: FakeStore;
beforeEach(() => {
  store = new FakeStore();
});

function write(
  operation: AdmissionOperation,
  object: KubeObject | undefined,
  o: Partial<AdmissionAttributes> = {},
): void {
  const plugin = nodeRestriction({
    pods: store.cache<Pod>(GVR.pods),
    nodes: store.cache<Node>(GVR.nodes),
  });
  plugin.admit?.(admission(operation, object, { user: kubelet, ...o }));
}

describe('a kubelet may', () => {
  const cases: [string, () => void][] = [
    ['create a mirror pod on its node', () => write('CREATE', mirror())],
    ['delete its pod', () => write('DELETE', undefined, { oldObject: pod('n1') })],
    [
      'write the status of its pod',
      () => write('UPDATE', pod('n1'), { oldObject: pod('n1'), subresource: 'status' }),
    ],
    [
      'register itself',
      () => write('CREATE', node('n1', { labels: { 'kubernetes.io/hostname': 'n1' } })),
    ],
    [
      'label itself outside the system’s domains',
      () =>
        write('UPDATE', node('n1', { labels: { 'example.com/a': 'b', plain: 'c' } }), {
          oldObject: node('n1'),
        }),
    ],
    [
      'label itself under its own prefixes',
      () =>
        write(
          'UPDATE',
          node('n1', { labels: { 'kubelet.kubernetes.io/x': '1', 'node.kubernetes.io/y': '2' } }),
          {
            oldObject: node('n1'),
          },
        ),
    ],
    ['renew its lease', () => write('UPDATE', lease('n1'), { oldObject: lease('n1') })],
    [
      'write its status',
      () => write('UPDATE', node('n1'), { oldObject: node('n1'), subresource: 'status' }),
    ],
  ];
  for (const [what, work] of cases) it(what, work);
});

describe('a claim’s status', () => {
  const change = (now: KubeObject, subresource = 'status') =>
    write('UPDATE', now, { oldObject: claim({ resourceVersion: '1' }), subresource });

  it('may say how large the volume is', () => {
    change(
      claim(
        { resourceVersion: '2', managedFields: [] },
        {
          ...{ capacity: { storage: '2Gi' }, conditions: [{ type: 'Resizing', status: 'True' }] },
          ...{
            allocatedResources: { storage: '2Gi' },
            allocatedResourceStatuses: { storage: 'x' },
          },
        },
      ),
    );
  });

  for (const [what, now] of [
    ['labels', claim({ labels: { a: 'b' } })],
    ['phase', claim({}, { phase: 'Lost' })],
    ['finalizers', claim({ finalizers: ['a/b'] })],
  ] as const) {
    it(`may not change its ${what}`, async () => {
      const { message } = await failure(() => change(now));
      assert.match(message, /fields other than status\.quantity and status\.conditions: /);
    });
  }

  it('is all of it that a kubelet writes', async () => {
    assert.match((await failure(() => change(claim(), ''))).message, /may only update PVC status$/);
  });
});

describe('a mirror pod', () => {
  const volume = (source: object) => ({ spec: { volumes: [{ name: 'v', ...source }] } });
  const cases: [string, Parameters<typeof mirror>[0], RegExp][] = [
    ['needs an owner', { owners: [] }, /with an owner reference set to itself$/],
    ['has one owner', { owners: [{}, {}] }, /with a single owner reference set to itself$/],
    ['is the node’s', { owner: { name: 'n2' } }, /with an owner reference set to itself$/],
    ['is a node’s', { owner: { kind: 'Pod' } }, /with an owner reference set to itself$/],
    ['is controlled by it', { owner: { controller: false } }, /with a controller owner reference/],
    [
      'does not hold it',
      { owner: { blockOwnerDeletion: true } },
      /must not set blockOwnerDeletion/,
    ],
    ['is this node’s', { owner: { uid: 'x' } }, /node n1 UID mismatch: expected x got node-uid$/],
    ['has no account', { spec: { serviceAccountName: 'a' } }, /reference a service account$/],
    ['has no secrets', volume({ secret: { secretName: 's' } }), /reference secrets$/],
    ['has no maps', volume({ configMap: { name: 's' } }), /reference configmaps$/],
    [
      'has no claims',
      volume({ persistentVolumeClaim: { claimName: 'c' } }),
      /reference persistentvolumeclaims$/,
    ],
    [
      'has no bundles of authorities',
      volume({ projected: { sources: [{ clusterTrustBundle: { path: 'p' } }] } }),
      /reference clustertrustbundles$/,
    ],
    [
      'has no devices',
      { spec: { resourceClaims: [{ name: 'r', resourceClaimName: 'c' }] } },
      /reference resourceclaims$/,
    ],
  ];
  for (const [what, o, message] of cases) {
    it(what, async () => {
      const pod = mirror(o);
      assert.match((await failure(() => write('CREATE', pod))).message, message);
    });
  }

  it('waits for its node', async () => {
    const pod = mirror();
    store = new FakeStore();
    assert.match((await failure(() => write('CREATE', pod))).message, /^nodes "n1" not found$/);
  });
});

describe('certificates of kubelets', () => {
  const SERVING = 'kubernetes.io/kubelet-serving';
  /** A request for a common name: just the DER that tells it. */
  const request = (name: string): string => {
    const der = (tag: number, ...parts: Buffer[]): Buffer => {
      const body = Buffer.concat(parts);
      return Buffer.concat([Buffer.from([tag, body.length]), body]);
    };
    const oid = der(6, Buffer.from('550403', 'hex'));
    const subject = der(0x30, der(0x31, der(0x30, oid, der(0x0c, Buffer.from(name)))));
    const info = der(0x30, der(2, Buffer.from([0])), subject);
    const text = der(0x30, info).toString('base64');
    const kind = 'CERTIFICATE REQUEST';
    const pem = `-----BEGIN ${kind}-----\n${text}\n-----END ${kind}-----\n`;
    return Buffer.from(pem).toString('base64');
  };
  const ask = (signerName: string, text: string): void =>
    write('CREATE', {
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: { name: 'r' },
      ...{ spec: { signerName, request: text } },
    });

  it('are for itself', async () => {
    ask(SERVING, request('system:node:n1'));
    ask('example.com/own', request('anybody'));
    const other = await failure(() => ask(SERVING, request('system:node:n2')));
    assert.match(other.message, /can only create a node CSR with CN=system:node:n1$/);
    const client = 'kubernetes.io/kube-apiserver-client-kubelet';
    assert.match((await failure(() => ask(client, request('n1')))).message, /with CN=/);
    assert.match((await failure(() => ask(SERVING, 'eA=='))).message, /unable to parse csr/);
  });
});

describe('slices of devices', () => {
  const slice = (nodeName: string): KubeObject => ({
    apiVersion: 'resource.k8s.io/v1beta1',
    kind: 'ResourceSlice',
    metadata: { name: 's' },
    ...{ spec: { nodeName } },
  });
  const resource = { group: 'resource.k8s.io', version: 'v1beta1', resource: 'resourceslices' };
  const change = (operation: AdmissionOperation, nodeName: string): void => {
    const object = operation === 'DELETE' ? undefined : slice(nodeName);
    write(operation, lease('n1'), { resource, object, oldObject: slice(nodeName) });
  };

  it('tell of its own', async () => {
    for (const operation of ['CREATE', 'DELETE'] as const) {
      change(operation, 'n1');
      const { message } = await failure(() => change(operation, 'n2'));
      assert.match(message, /ResourceSlice with the same NodeName as the requesting node$/);
    }
    change('UPDATE', 'n2');
  });
});

it('a kubelet must say which node it is', async () => {
  const nameless = user('system:node:', 'system:nodes');
  const { message } = await failure(() => write('CREATE', node('n1'), { user: nameless }));
  assert.match(message, /could not determine node from user "system:node:"$/);
});

describe('evictions', () => {
  const evict = (): void => {
    const object = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'p' } };
    write('CREATE', undefined, { oldObject: pod('n1'), object, subresource: 'eviction' });
  };

  it('are of its own pods', async () => {
    store.seed(pod('n1'));
    evict();
    store.seed(pod('n2'));
    assert.match((await failure(evict)).message, /node n1 can only evict pods with spec\.nodeName/);
  });

  it('are of pods that are there', async () => {
    const { message, code } = await failure(evict);
    assert.deepEqual([message, code], ['pods "p" not found', 404]);
  });
});

describe('a kubelet may not', () => {
  const cases: [string, () => void, RegExp][] = [
    ['create an ordinary pod', () => write('CREATE', pod('n1')), /can only create mirror pods$/],
    [
      'create a pod elsewhere',
      () => write('CREATE', pod('n2', MIRROR)),
      /spec\.nodeName set to itself$/,
    ],
    [
      'change a pod',
      () => write('UPDATE', pod('n1'), { oldObject: pod('n1') }),
      /unexpected operation/,
    ],
    [
      'delete another’s pod',
      () => write('DELETE', undefined, { oldObject: pod('n2') }),
      /can only delete pods/,
    ],
    [
      'write another’s pod status',
      () => write('UPDATE', pod('n2'), { oldObject: pod('n2'), subresource: 'status' }),
      /can only update pod status/,
    ],
    [
      'label its pods',
      () => {
        const oldObject = pod('n1');
        const now = { ...oldObject, metadata: { ...oldObject.metadata, labels: { a: 'b' } } };
        write('UPDATE', now, { oldObject, subresource: 'status' });
      },
      /cannot update labels through pod status$/,
    ],
    [
      'say which devices a pod has claimed',
      () => {
        const status = { resourceClaimStatuses: [{ name: 'r', resourceClaimName: 'c' }] };
        write('UPDATE', { ...pod('n1'), status }, { oldObject: pod('n1'), subresource: 'status' });
      },
      /cannot update resource claim statues$/,
    ],
    [
      'use other subresources of pods',
      () => write('UPDATE', pod('n1'), { oldObject: pod('n1'), subresource: 'resize' }),
      /unexpected pod subresource "resize", only 'status' and 'eviction' are allowed$/,
    ],
    [
      'be created with a source of its settings',
      () => write('CREATE', node('n1', { spec: { configSource: {} } })),
      /not allowed to create pods with a non-nil configSource$/,
    ],
    [
      'change the source of its settings',
      () => write('UPDATE', node('n1', { spec: { configSource: {} } }), { oldObject: node('n1') }),
      /not allowed to update configSource to a new non-nil configSource$/,
    ],
    [
      'change whom it belongs to',
      () => {
        const owner = { apiVersion: 'v1', kind: 'Node', name: 'x', uid: 'x' };
        const metadata = { name: 'n1', labels: {}, ownerReferences: [owner] };
        write('UPDATE', node('n1', { metadata }), { oldObject: node('n1') });
      },
      /not allowed to modify ownerReferences$/,
    ],
    [
      'take labels of the system away',
      () => {
        const labels = { 'node-restriction.kubernetes.io/b': '', 'node-role.kubernetes.io/a': '' };
        write('UPDATE', node('n1'), { oldObject: node('n1', { labels }) });
      },
      /labels: node-restriction\.kubernetes\.io\/b, node-role\.kubernetes\.io\/a$/,
    ],
    [
      'change another’s CSINode',
      () => {
        const csi = { apiVersion: 'storage.k8s.io/v1', kind: 'CSINode', metadata: { name: 'n2' } };
        write('UPDATE', csi, { oldObject: csi });
      },
      /can only access CSINode with the same name as the requesting node$/,
    ],
    [
      'change another node',
      () => write('UPDATE', node('n2'), { oldObject: node('n2') }),
      /not allowed to modify node "n2"$/,
    ],
    [
      'take its taints off',
      () =>
        write('UPDATE', node('n1'), {
          oldObject: node('n1', { spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } }),
        }),
      /not allowed to modify taints$/,
    ],
    [
      'set restricted labels',
      () =>
        write('CREATE', node('n1', { labels: { 'node-restriction.kubernetes.io/pci': 'yes' } })),
      /node "n1" is not allowed to set the following labels: node-restriction\.kubernetes\.io\/pci$/,
    ],
    [
      'set labels of the system',
      () =>
        write('UPDATE', node('n1', { labels: { 'foo.k8s.io/x': '1' } }), { oldObject: node('n1') }),
      /not allowed to modify labels: foo\.k8s\.io\/x$/,
    ],
    [
      'renew another’s lease',
      () => write('UPDATE', lease('n2'), { oldObject: lease('n2') }),
      /same name as the requesting node$/,
    ],
    [
      'make leases elsewhere',
      () => write('CREATE', lease('n1', 'kube-system')),
      /"kube-node-lease" system namespace$/,
    ],
  ];
  for (const [what, work, message] of cases) {
    it(what, async () => {
      const error = await failure(work);
      assert.match(error.message, message);
      assert.equal(error.code, 403);
    });
  }
});

describe('tokens for pods', () => {
  const request = (ref?: object) => ({
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    metadata: {},
    spec: { audiences: [], ...(ref ? { boundObjectRef: ref } : {}) },
  });
  const ask = (ref?: object) =>
    write('CREATE', undefined, {
      oldObject: {
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata: { namespace: 'ns', name: 'sa' },
      },
      object: request(ref),
      subresource: 'token',
    });
  const ref = { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'pod-uid' };

  it('bound to a pod of the node', () => {
    store.seed(pod('n1'));
    ask(ref);
  });

  const cases: [string, object | undefined, string, RegExp][] = [
    ['bound to nothing', undefined, 'n1', /not bound to a pod$/],
    ['bound to a secret', { ...ref, kind: 'Secret' }, 'n1', /not bound to a pod$/],
    ['without a uid', { ...ref, uid: undefined }, 'n1', /without a uid$/],
    ['of another pod of that name', { ...ref, uid: 'x' }, 'n1', /does not match the UID in record/],
    ['of a pod elsewhere', ref, 'n2', /scheduled on a different node$/],
  ];
  for (const [what, given, where, message] of cases) {
    it(`not ${what}`, async () => {
      store.seed(pod(where));
      assert.match((await failure(() => ask(given))).message, message);
    });
  }

  describe('with ServiceAccountNodeAudienceRestriction', () => {
    const askFor = (audiences: string[], volumes: object[]): void => {
      const bound = pod('n1');
      store.seed({ ...bound, spec: { ...bound.spec, volumes } } as KubeObject);
      const plugin = nodeRestriction({
        pods: store.cache<Pod>(GVR.pods),
        nodes: store.cache<Node>(GVR.nodes),
        audiences: {
          claims: store.cache(GVR.persistentVolumeClaims),
          volumes: store.cache(GVR.persistentVolumes),
          drivers: store.cache(GVR.csiDrivers),
        },
      });
      const asked = { ...request(ref), spec: { audiences, boundObjectRef: ref } };
      const oldObject = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'sa' } };
      const o = { object: asked, subresource: 'token', user: kubelet, namespace: 'ns' };
      plugin.admit?.(admission('CREATE', undefined, { oldObject, ...o }));
    };
    const projected = (audience?: string) => ({
      name: 't',
      projected: {
        sources: [{ serviceAccountToken: { path: 'token', ...(audience && { audience }) } }],
      },
    });

    it('for what the volumes name', async () => {
      askFor(['vault'], [projected('vault')]);
      askFor([], [projected()]);
      const other = await failure(() => askFor(['other'], [projected('vault')]));
      assert.match(other.message, /: audience "other" not found in pod spec volume$/);
      const none = await failure(() => askFor([], []));
      assert.match(none.message, /: audience "" not found in pod spec volume$/);
      const two = await failure(() => askFor(['vault', 'b'], [projected('vault')]));
      assert.match(two.message, /: node may only request 0 or 1 audiences$/);
    });

    it('for what the drivers of the volumes ask for', async () => {
      const driver = {
        apiVersion: 'storage.k8s.io/v1',
        kind: 'CSIDriver',
        metadata: { name: 'd' },
      };
      const volume = { apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'v' } };
      store.seed(
        { ...driver, spec: { tokenRequests: [{ audience: 'csi' }] } } as KubeObject,
        { ...volume, spec: { csi: { driver: 'd', volumeHandle: 'h' } } } as KubeObject,
        claim(),
        claim({ name: 'p-own' }),
      );
      askFor(['csi'], [{ name: 'a', csi: { driver: 'd' } }]);
      askFor(['csi'], [{ name: 'a', persistentVolumeClaim: { claimName: 'c' } }]);
      askFor(['csi'], [{ name: 'own', ephemeral: {} }]);
      await failure(() => askFor(['csi'], [{ name: 'a', csi: { driver: 'other' } }]));
    });
  });
});

it('one process for many simulated nodes writes to all of them', () => {
  const hollow = user('system:node:hollow', 'system:nodes');
  write('UPDATE', node('hollow-3'), { oldObject: node('hollow-3'), user: hollow });
  assert.throws(() => write('UPDATE', node('n1'), { oldObject: node('n1'), user: hollow }));
});

it('other users are none of its business', () => {
  write('CREATE', pod('n9'), { user: user('ann') });
});
