import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeObject } from '@kubets/api';
import { make, podObject, targetOf } from '../testing/index.ts';
import { refusal, useScene } from '../testing/scene.ts';

const s = useScene();

describe('subresources', () => {
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'd' },
    spec: {
      selector: { matchLabels: { app: 'a' } },
      template: {
        metadata: { labels: { app: 'a' } },
        spec: { containers: [{ name: 'c', image: 'i' }] },
      },
    },
  };
  const scale = targetOf('apps/v1', 'Deployment', { name: 'd', subresource: 'scale' });

  it('scale shows and changes the replicas', async () => {
    await make(s.t, deployment);
    const before = (await s.t.registry.get(scale, '')) as KubeObject;
    assert.deepEqual(before.spec, { replicas: 1 });
    const { object } = await s.put(scale, {
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      metadata: { name: 'd' },
      spec: { replicas: 4 },
    });
    assert.deepEqual(object.spec, { replicas: 4 });
    await s.merge(scale, { spec: { replicas: 2 } });
    const inStore = (await s.stored({ ...scale, subresource: '' })) as {
      spec: { replicas: number };
    };
    assert.equal(inStore.spec.replicas, 2);
    await assert.rejects(s.merge(scale, { spec: { replicas: -1 } }), refusal(422, 'Invalid'));
    await assert.rejects(
      s.t.registry.get({ ...scale, name: 'nope' }, ''),
      refusal(404, 'NotFound', /deployments\/scale\.apps "nope"/),
    );
  });

  it('admission sees the scale, and may change it', async () => {
    const seen: unknown[] = [];
    s.open({
      admission: {
        admit({ subresource, object, oldObject }) {
          if (subresource !== 'scale' || !object) return Promise.resolve();
          seen.push([object.kind, object.spec, oldObject?.kind, oldObject?.spec]);
          object.spec = { replicas: 7 };
          return Promise.resolve();
        },
        validate({ subresource, object }) {
          if (subresource === 'scale') seen.push([object?.kind, object?.spec]);
          return Promise.resolve();
        },
      },
    });
    await make(s.t, deployment);
    const { object } = await s.merge(scale, { spec: { replicas: 2 } });
    assert.deepEqual(object.spec, { replicas: 7 });
    assert.deepEqual(seen, [
      ['Scale', { replicas: 2 }, 'Scale', { replicas: 1 }],
      ['Scale', { replicas: 7 }],
    ]);
  });

  it('status changes the status and nothing else', async () => {
    await make(s.t, deployment);
    const status = { ...scale, subresource: 'status' };
    const { object } = await s.merge(status, { spec: { replicas: 9 }, status: { replicas: 3 } });
    assert.deepEqual((object.spec as { replicas: number }).replicas, 1);
    assert.deepEqual((object.status as { replicas: number }).replicas, 3);
  });

  const bind = (name: string, node: string) =>
    s.t.registry.create(
      targetOf('v1', 'Pod', { name, subresource: 'binding' }),
      {
        json: JSON.stringify({ metadata: { name }, target: { kind: 'Node', name: node } }),
        validation: 'Strict',
      },
      s.t.ctx,
    );

  it('binding puts a pod on a node, once', async () => {
    await make(s.t, podObject('p'));
    await bind('p', 'n1');
    const pod = (await s.stored(targetOf('v1', 'Pod', { name: 'p' }))) as {
      spec: { nodeName?: string };
      status?: { conditions?: { type: string; status: string }[] };
    };
    assert.equal(pod.spec.nodeName, 'n1');
    const scheduled = pod.status?.conditions?.find((each) => each.type === 'PodScheduled');
    assert.equal(scheduled?.status, 'True');
    await assert.rejects(
      bind('p', 'n2'),
      refusal(409, 'Conflict', /already assigned to node "n1"/),
    );
    await assert.rejects(bind('nope', 'n'), refusal(404, 'NotFound'));
  });

  it('two schedulers that bind the same pod at once: one wins', async () => {
    await make(s.t, podObject('p'));
    const results = await Promise.allSettled([bind('p', 'n1'), bind('p', 'n2')]);
    assert.equal(results.filter((each) => each.status === 'fulfilled').length, 1);
  });

  const evict = (name: string) =>
    s.t.registry.create(
      targetOf('v1', 'Pod', { name, subresource: 'eviction' }),
      { json: JSON.stringify({ metadata: { name } }), validation: 'Strict' },
      s.t.ctx,
    );

  it('admission is asked about the eviction, not about the delete it leads to', async () => {
    const asked: string[] = [];
    s.open({
      admission: {
        admit: ({ operation, subresource }) => {
          asked.push(`${operation} ${subresource}`);
          return Promise.resolve();
        },
        validate: () => Promise.resolve(),
      },
    });
    await make(s.t, podObject('e'));
    await evict('e');
    assert.deepEqual(asked, ['CREATE ', 'CREATE eviction']);
  });

  it('eviction spends a disruption of the budget, and refuses without one', async () => {
    for (const name of ['a', 'b']) {
      await make(s.t, podObject(name, { nodeName: 'n', labels: { app: 'x' } }));
      const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
      await s.merge(targetOf('v1', 'Pod', { name, subresource: 'status' }), { status });
    }
    const budget = {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'b' },
      spec: { minAvailable: 1, selector: { matchLabels: { app: 'x' } } },
    };
    await make(s.t, budget);
    await assert.rejects(evict('a'), refusal(429, 'TooManyRequests'));
    const budgetStatus = targetOf('policy/v1', 'PodDisruptionBudget', {
      name: 'b',
      subresource: 'status',
    });
    await s.merge(budgetStatus, {
      status: {
        observedGeneration: 1,
        disruptionsAllowed: 1,
        currentHealthy: 2,
        desiredHealthy: 1,
        expectedPods: 2,
      },
    });
    await evict('a');
    assert.ok((await s.stored(targetOf('v1', 'Pod', { name: 'a' })))?.metadata.deletionTimestamp);
    await assert.rejects(evict('b'), refusal(429, 'TooManyRequests'));
    assert.equal(
      (await s.stored(targetOf('v1', 'Pod', { name: 'b' })))?.metadata.deletionTimestamp,
      undefined,
    );
  });
});
