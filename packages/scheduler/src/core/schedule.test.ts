import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DEFAULT_PROFILE } from '../config/profile.ts';
import { TestCluster, testNode, testPod } from '../testing/builders.ts';
import { feasibleNodesWanted } from './schedule.ts';

describe('feasibleNodesWanted', () => {
  const cases: [nodes: number, wanted: number][] = [
    [0, 0],
    [1, 1],
    [100, 100],
    [101, 100],
    [200, 100],
    [1000, 420],
    [5000, 500],
    [6000, 300],
    [20_000, 1000],
  ];
  for (const [nodes, wanted] of cases) {
    it(`${wanted} of ${nodes}`, () => assert.equal(feasibleNodesWanted(nodes), wanted));
  }
});

describe('SchedulerCore', () => {
  it('spreads equal pods over equal nodes', () => {
    const cluster = new TestCluster(['a', 'b', 'c'].map((name) => testNode(name)));
    const chosen = Array.from({ length: 9 }, (_, i) =>
      cluster.run(testPod(`p${i}`, { requests: { cpu: '500m', memory: '512Mi' } })),
    );
    for (const name of ['a', 'b', 'c']) {
      assert.equal(chosen.filter((node) => node === name).length, 3);
    }
  });

  it('fills the cluster to the last place and no further', () => {
    const cluster = new TestCluster([testNode('a', { pods: '3' }), testNode('b', { pods: '2' })]);
    const chosen = Array.from({ length: 7 }, (_, i) => cluster.run(testPod(`p${i}`)));
    assert.equal(chosen.filter((node) => node !== undefined).length, 5);
    assert.deepEqual(chosen.slice(5), [undefined, undefined]);
  });

  it('begins the next search where the last one ended', () => {
    const cluster = new TestCluster();
    for (let i = 0; i < 400; i += 1) cluster.state.setNode(testNode(`n${i}`));
    const seen = new Set<string>();
    for (let i = 0; i < 400; i += 1) seen.add(cluster.run(testPod(`p${i}`)) ?? '');
    assert.ok(seen.size > 380, `only ${seen.size} of 400 nodes were used`);
  });

  it('looks at every node before it gives up', () => {
    const cluster = new TestCluster();
    for (let i = 0; i < 300; i += 1) cluster.state.setNode(testNode(`n${i}`, { cpu: '1' }));
    cluster.state.setNode(testNode('large', { cpu: '64' }));
    assert.equal(cluster.choose(testPod('p', { requests: { cpu: '32' } })), 'large');
  });

  it('searches as large a share of the nodes as it is told to', () => {
    const at = (percentageOfNodes: number): number => {
      const profile = { ...DEFAULT_PROFILE, percentageOfNodes };
      const nodes = Array.from({ length: 400 }, (_, i) => testNode(`n${i}`));
      const decision = new TestCluster(nodes, profile).decide(testPod('p'));
      return decision.outcome === 'placed' ? decision.evaluated : 0;
    };
    assert.deepEqual([at(0), at(10), at(50), at(100)], [188, 100, 200, 400]);
  });

  it('looks at no node but those a pod names', () => {
    const nodes = ['a', 'b', 'c'].map((name) => testNode(name, { cpu: '1' }));
    const cluster = new TestCluster(nodes);
    const on = (...lists: string[][]) => {
      const nodeSelectorTerms = lists.map((values) => ({
        matchFields: [{ key: 'metadata.name', operator: 'In', values }],
      }));
      const required = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } };
      return { affinity: { nodeAffinity: required } };
    };
    const decision = cluster.decide(testPod('p', { spec: on(['b']) }));
    assert.deepEqual(decision, { outcome: 'placed', node: 'b', evaluated: 1 });
    const large = { requests: { cpu: '2' } };
    assert.equal(
      cluster.explain(testPod('p', { ...large, spec: on(['b'], ['c', 'x']) })),
      "0/3 nodes are available: 1 node(s) didn't satisfy plugin(s) [NodeAffinity], 2 Insufficient cpu. " +
        'preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.',
    );
    const nodeSelectorTerms = [
      {
        matchFields: ['a', 'b'].map((name) => ({
          ...{ key: 'metadata.name', operator: 'In', values: [name] },
        })),
      },
    ];
    const required = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } };
    assert.equal(
      cluster.explain(testPod('p', { spec: { affinity: { nodeAffinity: required } } })),
      '0/3 nodes are available: pod affinity terms conflict. ' +
        'preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.',
    );
  });

  it('tells whether one node alone would take a pod', () => {
    const cluster = new TestCluster([testNode('a', { cpu: '1' }), testNode('b')]);
    const pod = cluster.info(testPod('p', { requests: { cpu: '2' } }));
    assert.equal(cluster.core.couldRunOn(pod, 'a'), false);
    assert.equal(cluster.core.couldRunOn(pod, 'b'), true);
    assert.equal(cluster.core.couldRunOn(pod, 'none'), false);
  });
});

describe('failureMessage', () => {
  const message = (cluster: TestCluster, pod = testPod('p', { requests: { cpu: '8' } })): string =>
    cluster.explain(pod);
  const taints = [{ key: 'only', value: 'me', effect: 'NoSchedule' }];

  it('counts the reasons, and says that preemption would not help', () => {
    const cluster = new TestCluster([
      testNode('a'),
      testNode('b', { taints }),
      testNode('c', { taints }),
    ]);
    assert.equal(
      message(cluster),
      '0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {only: me}. ' +
        'preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.',
    );
  });

  it('names every resource that is short on a node', () => {
    const cluster = new TestCluster([testNode('a', { pods: '1' })]);
    cluster.place(testPod('there', { requests: { cpu: '3', memory: '7Gi' } }), 'a');
    const pod = testPod('p', { requests: { cpu: '2', memory: '2Gi', 'nvidia.com/gpu': '1' } });
    assert.deepEqual(cluster.reasons(pod, 'a'), [
      'Too many pods',
      'Insufficient cpu',
      'Insufficient memory',
      'Insufficient nvidia.com/gpu',
    ]);
  });

  it('says that nobody would give way', () => {
    const cluster = new TestCluster([testNode('a')]);
    cluster.place(testPod('there', { requests: { cpu: '3' } }), 'a');
    assert.equal(
      message(cluster, testPod('p', { requests: { cpu: '2' } })),
      '0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: ' +
        '1 No preemption victims found for incoming pod.',
    );
  });

  it('says nothing of preemption when room is being made', () => {
    const cluster = new TestCluster([testNode('a')]);
    cluster.place(testPod('there', { requests: { cpu: '3' } }), 'a');
    const urgent = testPod('p', { requests: { cpu: '2' }, spec: { priority: 10 } });
    assert.equal(message(cluster, urgent), '0/1 nodes are available: 1 Insufficient cpu.');
  });

  it('says that a pod does not want others to go', () => {
    const cluster = new TestCluster([testNode('a')]);
    const spec = { priority: 10, preemptionPolicy: 'Never' };
    assert.equal(
      message(cluster, testPod('p', { requests: { cpu: '5' }, spec })),
      '0/1 nodes are available: 1 Insufficient cpu. ' +
        'preemption: not eligible due to preemptionPolicy=Never.',
    );
  });

  it('says when there are no nodes at all', () => {
    assert.equal(message(new TestCluster()), 'no nodes available to schedule pods');
  });

  it('says what is wrong with the claims of a pod, whatever the nodes are', () => {
    const volumes = [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }];
    const cluster = new TestCluster([testNode('a'), testNode('b')]);
    assert.equal(
      message(cluster, testPod('p', { spec: { volumes } })),
      '0/2 nodes are available: persistentvolumeclaim "data" not found. preemption: ' +
        '0/2 nodes are available: 2 Preemption is not helpful for scheduling.',
    );
  });
});
