import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Node, Pod } from '@kubets/api';
import { DEFAULT_ARGS } from '../config/profile.ts';
import type { ScorePlugin } from '../ports.ts';
import { TestCluster, testNode, testPod } from '../testing/builders.ts';
import { interPodPreferences, preferredNodeAffinity, softTaints } from './preferences.ts';
import { balancedAllocation, resourcesLeft } from './resources.ts';
import { softTopologySpread } from './topology-spread.ts';

/** The scores of a pod by node; undefined when the plugin has nothing to say. */
function scoresOf(
  plugin: ScorePlugin,
  cluster: TestCluster,
  pod: Pod,
): Record<string, number> | undefined {
  const slots = cluster.state.table.order;
  const scores = new Float64Array(slots.length);
  if (!plugin.score(cluster.info(pod), cluster.state, slots, scores)) return undefined;
  return Object.fromEntries(
    slots.map((slot, at) => [cluster.state.table.entry(slot).name, scores[at] ?? -1]),
  );
}

const { fit, balanced, interPod } = DEFAULT_ARGS;
const leastAllocated = resourcesLeft(fit.strategy);
const balance = balancedAllocation(balanced.resources);

const nodes = (...list: Node[]): TestCluster => new TestCluster(list);

describe('scores by resources', () => {
  it('prefer what is less used', () => {
    const cluster = nodes(testNode('a', { memory: '4Gi' }), testNode('b', { memory: '4Gi' }));
    cluster.place(testPod('there', { requests: { cpu: '2', memory: '2Gi' } }), 'a');
    const pod = testPod('p', { requests: { cpu: '1', memory: '1Gi' } });
    assert.deepEqual(scoresOf(leastAllocated, cluster, pod), { a: 25, b: 75 });
  });

  it('count pods that ask for nothing a little', () => {
    const cluster = nodes(testNode('a'), testNode('b'));
    cluster.place(testPod('there'), 'a');
    const scores = scoresOf(leastAllocated, cluster, testPod('p'));
    assert.ok((scores?.a ?? 0) < (scores?.b ?? 0));
  });

  it('prefer balance', () => {
    const cluster = nodes(testNode('a'), testNode('b'));
    cluster.place(testPod('there', { requests: { cpu: '2' } }), 'a');
    const pod = testPod('p', { requests: { memory: '4Gi' } });
    assert.deepEqual(scoresOf(balance, cluster, pod), { a: 100, b: 75 });
    assert.equal(scoresOf(balance, cluster, testPod('q')), undefined);
  });
});

describe('scores by wishes', () => {
  it('add up preferred node affinity', () => {
    const cluster = nodes(
      testNode('a', { labels: { disk: 'ssd', zone: 'x' } }),
      testNode('b', { labels: { disk: 'ssd' } }),
      testNode('c'),
    );
    const prefers = (key: string, value: string, weight: number) => ({
      weight,
      preference: { matchExpressions: [{ key, operator: 'In', values: [value] }] },
    });
    const wishes = [prefers('disk', 'ssd', 10), prefers('zone', 'x', 30)];
    const nodeAffinity = { preferredDuringSchedulingIgnoredDuringExecution: wishes };
    const pod = testPod('p', { spec: { affinity: { nodeAffinity } } });
    assert.deepEqual(scoresOf(preferredNodeAffinity(), cluster, pod), { a: 100, b: 25, c: 0 });
    assert.equal(scoresOf(preferredNodeAffinity(), cluster, testPod('q')), undefined);
  });

  it('avoid soft taints', () => {
    const taint = (key: string) => ({ key, effect: 'PreferNoSchedule' });
    const cluster = nodes(
      testNode('a', { taints: [taint('one'), taint('two')] }),
      testNode('b', { taints: [taint('one')] }),
      testNode('c'),
    );
    assert.deepEqual(scoresOf(softTaints, cluster, testPod('p')), { a: 0, b: 50, c: 100 });
    const tolerations = [{ operator: 'Exists' }];
    assert.equal(scoresOf(softTaints, cluster, testPod('q', { spec: { tolerations } })), undefined);
    assert.equal(cluster.choose(testPod('r')), 'c');
  });

  it('weigh nearness to and distance from other pods, whoever wishes it', () => {
    const cluster = nodes(testNode('a'), testNode('b'), testNode('c'));
    const wish = (app: string) => ({
      weight: 10,
      podAffinityTerm: {
        topologyKey: 'kubernetes.io/hostname',
        labelSelector: { matchLabels: { app } },
      },
    });
    const shy = {
      podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [wish('x')] },
    };
    cluster.place(testPod('db', { labels: { app: 'db' } }), 'a');
    cluster.place(testPod('shy', { spec: { affinity: shy } }), 'c');
    const near = { podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [wish('db')] } };
    const pod = testPod('p', { labels: { app: 'x' }, spec: { affinity: near } });
    assert.deepEqual(scoresOf(interPodPreferences(interPod), cluster, pod), {
      a: 100,
      b: 50,
      c: 0,
    });
    assert.equal(
      scoresOf(interPodPreferences(interPod), nodes(testNode('a')), testPod('q')),
      undefined,
    );
  });
});

describe('soft topology spread', () => {
  const selector = { requirements: [{ key: 'app', operator: '=' as const, values: ['x'] }] };
  const zones = (): TestCluster =>
    nodes(
      testNode('a', { labels: { 'topology.kubernetes.io/zone': '1' } }),
      testNode('b', { labels: { 'topology.kubernetes.io/zone': '1' } }),
      testNode('c', { labels: { 'topology.kubernetes.io/zone': '2' } }),
    );
  const x = { labels: { app: 'x' } };

  it('spreads the pods of a service by host and zone without being told', () => {
    const plugin = softTopologySpread(() => selector);
    const cluster = zones().place(testPod('one', x), 'a');
    const scores = scoresOf(plugin, cluster, testPod('p', x));
    assert.ok(scores);
    const { a = 0, b = 0, c = 0 } = scores;
    assert.ok(c > b && b > a, JSON.stringify(scores));
  });

  it('says nothing of pods that belong to nothing', () => {
    const plugin = softTopologySpread(() => undefined);
    assert.equal(scoresOf(plugin, zones(), testPod('p')), undefined);
  });

  it('gives nodes without the label of the pod’s own constraint nothing', () => {
    const plugin = softTopologySpread(() => undefined);
    const cluster = zones();
    cluster.state.setNode(testNode('plain'));
    const constraint = {
      maxSkew: 1,
      topologyKey: 'topology.kubernetes.io/zone',
      whenUnsatisfiable: 'ScheduleAnyway',
      labelSelector: { matchLabels: { app: 'x' } },
    };
    const pod = testPod('p', { ...x, spec: { topologySpreadConstraints: [constraint] } });
    assert.equal(scoresOf(plugin, cluster, pod)?.plain, 0);
    cluster.place(testPod('one', x), 'a');
    const scores = scoresOf(plugin, cluster, pod);
    assert.ok((scores?.c ?? 0) > (scores?.a ?? 0));
    assert.equal(scores?.a, scores?.b);
  });
});
