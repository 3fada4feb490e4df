/** Cases of the stock plugins that rank nodes by resources (noderesources) and by images (imagelocality). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ContainerImage } from '@kubets/api';
import { DEFAULT_ARGS, type FitStrategy } from '../config/profile.ts';
import type { ScorePlugin } from '../ports.ts';
import { type PodDraft, TestCluster, testNode, testPod } from '../testing/builders.ts';
import { imageLocality } from './image-locality.ts';
import { balancedAllocation, resourcesLeft } from './resources.ts';

interface NodeSize {
  readonly cpu?: string;
  readonly memory?: string;
  readonly more?: Record<string, string>;
}

/** Scores of two nodes; undefined when the plugin has nothing to say. */
function scores(
  plugin: ScorePlugin,
  nodes: readonly NodeSize[],
  pod: PodDraft,
  there: readonly [requests: Record<string, string>, node: number][] = [],
): number[] | undefined {
  const cluster = new TestCluster(nodes.map((size, i) => testNode(`n${i}`, size)));
  for (const [at, [requests, node]] of there.entries()) {
    cluster.place(testPod(`there${at}`, { requests }), `n${node}`);
  }
  const slots = cluster.state.table.order;
  const found = new Float64Array(slots.length);
  const says = plugin.score(cluster.info(testPod('p', pod)), cluster.state, slots, found);
  return says ? [...found] : undefined;
}

const strategy = (type: FitStrategy['type'], more: Partial<FitStrategy> = {}): ScorePlugin =>
  resourcesLeft({ ...DEFAULT_ARGS.fit.strategy, type, ...more });
const NOTHING = { cpu: '0', memory: '0' };

describe('by capacity', () => {
  const least = strategy('RequestedToCapacityRatio', {
    shape: [
      { utilization: 0, score: 10 },
      { utilization: 100, score: 0 },
    ],
  });
  const same = { cpu: '4', memory: '10000' };
  const larger = { cpu: '6', memory: '10000' };
  const asks = { requests: { cpu: '3', memory: '5000' } };

  it('nothing asked for, nothing there', () =>
    assert.deepEqual(scores(least, [same, same], {}), [100, 100]));
  it('nodes of different size', () =>
    assert.deepEqual(scores(least, [same, larger], asks), [38, 50]));
  it('what is there counts as much', () => {
    const there: [Record<string, string>, number][] = [
      [asks.requests, 0],
      [asks.requests, 1],
    ];
    assert.deepEqual(scores(least, [same, larger], { requests: NOTHING }, there), [38, 50]);
  });

  const foo = 'intel.com/foo';
  const bar = 'intel.com/bar';
  const packs = (...resources: FitStrategy['resources']) =>
    strategy('RequestedToCapacityRatio', {
      resources,
      shape: [
        { utilization: 0, score: 0 },
        { utilization: 100, score: 1 },
      ],
    });
  const one = packs({ name: foo, weight: 1 });
  const sizes = [{ more: { [foo]: '8' } }, { more: { [foo]: '4' } }];

  it('a resource nobody asks for is left out', () =>
    assert.deepEqual(scores(one, sizes, {}), [0, 0]));
  it('fuller is better', () =>
    assert.deepEqual(scores(one, sizes, { requests: { [foo]: '2' } }), [2, 5]));
  it('fullest is best', () =>
    assert.deepEqual(
      scores(one, sizes, { requests: { [foo]: '2' } }, [[{ [foo]: '2' }, 1]]),
      [2, 10],
    ));
  it('more of it', () =>
    assert.deepEqual(scores(one, sizes, { requests: { [foo]: '4' } }), [5, 10]));

  it('resources by their weights', () => {
    const both = packs({ name: foo, weight: 3 }, { name: bar, weight: 5 });
    const two = [{ more: { [foo]: '8', [bar]: '4' } }, { more: { [foo]: '4', [bar]: '8' } }];
    assert.deepEqual(scores(both, two, {}), [0, 0]);
    assert.deepEqual(scores(both, two, { requests: { [foo]: '2', [bar]: '2' } }), [4, 3]);
  });

  it('lines between the points of a shape', () => {
    const line = (points: FitStrategy['shape'], percent: number): number | undefined => {
      const plugin = strategy('RequestedToCapacityRatio', {
        resources: [{ name: foo, weight: 1 }],
        shape: points,
      });
      const pod = { requests: { [foo]: String(percent) } };
      return scores(plugin, [{ more: { [foo]: '100' } }], pod)?.[0];
    };
    const hill = [
      { utilization: 10, score: 1 },
      { utilization: 90, score: 9 },
    ];
    assert.deepEqual(
      [1, 10, 15, 20, 89, 90, 99, 100].map((x) => line(hill, x)),
      [10, 10, 15, 20, 89, 90, 90, 90],
    );
    const peak = [
      { utilization: 0, score: 2 },
      { utilization: 40, score: 10 },
      { utilization: 100, score: 0 },
    ];
    assert.deepEqual(
      [20, 30, 40, 70, 100].map((x) => line(peak, x)),
      [60, 80, 100, 50, 0],
    );
  });
});

describe('most allocated', () => {
  const most = strategy('MostAllocated');
  it('fuller is better', () => {
    const sizes = [
      { cpu: '4', memory: '10000' },
      { cpu: '6', memory: '10000' },
    ];
    // CPU 75 and 50, memory 50: (75 + 50) / 2 and (50 + 50) / 2.
    const pod = { requests: { cpu: '3', memory: '5000' } };
    assert.deepEqual(scores(most, sizes, pod), [62, 50]);
  });
  it('no fuller than full', () => {
    const pod = { requests: { cpu: '8', memory: '5000' } };
    assert.deepEqual(scores(most, [{ cpu: '4', memory: '10000' }], pod), [75]);
  });
  it('by weights, others where they are asked for', () => {
    const plugin = strategy('MostAllocated', {
      resources: [
        { name: 'cpu', weight: 1 },
        { name: 'example.com/gpu', weight: 3 },
      ],
    });
    const size = { cpu: '4', more: { 'example.com/gpu': '4' } };
    const gpu = { requests: { cpu: '1', 'example.com/gpu': '4' } };
    assert.deepEqual(scores(plugin, [size], gpu), [81]);
    assert.deepEqual(scores(plugin, [size], { requests: { cpu: '1' } }), [25]);
  });
});

describe('balance', () => {
  const balance = balancedAllocation(DEFAULT_ARGS.balanced.resources);
  const cpuOnly = { cpu: '3' };
  const both = { cpu: '3', memory: '5000' };
  const two = (cpu: string, memory: string, other = { cpu, memory }): NodeSize[] => [
    { cpu, memory },
    other,
  ];
  const there: [Record<string, string>, number][] = [
    [cpuOnly, 0],
    [both, 1],
  ];

  it('has nothing to say of pods that ask for nothing', () =>
    assert.equal(scores(balance, two('4', '10000'), {}), undefined));
  it('nodes of different size', () => {
    const nodes = two('4', '10000', { cpu: '6', memory: '10000' });
    assert.deepEqual(scores(balance, nodes, { requests: both }), [87, 100]);
  });
  it('with pods there', () =>
    assert.deepEqual(scores(balance, two('10', '20000'), { requests: both }, there), [82, 95]));
  it('with pods there, on nodes of different size', () => {
    const nodes = two('10', '20000', { cpu: '10', memory: '50000' });
    assert.deepEqual(scores(balance, nodes, { requests: both }, there), [82, 80]);
  });
  it('at the limit', () =>
    assert.deepEqual(scores(balance, two('6', '10000'), { requests: cpuOnly }, there), [50, 75]));

  it('other resources where they are asked for', () => {
    const gpu = 'nvidia.com/gpu';
    const plugin = balancedAllocation(['cpu', 'memory', gpu]);
    const size = { cpu: '3500m', memory: '40000', more: { [gpu]: '8' } };
    const placed: [Record<string, string>, number][] = [
      [both, 1],
      [{ ...both, [gpu]: '3' }, 0],
    ];
    assert.deepEqual(scores(plugin, [size, size], { requests: { [gpu]: '1' } }, placed), [70, 65]);
    const without = { cpu: '3500m', memory: '40000' };
    assert.deepEqual(scores(plugin, [size, without], { requests: both }), [63, 63]);
  });
});

describe('images', () => {
  const MIB = 1024 * 1024;
  const image = (name: string, mib: number): ContainerImage => ({
    names: [`gcr.io/${name}:latest`, `gcr.io/${name}@sha256:${name}`],
    sizeBytes: mib * MIB,
  });
  const nodeWith = (name: string, ...images: ContainerImage[]) => {
    const made = testNode(name);
    return { ...made, status: { ...made.status, images } };
  };
  const wants = (...names: string[]) =>
    testPod('p', {
      spec: { containers: names.map((name) => ({ name, image: `gcr.io/${name}` })) },
    });
  const by = (pod: ReturnType<typeof wants>, ...nodes: ReturnType<typeof nodeWith>[]) => {
    const cluster = new TestCluster(nodes);
    const slots = cluster.state.table.order;
    const found = new Float64Array(slots.length);
    const says = imageLocality.score(cluster.info(pod), cluster.state, slots, found);
    return says ? [...found] : undefined;
  };

  it('the larger one that is there counts', () => {
    const a = nodeWith('a', image('40', 40), image('300', 300), image('2000', 2000));
    const b = nodeWith('b', image('250', 250), image('10', 10));
    // 40 MiB on one of two nodes, and 250 MiB: (20 - 23 → 0) and (125 - 23) / (2000 - 23).
    assert.deepEqual(by(wants('40', '250'), a, b), [0, 5]);
  });

  it('a large one', () => {
    const a = nodeWith('a', image('2000', 2000));
    assert.deepEqual(by(wants('2000'), a, nodeWith('b')), [100, 0]);
  });

  it('has nothing to say of images nobody has', () =>
    assert.equal(by(wants('none'), nodeWith('a', image('40', 40))), undefined));

  it('forgets what nodes no longer have', () => {
    const cluster = new TestCluster([nodeWith('a', image('9', 900))]);
    assert.equal(cluster.state.images.nodesWith('gcr.io/9:latest')?.size, 1);
    cluster.state.setNode(nodeWith('a'));
    assert.equal(cluster.state.images.nodesWith('gcr.io/9:latest'), undefined);
    cluster.state.setNode(nodeWith('a', image('9', 900)));
    cluster.state.dropNode('a');
    assert.equal(cluster.state.images.nodesWith('gcr.io/9:latest'), undefined);
  });
});
