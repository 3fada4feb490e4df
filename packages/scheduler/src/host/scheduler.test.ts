import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '@kubets/api';
import { TransportError } from '@kubets/client';
import { testNode, testPod } from '../testing/builders.ts';
import { World } from '../testing/world.ts';

describe('Scheduler', () => {
  it('places a pod and says so', async () => {
    const world = await new World().start();
    await world.node(testNode('node-1'));
    await world.pod('web');
    assert.equal(await world.nodeOf('web'), 'node-1');
    assert.deepEqual(world.events('web'), [
      'Normal Scheduled Successfully assigned default/web to node-1',
    ]);
  });

  it('places pods that were there before it led, and none while it does not lead', async () => {
    const world = await new World().start(false);
    await world.node(testNode('node-1'));
    await world.pod('early');
    assert.equal(await world.nodeOf('early'), undefined);
    void world.scheduler.lead(world.leading.signal);
    await world.api.settle();
    assert.equal(await world.nodeOf('early'), 'node-1');
    world.leading.abort();
    await world.pod('late');
    assert.equal(await world.nodeOf('late'), undefined);
  });

  it('says why a pod stays Pending, in an event and in its status', async () => {
    const world = await new World().start();
    const taints = [{ key: 'only', value: 'me', effect: 'NoSchedule' }];
    await world.node(testNode('node-1', { taints }));
    await world.pod('lonely');
    const message =
      '0/1 nodes are available: 1 node(s) had untolerated taint {only: me}. ' +
      'preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.';
    assert.deepEqual(world.events('lonely'), [`Warning FailedScheduling ${message}`]);
    const [condition] = (await world.pods.get('default', 'lonely')).status?.conditions ?? [];
    assert.equal(condition?.type, 'PodScheduled');
    assert.equal(condition?.status, 'False');
    assert.equal(condition?.reason, 'Unschedulable');
    assert.equal(condition?.message, message);
  });

  it('tries again when the taint goes', async () => {
    const world = await new World().start();
    const taints = [{ key: 'only', value: 'me', effect: 'NoSchedule' }];
    await world.node(testNode('node-1', { taints }));
    await world.pod('lonely');
    const node = await world.nodes.get('', 'node-1');
    await world.nodes.update({ ...node, spec: {} });
    await world.pass(1_500);
    assert.equal(await world.nodeOf('lonely'), 'node-1');
  });

  it('wakes only pods that a change could help', async () => {
    const world = await new World().start();
    await world.node(testNode('node-1', { cpu: '1' }));
    await world.pod('big', { requests: { cpu: '8' } });
    await world.pod('medium', { requests: { cpu: '2' } });
    assert.equal(world.scheduler.queue.counts.unschedulable, 2);
    await world.node(testNode('node-2', { cpu: '2' }));
    assert.deepEqual(world.scheduler.queue.counts, { active: 0, backoff: 1, unschedulable: 1 });
    await world.pass(1_500);
    assert.equal(await world.nodeOf('medium'), 'node-2');
    assert.equal(await world.nodeOf('big'), undefined);
  });

  it('uses the room a deleted or finished pod leaves', async () => {
    const world = await new World().start();
    await world.node(testNode('node-1', { cpu: '1' }));
    await world.pod('first', { requests: { cpu: '1' } });
    await world.pod('second', { requests: { cpu: '1' } });
    await world.pod('third', { requests: { cpu: '1' } });
    assert.equal(await world.nodeOf('second'), undefined);
    await world.pods.delete('default', 'first', { gracePeriodSeconds: 0 });
    await world.pass(1_500);
    assert.equal(await world.nodeOf('second'), 'node-1');
    const second = await world.pods.get('default', 'second');
    await world.pods.updateStatus({ ...second, status: { phase: 'Succeeded' } });
    await world.pass(3_000);
    assert.equal(await world.nodeOf('third'), 'node-1');
  });

  it('never puts more on a node than fits, however fast pods come', async () => {
    const world = await new World().start();
    await world.node(testNode('node-1', { cpu: '2' }), testNode('node-2', { cpu: '1' }));
    for (let i = 0; i < 6; i += 1) {
      const { uid: _, ...metadata } = testPod(`p${i}`).metadata;
      await world.pods.create({ ...testPod(`p${i}`, { requests: { cpu: '1' } }), metadata });
    }
    await world.api.settle();
    const placed = world.api.objects<Pod>('v1', 'pods').map(({ spec }) => spec?.nodeName);
    assert.equal(placed.filter((node) => node === 'node-1').length, 2);
    assert.equal(placed.filter((node) => node === 'node-2').length, 1);
  });

  it('leaves pods of other schedulers, gated pods and pods being deleted alone', async () => {
    const world = await new World().start();
    await world.node(testNode('node-1'));
    await world.pod('other', { spec: { schedulerName: 'mine' } });
    await world.pod('gated', { spec: { schedulingGates: [{ name: 'example.com/wait' }] } });
    assert.equal(await world.nodeOf('other'), undefined);
    assert.equal(await world.nodeOf('gated'), undefined);
    await world.pods.patch('default', 'gated', 'merge', { spec: { schedulingGates: null } });
    await world.api.settle();
    assert.equal(await world.nodeOf('gated'), 'node-1');
  });

  it('takes back a place when the binding fails, and tries again', async () => {
    const world = await new World().start();
    let refusals = 1;
    world.api.intercept = ({ subresource }) => {
      if (subresource !== 'binding' || refusals === 0) return;
      refusals -= 1;
      throw new TransportError('down', { ambiguous: true });
    };
    await world.node(testNode('node-1', { cpu: '1' }));
    await world.pod('p', { requests: { cpu: '1' } });
    assert.equal(await world.nodeOf('p'), undefined);
    assert.equal(world.scheduler.state.podCount, 0);
    await world.pass(1_500);
    assert.equal(await world.nodeOf('p'), 'node-1');
    assert.equal(world.scheduler.state.podCount, 1);
  });

  it('knows that a binding was made though its answer was lost', async () => {
    const world = await new World().start();
    const bind = world.pods.createSubresource.bind(world.pods);
    world.pods.createSubresource = async (...args) => {
      await bind(...args);
      throw new TransportError('answer lost', { ambiguous: true });
    };
    await world.node(testNode('node-1'));
    await world.pod('p');
    assert.equal(await world.nodeOf('p'), 'node-1');
    assert.deepEqual(world.scheduler.queue.counts, { active: 0, backoff: 0, unschedulable: 0 });
    assert.equal(world.scheduler.state.podCount, 1);
  });

  it('counts pods that something else placed', async () => {
    const world = await new World().start();
    await world.node(testNode('node-1', { cpu: '1' }));
    await world.pod('static', { requests: { cpu: '1' }, spec: { nodeName: 'node-1' } });
    await world.pod('p', { requests: { cpu: '1' } });
    assert.equal(await world.nodeOf('p'), undefined);
    assert.equal(world.events('static').length, 0);
  });

  it('makes room for a more important pod, and keeps it for that pod', async () => {
    const world = await new World().start();
    await world.node(testNode('node-1', { cpu: '1' }));
    await world.pod('victim', { requests: { cpu: '1' } });
    await world.pod('urgent', { requests: { cpu: '1' }, spec: { priority: 10 } });
    await world.pod('lesser', { requests: { cpu: '1' } });
    const victim = await world.pods.get('default', 'victim');
    assert.ok(victim.metadata.deletionTimestamp);
    assert.equal(
      victim.status?.conditions?.find(({ type }) => type === 'DisruptionTarget')?.reason,
      'PreemptionByScheduler',
    );
    const urgent = await world.pods.get('default', 'urgent');
    assert.equal(urgent.status?.nominatedNodeName, 'node-1');
    const uid = urgent.metadata.uid;
    assert.ok(
      world.events('victim').includes(`Normal Preempted Preempted by pod ${uid} on node node-1`),
    );
    assert.deepEqual(world.events('urgent'), [
      'Warning FailedScheduling 0/1 nodes are available: 1 Insufficient cpu.',
    ]);
    await world.pass(2_000);
    assert.equal(await world.nodeOf('urgent'), undefined);
    await world.pods.delete('default', 'victim', { gracePeriodSeconds: 0 });
    await world.pass(5_000);
    assert.equal(await world.nodeOf('urgent'), 'node-1');
    assert.equal(await world.nodeOf('lesser'), undefined);
  });

  it('sends nobody away for a pod of the same priority', async () => {
    const world = await new World().start();
    await world.node(testNode('node-1', { cpu: '1' }));
    await world.pod('first', { requests: { cpu: '1' }, spec: { priority: 10 } });
    await world.pod('second', { requests: { cpu: '1' }, spec: { priority: 10 } });
    await world.pass(5_000);
    assert.equal(await world.nodeOf('first'), 'node-1');
    assert.equal((await world.pods.get('default', 'first')).metadata.deletionTimestamp, undefined);
  });
});
