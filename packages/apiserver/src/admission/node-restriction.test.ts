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
  const nodes = store.cache(GVR.nodes);
  const plugin = nodeRestriction({
    pods: store.cache<Pod>(GVR.pods),
    facts: { nodeExists: (name) => nodes.get('', name) !== undefined },
  });
  plugin.admit?.(admission(operation, object, { user: kubelet, ...o }));
}

describe('a kubelet may', () => {
  const cases: [string, () => void][] = [
    ['create a mirror pod on its node', () => write('CREATE', pod('n1', MIRROR))],
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
      'change another node',
      () => write('UPDATE', node('n2'), { oldObject: node('n2') }),
      /not allowed to modify node "n2"$/,
    ],
    [
      'delete itself',
      () => write('DELETE', undefined, { oldObject: node('n1'), name: 'n1' }),
      /not allowed to delete itself/,
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
      /not allowed to modify labels: node-restriction\.kubernetes\.io\/pci$/,
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
});

it('one process for many simulated nodes writes to all of them', () => {
  const hollow = user('system:node:hollow', 'system:nodes');
  write('UPDATE', node('hollow-3'), { oldObject: node('hollow-3'), user: hollow });
  assert.throws(() => write('UPDATE', node('n1'), { oldObject: node('n1'), user: hollow }));
});

it('other users are none of its business', () => {
  write('CREATE', pod('n9'), { user: user('ann') });
});
