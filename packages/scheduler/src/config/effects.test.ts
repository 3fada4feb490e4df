/** What configurations do to placement. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TestCluster, testNode, testPod } from '../testing/builders.ts';
import { World } from '../testing/world.ts';
import { readConfiguration } from './configuration.ts';
import type { Profile } from './profile.ts';

const HEAD = { apiVersion: 'kubescheduler.config.k8s.io/v1', kind: 'KubeSchedulerConfiguration' };
function profiles(...list: object[]): readonly Profile[] {
  return readConfiguration({ ...HEAD, profiles: list }).profiles;
}
const profile = (one: object): Profile => profiles(one)[0] ?? assert.fail();
const args = (name: string, given: object) => profile({ pluginConfig: [{ name, args: given }] });

describe('a profile', () => {
  it('without a filter puts pods where it would say no', () => {
    const off = profile({ plugins: { filter: { disabled: [{ name: 'NodeUnschedulable' }] } } });
    const nodes = [testNode('a', { unschedulable: true })];
    assert.equal(new TestCluster(nodes).choose(testPod('p')), undefined);
    assert.equal(new TestCluster(nodes, off).choose(testPod('p')), 'a');
  });

  it('packs pods where it is told to', () => {
    const packs = args('NodeResourcesFit', { scoringStrategy: { type: 'MostAllocated' } });
    const plugins = { score: { disabled: [{ name: 'NodeResourcesBalancedAllocation' }] } };
    const both = { ...packs, scores: profile({ plugins }).scores };
    const cluster = new TestCluster([testNode('a'), testNode('b')], both);
    cluster.place(testPod('there', { requests: { cpu: '1', memory: '1Gi' } }), 'b');
    for (let i = 0; i < 3; i += 1) {
      const pod = testPod(`p${i}`, { requests: { cpu: '500m', memory: '512Mi' } });
      assert.equal(cluster.run(pod), 'b');
    }
  });

  it('leaves resources to others', () => {
    const pod = testPod('p', { requests: { 'example.com/gpu': '1' } });
    const nodes = [testNode('a')];
    assert.deepEqual(new TestCluster(nodes).reasons(pod, 'a'), ['Insufficient example.com/gpu']);
    const byName = args('NodeResourcesFit', { ignoredResources: ['example.com/gpu'] });
    assert.equal(new TestCluster(nodes, byName).choose(pod), 'a');
    const byGroup = args('NodeResourcesFit', { ignoredResourceGroups: ['example.com'] });
    assert.equal(new TestCluster(nodes, byGroup).choose(pod), 'a');
  });

  it('gives every pod an affinity', () => {
    const matchExpressions = [{ key: 'disk', operator: 'In', values: ['ssd'] }];
    const required = { nodeSelectorTerms: [{ matchExpressions }] };
    const added = { requiredDuringSchedulingIgnoredDuringExecution: required };
    const enforced = args('NodeAffinity', { addedAffinity: added });
    const nodes = [testNode('a'), testNode('b', { labels: { disk: 'ssd' } })];
    const cluster = new TestCluster(nodes, enforced);
    assert.equal(cluster.choose(testPod('p')), 'b');
    cluster.state.dropNode('b');
    const why = "node(s) didn't match scheduler-enforced node affinity";
    assert.deepEqual(cluster.reasons(testPod('p'), 'a'), [why]);
  });

  it('has constraints for pods of workloads that have none', () => {
    const strict = args('PodTopologySpread', {
      defaultingType: 'List',
      defaultConstraints: [{ topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', maxSkew: 1 }],
    });
    const selector = { requirements: [{ key: 'app', operator: '=' as const, values: ['x'] }] };
    const zone = (name: string, value: string) => testNode(name, { labels: { zone: value } });
    const nodes = [zone('a', 'a'), zone('b', 'b')];
    const cluster = new TestCluster(nodes, strict, ({ labels }) =>
      labels.app === 'x' ? selector : undefined,
    );
    const x = (name: string) => testPod(name, { labels: { app: 'x' } });
    const there = ['1', '2', '3', '4'].map((name) => cluster.run(x(name)));
    assert.equal(there.filter((node) => node === 'a').length, 2);
    cluster.state.setNode({ ...zone('b', 'b'), spec: { unschedulable: true } });
    assert.ok(cluster.run(x('5')));
    const why = "node(s) didn't match pod topology spread constraints";
    assert.deepEqual(cluster.reasons(x('6'), 'a'), [why]);
    assert.equal(cluster.choose(testPod('other')), 'a');
  });
});

describe('several profiles', () => {
  const two = () =>
    profiles(
      {},
      { schedulerName: 'other', plugins: { postFilter: { disabled: [{ name: '*' }] } } },
    );

  it('place the pods that ask for each, and tell of them in its name', async () => {
    const world = await new World(two()).start();
    await world.node(testNode('n'));
    for (const schedulerName of ['default-scheduler', 'other', 'nobody']) {
      await world.pod(schedulerName, { spec: { schedulerName } });
    }
    assert.equal(await world.nodeOf('default-scheduler'), 'n');
    assert.equal(await world.nodeOf('other'), 'n');
    assert.equal(await world.nodeOf('nobody'), undefined);
    const reporters = world.reporters('other');
    assert.deepEqual(reporters, ['other']);
  });

  it('may not make room for pods', async () => {
    const world = await new World(two()).start();
    await world.node(testNode('n', { pods: '1' }));
    await world.pod('small');
    await world.pod('large', { spec: { schedulerName: 'other', priority: 10 } });
    assert.deepEqual(world.events('large'), [
      'Warning FailedScheduling 0/1 nodes are available: 1 Too many pods.',
    ]);
    assert.equal(await world.nodeOf('small'), 'n');
  });
});
