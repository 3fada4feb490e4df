import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { TestCluster, testNode, testPod } from '../testing/builders.ts';
import { ClusterState } from './cluster-state.ts';
import { podInfo } from './pod-info.ts';
import { CPU, PODS } from './resources.ts';

describe('ClusterState', () => {
  it('counts pods on nodes it does not know yet, but offers only nodes that exist', () => {
    const cluster = new TestCluster();
    cluster.place(testPod('early', { requests: { cpu: '3' } }), 'node-1');
    assert.equal(cluster.state.nodeCount, 0);
    cluster.state.setNode(testNode('node-1'));
    assert.equal(cluster.state.nodeCount, 1);
    assert.equal(cluster.choose(testPod('big', { requests: { cpu: '2' } })), undefined);
    cluster.state.dropNode('node-1');
    assert.equal(cluster.state.nodeCount, 0);
    assert.equal(cluster.state.nodeOf('uid-default-early'), 'node-1');
  });

  it('moves a pod that is placed again', () => {
    const cluster = new TestCluster([testNode('a'), testNode('b')]);
    const pod = testPod('p', { requests: { cpu: '1' }, hostPorts: [80] });
    cluster.place(pod, 'a').place(pod, 'b');
    const { table } = cluster.state;
    const of = (name: string): number => table.requested(CPU)[table.byName(name)?.slot ?? -1] ?? 0;
    assert.deepEqual([of('a'), of('b')], [0, 1000]);
    assert.equal(table.byName('a')?.ports.size, 0);
    assert.equal(cluster.state.podCount, 1);
  });

  it('does not count a terminating pod as a neighbour, but counts what it holds', () => {
    const cluster = new TestCluster([testNode('a')]);
    cluster.place(
      testPod('p', { labels: { app: 'x' }, requests: { cpu: '4' }, terminating: true }),
      'a',
    );
    assert.equal([...cluster.state.groups.groupsIn('default')].length, 0);
    assert.equal(cluster.choose(testPod('q', { requests: { cpu: '1' } })), undefined);
  });

  it('uses the rows of nodes that are gone again, with nothing of them left', () => {
    const cluster = new TestCluster([testNode('a', { cpu: '64' }), testNode('b')]);
    cluster.state.dropNode('a');
    cluster.state.setNode(testNode('c', { cpu: '1' }));
    assert.equal(cluster.choose(testPod('p', { requests: { cpu: '8' } })), undefined);
    assert.equal(cluster.state.nodeCount, 2);
  });

  it('grows beyond its first size', () => {
    const cluster = new TestCluster();
    for (let i = 0; i < 300; i += 1) cluster.state.setNode(testNode(`n${i}`, { cpu: `${i + 1}` }));
    assert.equal(cluster.state.nodeCount, 300);
    assert.equal(cluster.choose(testPod('p', { requests: { cpu: '300' } })), 'n299');
  });

  it('agrees with a count from scratch after any changes', () => {
    const step = fc.record({
      pod: fc.integer({ min: 0, max: 7 }),
      node: fc.option(fc.constantFrom('a', 'b', 'c')),
      cpu: fc.integer({ min: 0, max: 5 }),
      app: fc.constantFrom('x', 'y'),
      port: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const state = new ClusterState();
        for (const name of ['a', 'b', 'c']) state.setNode(testNode(name));
        const model = new Map<number, (typeof steps)[number]>();
        for (const one of steps) {
          model.delete(one.pod);
          if (one.node === null) {
            state.remove(`uid-default-p${one.pod}`);
            continue;
          }
          const pod = testPod(`p${one.pod}`, {
            requests: { cpu: String(one.cpu) },
            labels: { app: one.app },
            hostPorts: one.port ? [80] : [],
          });
          state.place(podInfo(pod, state.names), one.node);
          model.set(one.pod, one);
        }
        for (const name of ['a', 'b', 'c']) {
          const entry = state.table.byName(name);
          assert.ok(entry);
          const here = [...model.values()].filter(({ node }) => node === name);
          const cpu = here.reduce((sum, one) => sum + one.cpu * 1000, 0);
          assert.equal(state.table.requested(CPU)[entry.slot], cpu);
          assert.equal(state.table.requested(PODS)[entry.slot], here.length);
          assert.equal(entry.ports.size, here.some(({ port }) => port) ? 1 : 0);
          const ofX = state.groups
            .matching('default', { requirements: [{ key: 'app', operator: '=', values: ['x'] }] })
            .reduce((sum, group) => sum + (group.counts.get(entry.slot) ?? 0), 0);
          assert.equal(ofX, here.filter(({ app }) => app === 'x').length);
        }
        assert.equal(state.podCount, model.size);
      }),
      { numRuns: 60 },
    );
  });
});
