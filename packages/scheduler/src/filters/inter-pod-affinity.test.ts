/** Cases of the stock plugin's own tests: nodes on which a pod is near and far enough of others. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PodAffinityTerm, PodSpec } from '@kubets/api';
import { type PodDraft, TestCluster, testNode, testPod } from '../testing/builders.ts';
import { interPodAffinity } from './inter-pod-affinity.ts';

type Wish = readonly [selector: string, topologyKey: string];

const term = ([key, topologyKey]: Wish): PodAffinityTerm => ({
  topologyKey,
  labelSelector: { matchExpressions: [{ key, operator: 'Exists' }] },
});
const near = (...wishes: Wish[]): Partial<PodSpec> => ({
  affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: wishes.map(term) } },
});
const far = (...wishes: Wish[]): Partial<PodSpec> => ({
  affinity: {
    podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: wishes.map(term) },
  },
});
const labelled = (...names: string[]): PodDraft => ({
  labels: Object.fromEntries(names.map((name) => [name, ''])),
});

const zones = (a: string, b: string) => ({
  a: { region: 'r1', zone: a },
  b: { region: 'r1', zone: b },
});
const china = { a: { region: 'China' }, b: { region: 'China', az: 'az1' }, c: { region: 'India' } };

interface Case {
  readonly name: string;
  readonly pod: PodDraft;
  readonly nodes: Record<string, Record<string, string>>;
  readonly pods: readonly (readonly [node: string, draft: PodDraft])[];
  /** The nodes left. */
  readonly left: string;
}

const CASES: readonly Case[] = [
  {
    name: 'near a pod: all nodes of its domain',
    pod: { spec: near(['foo', 'region']) },
    nodes: china,
    pods: [['a', labelled('foo')]],
    left: 'a b',
  },
  {
    name: 'the first of its kind starts anywhere, though a pod meets one of its terms',
    pod: { ...labelled('foo', 'service'), spec: near(['foo', 'zone'], ['service', 'zone']) },
    nodes: { a: { zone: 'az1' }, b: { zone: 'az2' } },
    pods: [['a', labelled('foo')]],
    left: 'a b',
  },
  {
    name: 'far from a pod: no node of its domain',
    pod: { spec: far(['foo', 'region']) },
    nodes: china,
    pods: [['a', labelled('foo')]],
    left: 'c',
  },
  {
    name: 'any term that meets a pod keeps away',
    pod: { spec: far(['foo', 'region'], ['service', 'zone']) },
    nodes: zones('z1', 'z2'),
    pods: [['a', labelled('foo', 'service')]],
    left: '',
  },
  {
    name: 'wishes of pods in other namespaces mean their own',
    pod: { ...labelled('foo'), namespace: 'ns1', spec: far(['bar', 'region']) },
    nodes: china,
    pods: [
      ['a', { ...labelled('bar'), namespace: 'ns1' }],
      ['c', { namespace: 'ns2', spec: far(['foo', 'region']) }],
    ],
    left: 'c',
  },
  {
    name: 'a pod there minds by a label its node lacks',
    pod: labelled('foo'),
    nodes: zones('z1', 'z1'),
    pods: [['a', { spec: far(['foo', 'none']) }]],
    left: 'a b',
  },
  {
    name: 'the pod minds by a label no node has',
    pod: { spec: far(['foo', 'none']) },
    nodes: zones('z1', 'z1'),
    pods: [['a', labelled('foo')]],
    left: 'a b',
  },
  {
    name: 'pods there mind by zone and by region',
    pod: labelled('foo', 'bar'),
    nodes: zones('z1', 'z2'),
    pods: [
      ['a', { spec: far(['foo', 'zone']) }],
      ['a', { spec: far(['bar', 'region']) }],
    ],
    left: '',
  },
  {
    name: 'the pod minds one by zone, another by region',
    pod: { spec: far(['foo', 'zone'], ['bar', 'region']) },
    nodes: zones('z1', 'z2'),
    pods: [
      ['a', labelled('foo')],
      ['b', labelled('bar')],
    ],
    left: '',
  },
  {
    name: 'a pod there minds by a label its node lacks, and by zone',
    pod: labelled('foo', 'bar'),
    nodes: zones('z1', 'z2'),
    pods: [['a', { spec: far(['foo', 'none'], ['bar', 'zone']) }]],
    left: 'b',
  },
  {
    name: 'the pod minds by a label no node has, and by zone',
    pod: { spec: far(['foo', 'none'], ['bar', 'zone']) },
    nodes: zones('z1', 'z2'),
    pods: [['a', labelled('foo', 'bar')]],
    left: 'b',
  },
  {
    name: 'one term of each pod there is enough',
    pod: labelled('foo', 'bar'),
    nodes: { ...zones('z1', 'z2'), c: { region: 'r1', zone: 'z3' } },
    pods: [
      ['a', { spec: far(['foo', 'zone'], ['labelA', 'zone']) }],
      ['b', { spec: far(['bar', 'zone'], ['labelB', 'zone']) }],
    ],
    left: 'c',
  },
  {
    name: 'near one pod by both terms',
    pod: { spec: near(['foo', 'region'], ['bar', 'zone']) },
    nodes: zones('z1', 'z1'),
    pods: [['a', labelled('foo', 'bar')]],
    left: 'a b',
  },
  {
    name: 'two pods that meet a term each are not one that meets both',
    pod: { spec: near(['foo', 'region'], ['bar', 'zone']) },
    nodes: zones('z1', 'z2'),
    pods: [
      ['a', labelled('foo')],
      ['b', labelled('bar')],
    ],
    left: '',
  },
  {
    name: 'a pod on its way out is to be kept away from until it is gone',
    pod: { spec: far(['foo', 'zone']) },
    nodes: zones('z1', 'z2'),
    pods: [['a', { ...labelled('foo'), terminating: true }]],
    left: 'b',
  },
  {
    name: 'a pod on its way out is one to be near to',
    pod: { spec: near(['foo', 'zone']) },
    nodes: zones('z1', 'z2'),
    pods: [['a', { ...labelled('foo'), terminating: true }]],
    left: 'a',
  },
];

describe('required affinity between pods as the stock scheduler filters', () => {
  for (const one of CASES) {
    it(one.name, () => {
      const cluster = new TestCluster();
      const { state } = cluster;
      for (const [name, labels] of Object.entries(one.nodes)) {
        state.setNode(testNode(name, { labels }));
      }
      for (const [at, [node, draft]] of one.pods.entries()) {
        cluster.place(testPod(`there${at}`, draft), node);
      }
      const filter = interPodAffinity.prepare(cluster.info(testPod('p', one.pod)), state);
      const left = state.table.order.filter((slot) => filter?.reject(slot) === undefined);
      const names = left.map((slot) => state.table.entry(slot).name);
      assert.equal(names.sort().join(' '), one.left);
      for (const at of one.pods.keys()) {
        for (const namespace of ['default', 'ns1', 'ns2']) {
          state.remove(`uid-${namespace}-there${at}`);
        }
      }
      assert.deepEqual([...state.neighbours()], []);
    });
  }
});
