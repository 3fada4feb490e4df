import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { configMap, make, podObject, targetOf } from '../testing/index.ts';
import { at, refusal, useScene } from '../testing/scene.ts';

const s = useScene();

describe('deleting', () => {
  it('removes at once what nothing holds', async () => {
    await make(s.t, configMap('a'));
    const { removed } = await s.remove(at('a'));
    assert.equal(removed, true);
    assert.equal(await s.stored(at('a')), undefined);
    await assert.rejects(s.remove(at('a')), refusal(404, 'NotFound'));
  });

  it('only marks an object with finalizers; it goes with the last of them', async () => {
    const held = { ...configMap('a'), metadata: { name: 'a', finalizers: ['x.io/a', 'x.io/b'] } };
    await make(s.t, held);
    const first = await s.remove(at('a'));
    assert.equal(first.removed, false);
    assert.ok(first.object.metadata.deletionTimestamp);
    const again = await s.remove(at('a'));
    assert.equal(again.object.metadata.resourceVersion, first.object.metadata.resourceVersion);
    await assert.rejects(make(s.t, configMap('a')), refusal(409, 'AlreadyExists', /being deleted/));
    await s.merge(at('a'), { metadata: { finalizers: ['x.io/b'] } });
    assert.ok(await s.stored(at('a')));
    await s.merge(at('a'), { metadata: { finalizers: null } });
    assert.equal(await s.stored(at('a')), undefined);
  });

  it('holds to preconditions', async () => {
    const made = await make(s.t, configMap('a'));
    const { uid, resourceVersion } = made.metadata;
    const wrong = [{ uid: 'other' }, { resourceVersion: '1' }, { uid, resourceVersion: '1' }];
    for (const preconditions of wrong) {
      await assert.rejects(s.remove(at('a'), { preconditions }), refusal(409, 'Conflict'));
    }
    assert.ok((await s.remove(at('a'), { preconditions: { uid, resourceVersion } })).removed);
  });

  const policies: readonly [object, string[] | undefined][] = [
    [{ propagationPolicy: 'Foreground' }, ['foregroundDeletion']],
    [{ propagationPolicy: 'Orphan' }, ['orphan']],
    [{ orphanDependents: true }, ['orphan']],
    [{ propagationPolicy: 'Background' }, undefined],
    [{ orphanDependents: false }, undefined],
    [{}, undefined],
  ];
  for (const [options, finalizers] of policies) {
    it(`with ${JSON.stringify(options)} leaves ${finalizers ?? 'nothing'}`, async () => {
      await make(s.t, configMap('a'));
      const { removed, object } = await s.remove(at('a'), options);
      assert.equal(removed, finalizers === undefined);
      if (finalizers) assert.deepEqual(object.metadata.finalizers, finalizers);
    });
  }

  it('marks a pod that a kubelet runs, shortens its time, and removes it at grace 0', async () => {
    await make(s.t, podObject('p', { nodeName: 'n' }));
    const target = targetOf('v1', 'Pod', { name: 'p' });
    const grace = async (): Promise<number | undefined> =>
      (await s.stored(target))?.metadata.deletionGracePeriodSeconds;
    await s.remove(target);
    assert.equal(await grace(), 30);
    await s.remove(target, { gracePeriodSeconds: 60 });
    assert.equal(await grace(), 30);
    await s.remove(target, { gracePeriodSeconds: 5 });
    assert.equal(await grace(), 5);
    const { removed, object } = await s.remove(target, { gracePeriodSeconds: 0 });
    assert.equal(removed, true);
    assert.equal(object.metadata.deletionGracePeriodSeconds, 0);
    assert.equal(await s.stored(target), undefined);
  });

  it('removes at once a pod without a node, and one that has ended', async () => {
    await make(s.t, podObject('waiting'));
    assert.ok((await s.remove(targetOf('v1', 'Pod', { name: 'waiting' }))).removed);
    await make(s.t, podObject('done', { nodeName: 'n' }));
    const done = targetOf('v1', 'Pod', { name: 'done' });
    await s.merge({ ...done, subresource: 'status' }, { status: { phase: 'Succeeded' } });
    assert.ok((await s.remove(done)).removed);
  });

  it('keeps a namespace until its finalizers are gone', async () => {
    await make(s.t, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'n' } });
    const target = targetOf('v1', 'Namespace', { name: 'n' });
    const { removed, object } = await s.remove(target);
    assert.equal(removed, false);
    assert.deepEqual((object.status as { phase?: string }).phase, 'Terminating');
    const finalize = { ...target, subresource: 'finalize' };
    const emptied = { ...object, spec: { finalizers: [] } };
    await s.put(finalize, emptied);
    assert.equal(await s.stored(target), undefined);
  });

  it('deletes a collection by selector and lists what it was', async () => {
    await make(s.t, configMap('a', { labels: { x: '1' } }));
    await make(s.t, configMap('b', { labels: { x: '1' } }));
    await make(s.t, configMap('c'));
    const target = targetOf('v1', 'ConfigMap');
    const list = await s.t.registry.deleteCollection(
      target,
      { list: { labelSelector: 'x=1' }, delete: {} },
      s.t.ctx,
    );
    assert.deepEqual(
      list.entries.map((each) => each.name),
      ['a', 'b'],
    );
    const left = await s.t.registry.list(target, {});
    assert.deepEqual(
      left.entries.map((each) => each.name),
      ['c'],
    );
  });
});
