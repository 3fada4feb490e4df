import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PodSpec } from '@kubets/api';
import {
  type NodeDraft,
  type PodDraft,
  TestCluster,
  testNode,
  testPod,
} from '../testing/builders.ts';

/** The reasons for which a pod does not get onto a node; none when it does. */
function reasons(node: NodeDraft, pod: PodDraft): readonly string[] {
  return new TestCluster([testNode('n', node)]).reasons(testPod('p', pod), 'n');
}

describe('filters of one node', () => {
  const noSchedule = [{ key: 'k', value: 'v', effect: 'NoSchedule' }];
  const cases: [what: string, node: NodeDraft, pod: PodDraft, reasons: string[]][] = [
    ['an empty node', {}, {}, []],
    ['a cordoned node', { unschedulable: true }, {}, ['node(s) were unschedulable']],
    [
      'a cordoned node, tolerated',
      { unschedulable: true },
      { spec: { tolerations: [{ key: 'node.kubernetes.io/unschedulable', operator: 'Exists' }] } },
      [],
    ],
    ['a taint', { taints: noSchedule }, {}, ['node(s) had untolerated taint {k: v}']],
    [
      'a taint without a value',
      { taints: [{ key: 'k', effect: 'NoExecute' }] },
      {},
      ['node(s) had untolerated taint {k: }'],
    ],
    ['a soft taint', { taints: [{ key: 'k', effect: 'PreferNoSchedule' }] }, {}, []],
    [
      'a taint, tolerated',
      { taints: noSchedule },
      { spec: { tolerations: [{ key: 'k', operator: 'Equal', value: 'v' }] } },
      [],
    ],
    [
      'a selector that does not fit',
      { labels: { disk: 'hdd' } },
      { spec: { nodeSelector: { disk: 'ssd' } } },
      ["node(s) didn't match Pod's node affinity/selector"],
    ],
    [
      'a selector that fits',
      { labels: { disk: 'ssd' } },
      { spec: { nodeSelector: { disk: 'ssd' } } },
      [],
    ],
    ['all the CPU there is', {}, { requests: { cpu: '4' } }, []],
    ['a little more CPU', {}, { requests: { cpu: '4001m' } }, ['Insufficient cpu']],
    ['too much memory', {}, { requests: { memory: '9Gi' } }, ['Insufficient memory']],
    [
      'too much storage',
      {},
      { requests: { 'ephemeral-storage': '60Gi' } },
      ['Insufficient ephemeral-storage'],
    ],
    [
      'an extended resource',
      { more: { 'nvidia.com/gpu': '2' } },
      { requests: { 'nvidia.com/gpu': '2' } },
      [],
    ],
    [
      'a resource the node does not have',
      {},
      { requests: { 'example.com/foo': '1' } },
      ['Insufficient example.com/foo'],
    ],
  ];
  for (const [what, node, pod, expected] of cases) {
    it(what, () => assert.deepEqual(reasons(node, pod), expected));
  }

  it('asks for the first reason only, in the stock order', () => {
    const taken = reasons({ unschedulable: true, taints: noSchedule }, { requests: { cpu: '99' } });
    assert.deepEqual(taken, ['node(s) were unschedulable']);
  });
});

describe('host ports', () => {
  type Port = NonNullable<PodDraft['hostPorts']>[number];
  const cases: [there: Port, wanted: Port, fits: boolean][] = [
    [80, 80, false],
    [80, 81, true],
    [80, { hostPort: 80, protocol: 'UDP' }, true],
    [80, { hostPort: 80, hostIP: '10.0.0.1' }, false],
    [{ hostPort: 80, hostIP: '10.0.0.1' }, 80, false],
    [{ hostPort: 80, hostIP: '10.0.0.1' }, { hostPort: 80, hostIP: '10.0.0.2' }, true],
    [{ hostPort: 80, hostIP: '10.0.0.1' }, { hostPort: 80, hostIP: '10.0.0.1' }, false],
  ];
  for (const [there, wanted, fits] of cases) {
    it(`${JSON.stringify(wanted)} beside ${JSON.stringify(there)}: ${fits}`, () => {
      const cluster = new TestCluster([testNode('n')]);
      cluster.place(testPod('there', { hostPorts: [there] }), 'n');
      const found = cluster.choose(testPod('p', { hostPorts: [wanted] }));
      assert.equal(found, fits ? 'n' : undefined);
      cluster.state.remove('uid-default-there');
      assert.equal(cluster.choose(testPod('p', { hostPorts: [wanted] })), 'n');
    });
  }
});

describe('hard topology spread', () => {
  const spread = (more: object = {}): Partial<PodSpec> => ({
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'zone',
        whenUnsatisfiable: 'DoNotSchedule',
        labelSelector: { matchLabels: { app: 'x' } },
        ...more,
      },
    ],
  });
  const x = { app: 'x' };
  const zones = (): TestCluster =>
    new TestCluster([
      testNode('a1', { labels: { zone: 'a' } }),
      testNode('a2', { labels: { zone: 'a' } }),
      testNode('b1', { labels: { zone: 'b' } }),
      testNode('plain'),
    ]);

  it('keeps zones within the skew, and off nodes without the label', () => {
    const cluster = zones();
    const counts = new Map<string, number>();
    for (let i = 0; i < 8; i += 1) {
      const node = cluster.run(testPod(`p${i}`, { labels: x, spec: spread() })) ?? 'none';
      counts.set(node.charAt(0), (counts.get(node.charAt(0)) ?? 0) + 1);
    }
    assert.deepEqual(Object.fromEntries(counts), { a: 4, b: 4 });
  });

  it('says which of both it was', () => {
    const cluster = zones().place(testPod('one', { labels: x }), 'a1');
    cluster.state.setNode(testNode('b1', { labels: { zone: 'b' }, unschedulable: true }));
    const pod = testPod('p', { labels: x, spec: spread() });
    const text = "node(s) didn't match pod topology spread constraints";
    assert.deepEqual(cluster.reasons(pod, 'a2'), [text]);
    assert.deepEqual(cluster.reasons(pod, 'plain'), [`${text} (missing required label)`]);
  });

  it('counts too few domains as an empty one', () => {
    const cluster = zones()
      .place(testPod('one', { labels: x }), 'a1')
      .place(testPod('two', { labels: x }), 'b1');
    const wants = (minDomains: number): string | undefined =>
      cluster.choose(testPod('p', { labels: x, spec: spread({ minDomains }) }));
    assert.ok(wants(2));
    assert.equal(wants(3), undefined);
  });

  it('leaves out domains the pod may not use at all', () => {
    const cluster = zones().place(testPod('one', { labels: x }), 'a1');
    const spec = { ...spread(), nodeSelector: { zone: 'a' } };
    assert.ok(cluster.choose(testPod('p', { labels: x, spec })));
    const counted = { ...spread({ nodeAffinityPolicy: 'Ignore' }), nodeSelector: { zone: 'a' } };
    assert.equal(cluster.choose(testPod('q', { labels: x, spec: counted })), undefined);
  });
});

describe('required affinity between pods', () => {
  const term = (app: string, topologyKey = 'zone', more: object = {}) => ({
    topologyKey,
    labelSelector: { matchLabels: { app } },
    ...more,
  });
  const near = (...terms: ReturnType<typeof term>[]): Partial<PodSpec> => ({
    affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } },
  });
  const far = (...terms: ReturnType<typeof term>[]): Partial<PodSpec> => ({
    affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } },
  });
  const zones = (): TestCluster =>
    new TestCluster([
      testNode('a1', { labels: { zone: 'a' } }),
      testNode('a2', { labels: { zone: 'a' } }),
      testNode('b1', { labels: { zone: 'b' } }),
    ]);

  it('goes where the other pod is', () => {
    const cluster = zones().place(testPod('db', { labels: { app: 'db' } }), 'b1');
    assert.equal(cluster.choose(testPod('p', { spec: near(term('db')) })), 'b1');
    const nowhere = testPod('q', { spec: near(term('cache')) });
    assert.deepEqual(cluster.reasons(nowhere, 'a1'), ["node(s) didn't match pod affinity rules"]);
  });

  it('lets the first pod of a kind that wants its own kind start anywhere', () => {
    const cluster = zones();
    const pod = (name: string) => testPod(name, { labels: { app: 'x' }, spec: near(term('x')) });
    const first = cluster.run(pod('first'));
    const zone = first?.charAt(0);
    for (let i = 0; i < 5; i += 1) assert.equal(cluster.run(pod(`p${i}`))?.charAt(0), zone);
  });

  it('stays away from the other pod, one a host', () => {
    const cluster = zones();
    const pod = (name: string) =>
      testPod(name, { labels: { app: 'x' }, spec: far(term('x', 'kubernetes.io/hostname')) });
    const chosen = ['1', '2', '3', '4'].map((name) => cluster.run(pod(name)));
    assert.deepEqual(chosen.slice(0, 3).toSorted(), ['a1', 'a2', 'b1']);
    assert.equal(chosen[3], undefined);
    const why = "node(s) didn't match pod anti-affinity rules";
    assert.deepEqual(cluster.reasons(pod('5'), 'a1'), [why]);
  });

  it('respects the wish of pods that are there to be left alone', () => {
    const cluster = zones().place(testPod('loner', { spec: far(term('x')) }), 'a1');
    const pod = testPod('p', { labels: { app: 'x' } });
    assert.equal(cluster.choose(pod), 'b1');
    cluster.state.dropNode('b1');
    const why = "node(s) didn't satisfy existing pods anti-affinity rules";
    assert.deepEqual(cluster.reasons(pod, 'a2'), [why]);
    cluster.state.remove('uid-default-loner');
    assert.ok(cluster.choose(pod));
  });

  it('means its own namespace, unless it names or selects others', () => {
    const cluster = zones().place(
      testPod('db', { labels: { app: 'db' }, namespace: 'prod' }),
      'b1',
    );
    cluster.state.setNamespace({ metadata: { name: 'prod', labels: { tier: 'live' } } });
    const choose = (more: object): string | undefined =>
      cluster.choose(testPod('p', { spec: near(term('db', 'zone', more)) }));
    assert.equal(choose({}), undefined);
    assert.equal(choose({ namespaces: ['prod'] }), 'b1');
    assert.equal(choose({ namespaceSelector: { matchLabels: { tier: 'live' } } }), 'b1');
    assert.equal(choose({ namespaceSelector: { matchLabels: { tier: 'test' } } }), undefined);
    assert.equal(choose({ namespaceSelector: {} }), 'b1');
  });
});
