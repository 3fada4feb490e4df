/** Cases of the stock plugin's own tests: pods per node, constraints, and the scores they give. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TopologySpreadConstraint } from '@kubets/api';
import { type PodDraft, TestCluster, testNode, testPod } from '../testing/builders.ts';
import { softTopologySpread } from './topology-spread.ts';

const HOST = 'kubernetes.io/hostname';

type Soft = Partial<TopologySpreadConstraint> & { key?: string; app?: string };

const soft = ({ key = HOST, app = 'foo', ...more }: Soft = {}): TopologySpreadConstraint => ({
  maxSkew: 1,
  topologyKey: key,
  whenUnsatisfiable: 'ScheduleAnyway',
  labelSelector: { matchExpressions: [{ key: app, operator: 'Exists' }] },
  ...more,
});

interface Case {
  readonly name: string;
  /** Labels of the nodes the pod may go to. */
  readonly nodes: Record<string, Record<string, string>>;
  /** Nodes it may not go to. */
  readonly others?: Record<string, Record<string, string>>;
  /** Labels of the pods on each node; a number of pods "foo" for short. */
  readonly pods: Record<string, number | readonly PodDraft[]>;
  readonly constraints: readonly TopologySpreadConstraint[];
  readonly pod?: PodDraft;
  readonly scores: Record<string, number>;
}

const foo: PodDraft = { labels: { foo: '' } };
const both: PodDraft = { labels: { foo: '', bar: '' } };
const zone = (value: string): Record<string, string> => ({ zone: value });

const CASES: readonly Case[] = [
  {
    name: 'hosts, some of them out of the question',
    nodes: { a: {}, b: {}, x: {} },
    others: { y: {} },
    pods: { a: 4, b: 2, x: 1, y: 3 },
    constraints: [soft()],
    scores: { a: 33, b: 83, x: 100 },
  },
  {
    name: 'a node without the label gets nothing and weighs nothing',
    nodes: { a: {}, b: { [HOST]: '-' }, x: {} },
    others: { y: {} },
    pods: { a: 4, b: 2, x: 1, y: 3 },
    constraints: [soft()],
    scores: { a: 16, b: 0, x: 100 },
  },
  {
    name: 'zones count the pods of nodes out of the question',
    nodes: { a: zone('1'), b: zone('1'), x: zone('2') },
    others: { y: zone('2') },
    pods: { a: 4, b: 2, x: 1, y: 3 },
    constraints: [soft({ key: 'zone' })],
    scores: { a: 75, b: 75, x: 100 },
  },
  {
    name: 'zones and hosts',
    nodes: { a: zone('1'), x: zone('2') },
    others: { b: zone('1'), y: zone('2') },
    pods: { a: 2, b: 1, x: 2, y: 4 },
    constraints: [soft({ key: 'zone' }), soft()],
    scores: { a: 100, x: 63 },
  },
  {
    name: 'pods on a node without every label do not count in its zone',
    nodes: { a: zone('1'), x: zone('2') },
    others: { b: { ...zone('1'), [HOST]: '-' } },
    pods: { a: 1, b: 8, x: 1 },
    constraints: [soft({ key: 'zone' }), soft()],
    scores: { a: 100, x: 100 },
  },
  {
    name: 'constraints with different selectors',
    nodes: { a: zone('1'), b: zone('1'), x: zone('2'), y: zone('2') },
    pods: { a: [foo], b: [both], y: [foo, { labels: { bar: '' } }] },
    constraints: [soft({ key: 'zone' }), soft({ app: 'bar' })],
    pod: both,
    scores: { a: 60, b: 20, x: 100, y: 60 },
  },
  {
    name: 'pods of other namespaces do not count',
    nodes: { a: {}, b: {} },
    pods: { a: [{ ...foo, namespace: 'ns1' }, { ...foo, namespace: 'ns1' }, foo], b: [foo, foo] },
    constraints: [soft()],
    scores: { a: 100, b: 33 },
  },
  {
    name: 'terminating pods do not count',
    nodes: { a: {}, b: {} },
    pods: { a: [{ ...foo, terminating: true }], b: [foo] },
    constraints: [soft()],
    scores: { a: 100, b: 0 },
  },
  {
    name: 'a larger skew evens the scores out',
    nodes: { a: {}, b: {}, x: {} },
    pods: { a: 2, b: 2, x: 1 },
    constraints: [soft({ maxSkew: 2 })],
    scores: { a: 75, b: 75, x: 100 },
  },
];

describe('soft topology spread as the stock scheduler scores it', () => {
  for (const one of CASES) {
    it(one.name, () => {
      const cluster = new TestCluster();
      for (const [name, given] of Object.entries({ ...one.nodes, ...one.others })) {
        const node = testNode(name, { labels: given });
        if (given[HOST] === '-') delete node.metadata.labels?.[HOST];
        cluster.state.setNode(node);
      }
      for (const [node, given] of Object.entries(one.pods)) {
        const drafts = typeof given === 'number' ? Array<PodDraft>(given).fill(foo) : given;
        for (const [at, draft] of drafts.entries()) {
          cluster.place(testPod(`${node}-${at}`, draft), node);
        }
      }
      const spec = { topologySpreadConstraints: [...one.constraints] };
      const pod = cluster.info(testPod('p', { ...(one.pod ?? foo), spec }));
      const { state } = cluster;
      const slots = state.table.order.filter((slot) => state.table.entry(slot).name in one.nodes);
      const scores = new Float64Array(slots.length);
      softTopologySpread(() => undefined).score(pod, state, slots, scores);
      const byName = slots.map((slot, at) => [state.table.entry(slot).name, scores[at]]);
      assert.deepEqual(Object.fromEntries(byName), one.scores);
    });
  }
});
