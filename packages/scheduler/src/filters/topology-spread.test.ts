/** Cases of the stock plugin's own tests: which nodes hard constraints leave, other filters aside. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PodSpec, TopologySpreadConstraint } from '@kubets/api';
import { type PodDraft, TestCluster, testNode, testPod } from '../testing/builders.ts';
import { topologySpread } from './topology-spread.ts';

type Hard = Partial<TopologySpreadConstraint>;

const exists = (key: string) => ({ matchExpressions: [{ key, operator: 'Exists' }] });
const hard = (topologyKey: string, more: Hard = {}): TopologySpreadConstraint => ({
  maxSkew: 1,
  topologyKey,
  whenUnsatisfiable: 'DoNotSchedule',
  labelSelector: exists('foo'),
  ...more,
});
const bar = { labelSelector: exists('bar') };
const byNode = hard('node');
const byZone = hard('zone');
const ignoring: Hard = { nodeAffinityPolicy: 'Ignore' };
const heedingTaints: Hard = { nodeTaintsPolicy: 'Honor' };

const affinity = (key: string, operator: string, values: string[]): Partial<PodSpec> => ({
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key, operator, values }] }],
      },
    },
  },
});
const onFoo: Partial<PodSpec> = { nodeSelector: { foo: '' } };
const onFooByAffinity = affinity('foo', 'In', ['']);

interface Case {
  readonly name: string;
  readonly constraints: readonly TopologySpreadConstraint[];
  /** Words for what a node of a, b (zone 1), x, y (zone 2) has or lacks. */
  readonly nodes?: Record<string, string>;
  /** Pods on each node: a number of those labelled "foo", or the labels of each. */
  readonly pods: Record<string, number | readonly string[]>;
  readonly labels?: string;
  readonly spec?: Partial<PodSpec>;
  /** Nodes that are left, and those for which nothing can be done, marked "!". */
  readonly left: string;
}

const spread2103 = { a: 2, b: 1, y: 3 };
const foos = { a: 'foo', b: 'foo', x: 'foo', y: '' };
const tainted = { a: 'foo', b: 'foo', x: 'foo', y: 'taint' };
const ones = { a: 1, b: 1, y: 1 };

const CASES: readonly Case[] = [
  { name: 'no pods', constraints: [byZone], pods: {}, left: 'a b x y' },
  {
    name: 'no pods, a pod that does not count itself',
    constraints: [hard('zone', bar)],
    pods: {},
    left: 'a b x y',
  },
  {
    name: 'pods of other namespaces do not count',
    constraints: [byZone],
    pods: { a: ['foo@ns1', 'foo'], b: ['foo@ns2'], x: ['foo@ns1', 'foo'], y: ['foo'] },
    left: 'a b',
  },
  {
    name: 'zones as 3/3',
    constraints: [byZone],
    pods: { a: 2, b: 1, y: 3 },
    left: 'a b x y',
  },
  {
    name: 'zones as 1/2, a node without a zone',
    constraints: [byZone],
    nodes: { b: 'nozone' },
    pods: { a: 1, b: 1, x: 1, y: 1 },
    left: 'a b!',
  },
  { name: 'no node has the label', constraints: [hard('rack')], pods: ones, left: 'a! b! x! y!' },
  { name: 'nodes as 2/1/0/3', constraints: [byNode], pods: spread2103, left: 'x' },
  {
    name: 'nodes as 2/1/0/3, a skew of 2',
    constraints: [hard('node', { maxSkew: 2 })],
    pods: spread2103,
    left: 'b x',
  },
  {
    name: 'nodes as 2/1/0/3, a pod that does not count itself',
    constraints: [byNode],
    pods: spread2103,
    labels: 'bar',
    left: 'b x',
  },
  {
    name: 'nodes as 2/~1~/~0~/3 by affinity',
    constraints: [byNode],
    spec: affinity('node', 'In', ['a', 'y']),
    pods: spread2103,
    left: 'a b x',
  },
  {
    name: 'nodes as 0/~2~/0/1 by affinity',
    constraints: [byZone],
    spec: affinity('node', 'NotIn', ['b']),
    pods: { b: 2, y: 1 },
    left: 'a b',
  },
  {
    name: 'terminating pods do not count',
    constraints: [byNode],
    nodes: { a: '', b: '' },
    pods: { a: ['foo-'], b: ['foo'] },
    left: 'a',
  },
  ...[
    [4, 'x'],
    [2, 'a b x'],
  ].map(([minDomains, left]) => ({
    name: `nodes as 2/2/1, a skew of 2, ${minDomains} domains at least`,
    constraints: [hard('node', { maxSkew: 2, minDomains: Number(minDomains) })],
    nodes: { a: '', b: '', x: '' },
    pods: { a: 2, b: 2, x: 1 },
    left: String(left),
  })),
  ...[
    [3, 'x y'],
    [1, 'a b x y'],
  ].map(([minDomains, left]) => ({
    name: `zones as 2/1, a skew of 2, ${minDomains} domains at least`,
    constraints: [hard('zone', { maxSkew: 2, minDomains: Number(minDomains) })],
    pods: ones,
    left: String(left),
  })),
  ...[onFoo, onFooByAffinity].flatMap((spec) => [
    {
      name: 'nodes it may not use',
      constraints: [byNode],
      nodes: foos,
      pods: ones,
      spec,
      left: 'x y',
    },
    {
      name: 'nodes it may not use, counted all the same',
      constraints: [hard('node', ignoring)],
      ...{ nodes: foos, pods: ones, spec, left: 'x' },
    },
  ]),
  {
    name: 'taints heeded',
    constraints: [hard('node', heedingTaints)],
    nodes: tainted,
    pods: ones,
    left: 'x y',
  },
  { name: 'taints ignored', constraints: [byNode], nodes: tainted, pods: ones, left: 'x' },
  {
    name: 'zones 3/3 and nodes 2/1/0/3',
    constraints: [byZone, byNode],
    pods: spread2103,
    left: 'x',
  },
  {
    name: 'zones 3/4 and nodes 2/1/0/4',
    constraints: [byZone, byNode],
    pods: { a: 2, b: 1, y: 4 },
    left: '',
  },
  {
    name: 'different selectors, 1/0 and 1/0/0/1',
    constraints: [byZone, hard('node', bar)],
    pods: { a: ['foo'], y: ['bar'] },
    labels: 'foo,bar',
    left: 'x',
  },
  {
    name: 'different selectors, 1/0 and 0/0/1/1',
    constraints: [byZone, hard('node', bar)],
    pods: { a: ['foo'], x: ['bar'], y: ['bar'] },
    labels: 'foo,bar',
    left: '',
  },
  {
    name: 'different selectors, 2/3 and 1/0/0/1',
    constraints: [byZone, hard('node', bar)],
    pods: { a: ['foo', 'foo,bar'], y: ['foo', 'foo,bar', 'foo'] },
    labels: 'foo,bar',
    left: 'b',
  },
  {
    name: 'different selectors, a pod that does not count itself in zones',
    constraints: [byZone, hard('node', bar)],
    pods: { a: ['foo'], x: ['bar'], y: ['bar'] },
    labels: 'bar',
    left: 'a b',
  },
  {
    name: 'zones and nodes, one without a label',
    constraints: [byZone, byNode],
    nodes: { x: 'nonode' },
    pods: { a: 1, y: 1 },
    left: 'b x!',
  },
  {
    name: 'zones by affinity, nodes all',
    constraints: [byZone, hard('node', ignoring)],
    ...{ nodes: foos, pods: ones, spec: onFoo, left: 'x' },
  },
  {
    name: 'zones by affinity and taints, nodes by affinity',
    constraints: [hard('zone', heedingTaints), byNode],
    ...{ nodes: tainted, pods: ones, left: 'x' },
  },
  {
    name: 'zones and nodes by affinity',
    constraints: [byZone, byNode],
    nodes: { a: 'foo', b: '', x: 'foo', y: 'foo taint' },
    ...{ pods: ones, spec: onFoo, left: 'b x' },
  },
];

function clusterOf({ nodes = {}, pods }: Case): TestCluster {
  const some = Object.keys(nodes);
  const isSubset = some.length > 1 && some.length < 4 && !some.includes('y');
  const cluster = new TestCluster();
  for (const name of isSubset ? some : ['a', 'b', 'x', 'y']) {
    const words = (nodes[name] ?? '').split(' ');
    const zone = name === 'a' || name === 'b' ? 'zone1' : 'zone2';
    const labels = {
      ...(words.includes('nozone') ? {} : { zone }),
      ...(words.includes('nonode') ? {} : { node: name }),
      ...(words.includes('foo') ? { foo: '' } : {}),
    };
    const taints = words.includes('taint') ? [{ key: 'k', effect: 'NoSchedule' }] : [];
    cluster.state.setNode(testNode(name, { labels, taints }));
  }
  for (const [node, given] of Object.entries(pods)) {
    const list = typeof given === 'number' ? Array<string>(given).fill('foo') : given;
    for (const [at, text] of list.entries()) {
      const [words = '', namespace = 'default'] = text.replace('-', '').split('@');
      const draft: PodDraft = { ...labelled(words), namespace, terminating: text.endsWith('-') };
      cluster.place(testPod(`${node}${at}`, draft), node);
    }
  }
  return cluster;
}

const labelled = (words: string): PodDraft => ({
  labels: Object.fromEntries(words.split(',').map((word) => [word, ''])),
});

describe('hard topology spread as the stock scheduler filters', () => {
  for (const one of CASES) {
    it(one.name, () => {
      const cluster = clusterOf(one);
      const spec = { ...one.spec, topologySpreadConstraints: [...one.constraints] };
      const pod = cluster.info(testPod('p', { ...labelled(one.labels ?? 'foo'), spec }));
      const { state } = cluster;
      const filter = topologySpread().prepare(pod, state);
      const left = state.table.order.flatMap((slot) => {
        const { name } = state.table.entry(slot);
        const rejection = filter?.reject(slot);
        if (rejection === undefined) return [name];
        return rejection.unresolvable ? [`${name}!`] : [];
      });
      assert.equal(left.sort().join(' '), one.left);
    });
  }
});
