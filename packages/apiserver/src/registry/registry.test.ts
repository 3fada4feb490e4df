import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { ApiError, type KubeObject } from '@kubets/api';
import { objectOf } from '../cache/entry.ts';
import type { FinishWrite, WriteHook } from '../ports.ts';
import { encodeStored } from '../storage/codec.ts';
import {
  configMap,
  make,
  podObject,
  type TestRegistry,
  targetOf,
  testRegistry,
} from '../testing/index.ts';
import type { Target } from './context.ts';
import { keyOf } from './keys.ts';

let t: TestRegistry;
beforeEach(() => {
  t = testRegistry();
});
afterEach(() => t.caches.close());

const at = (name: string): Target => targetOf('v1', 'ConfigMap', { name });
const put = (target: Target, object: object) =>
  t.registry.update(target, { json: JSON.stringify(object), validation: 'Strict' }, t.ctx);
const merge = (target: Target, patch: object) =>
  t.registry.patch(target, { type: 'merge', patch, validation: 'Strict' }, t.ctx);
const remove = (target: Target, options = {}) => t.registry.delete(target, options, t.ctx);

/** The object in the store. */
async function stored(target: Target): Promise<KubeObject | undefined> {
  const { value } = await t.store.get(keyOf(target.def, target.namespace, target.name));
  return value && (JSON.parse(value.value.toString()) as KubeObject);
}

const refusal = (code: number, reason: string, text?: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ApiError, String(error));
  assert.equal(`${error.code} ${error.reason}`, `${code} ${reason}`);
  if (text) assert.match(error.message, text);
  return true;
};

describe('creating', () => {
  it('gives identity and stores without a resourceVersion', async () => {
    const made = await make(t, configMap('a'));
    const { uid, creationTimestamp, namespace, resourceVersion } = made.metadata;
    assert.ok(uid && creationTimestamp && resourceVersion);
    assert.equal(namespace, 'default');
    const inStore = await stored(at('a'));
    assert.equal(inStore?.metadata.uid, uid);
    assert.equal(inStore?.metadata.resourceVersion, undefined);
  });

  it('ignores identity that the client made up', async () => {
    const claimed = configMap('a');
    Object.assign(claimed.metadata, { uid: 'mine', creationTimestamp: '2001-01-01T00:00:00Z' });
    const { metadata } = await make(t, claimed);
    assert.notEqual(metadata.uid, 'mine');
    assert.notEqual(metadata.creationTimestamp, '2001-01-01T00:00:00Z');
  });

  it('makes a name from generateName, another one when that is taken', async () => {
    const names = new Set<string>();
    for (let i = 0; i < 20; i += 1) {
      const object = { ...configMap(''), metadata: { generateName: 'x-' } };
      const { metadata } = await make(t, object);
      assert.match(metadata.name ?? '', /^x-[a-z0-9]{5}$/);
      names.add(metadata.name ?? '');
    }
    assert.equal(names.size, 20);
  });

  it('refuses a name that is taken', async () => {
    await make(t, configMap('a'));
    await assert.rejects(
      make(t, configMap('a')),
      refusal(409, 'AlreadyExists', /"a" already exists/),
    );
  });

  it('refuses a resourceVersion, another namespace, and another kind', async () => {
    const versioned = configMap('a');
    Object.assign(versioned.metadata, { resourceVersion: '5' });
    await assert.rejects(make(t, versioned), refusal(500, ''));
    const target = targetOf('v1', 'ConfigMap');
    const create = (object: object) =>
      t.registry.create(target, { json: JSON.stringify(object), validation: 'Strict' }, t.ctx);
    const elsewhere = { ...configMap('a'), metadata: { name: 'a', namespace: 'other' } };
    await assert.rejects(create(elsewhere), refusal(400, 'BadRequest', /namespace/));
    await assert.rejects(create({ ...configMap('a'), kind: 'Secret' }), refusal(400, 'BadRequest'));
    await assert.rejects(
      create({ ...configMap('a'), apiVersion: 'v2' }),
      refusal(400, 'BadRequest', /the API version in the data \(v2\)/),
    );
    assert.equal(await stored(at('a')), undefined);
  });

  it('stores nothing in a dry run', async () => {
    const dry = { ...t.ctx, dryRun: true };
    const body = { json: JSON.stringify(configMap('a')), validation: 'Strict' } as const;
    const { object } = await t.registry.create(targetOf('v1', 'ConfigMap'), body, dry);
    assert.ok(object.metadata.uid);
    assert.equal(object.metadata.resourceVersion, undefined);
    assert.equal(await stored(at('a')), undefined);
    await make(t, configMap('a'));
    await assert.rejects(
      t.registry.create(targetOf('v1', 'ConfigMap'), body, dry),
      refusal(409, 'AlreadyExists'),
    );
  });

  it('warns of unknown fields, or refuses or ignores them, as asked', async () => {
    const target = targetOf('v1', 'ConfigMap');
    const json = (name: string) => JSON.stringify({ ...configMap(name), nope: 1 });
    const create = (name: string, validation: 'Warn' | 'Strict' | 'Ignore') =>
      t.registry.create(target, { json: json(name), validation }, t.ctx);
    await create('w', 'Warn');
    assert.deepEqual(t.warnings, ['unknown field "nope"']);
    await assert.rejects(create('s', 'Strict'), refusal(400, 'BadRequest', /unknown field "nope"/));
    await create('i', 'Ignore');
    assert.equal(t.warnings.length, 1);
  });
});

describe('replacing', () => {
  it('replaces unconditionally without a version', async () => {
    const made = await make(t, configMap('a'));
    const { object } = await put(at('a'), configMap('a', { n: 1 }));
    assert.equal(object.metadata.uid, made.metadata.uid);
    assert.equal(object.metadata.creationTimestamp, made.metadata.creationTimestamp);
    assert.ok(
      BigInt(object.metadata.resourceVersion ?? 0) > BigInt(made.metadata.resourceVersion ?? 0),
    );
  });

  it('is a conflict on an old version, also when the cache is behind', async () => {
    const made = await make(t, configMap('a'));
    await t.registry.list(targetOf('v1', 'ConfigMap'), {});
    await put(at('a'), configMap('a', { n: 1 }));
    const old = configMap('a', { n: 2 });
    Object.assign(old.metadata, { resourceVersion: made.metadata.resourceVersion });
    await assert.rejects(
      put(at('a'), old),
      refusal(409, 'Conflict', /the object has been modified/),
    );
  });

  it('accepts the newest version although the cache has not seen it yet', async () => {
    const made = await make(t, configMap('a'));
    const cache = t.caches.of(at('a').def);
    await cache.waitFor(0n, 1_000);
    // Written past the registry: the watch has had no turn to run yet.
    const target = at('a');
    const key = keyOf(target.def, target.namespace, target.name);
    const { value } = await t.store.get(key);
    assert.ok(value);
    const swap = t.store.swap(
      key,
      encodeStored({ ...made, ...{ data: { n: '9' } } }),
      value.revision,
    );
    const written = await swap;
    assert.ok(written.ok);
    const next = configMap('a', { n: 10 });
    Object.assign(next.metadata, { resourceVersion: String(written.revision) });
    const { object } = await put(target, next);
    assert.ok(BigInt(object.metadata.resourceVersion ?? 0) > written.revision);
  });

  it('writes nothing when nothing changes, whatever the order of the fields', async () => {
    const made = await make(t, configMap('a', { labels: { x: '1', y: '2' } }));
    const same = {
      data: { n: '0' },
      metadata: { labels: { y: '2', x: '1' }, name: 'a' },
      kind: 'ConfigMap',
      apiVersion: 'v1',
    };
    const { object } = await put(at('a'), same);
    assert.equal(object.metadata.resourceVersion, made.metadata.resourceVersion);
  });

  it('refuses what is not there, except for kinds that a PUT creates', async () => {
    await assert.rejects(put(at('a'), configMap('a')), refusal(404, 'NotFound'));
    const endpoints = { apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'e' } };
    const { created } = await put(targetOf('v1', 'Endpoints', { name: 'e' }), endpoints);
    assert.equal(created, true);
  });

  it('refuses another name than the path’s, and another object’s uid', async () => {
    await make(t, configMap('a'));
    await assert.rejects(put(at('a'), configMap('b')), refusal(400, 'BadRequest', /\(b\).*\(a\)/));
    const foreign = configMap('a');
    Object.assign(foreign.metadata, { uid: '00000000-0000-4000-8000-00000000ffff' });
    await assert.rejects(put(at('a'), foreign), refusal(409, 'Conflict', /UID in precondition/));
  });

  it('needs a version for leases', async () => {
    const lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'l' },
      spec: {},
    };
    await make(t, lease);
    await assert.rejects(
      put(targetOf('coordination.k8s.io/v1', 'Lease', { name: 'l' }), lease),
      refusal(422, 'Invalid', /Invalid value: 0x0: must be specified for an update/),
    );
  });
});

describe('patching', () => {
  it('tries again after lost races, so that every patch takes effect', async () => {
    await make(t, configMap('a'));
    await Promise.all(
      Array.from({ length: 5 }, (_, i) => merge(at('a'), { data: { [`k${i}`]: 'v' } })),
    );
    const inStore = (await stored(at('a'))) as { data?: Record<string, string> } | undefined;
    assert.deepEqual(Object.keys(inStore?.data ?? {}).sort(), ['k0', 'k1', 'k2', 'k3', 'k4', 'n']);
  });

  it('is a conflict when the patch itself names an old version', async () => {
    const made = await make(t, configMap('a'));
    await merge(at('a'), { data: { x: '1' } });
    const { resourceVersion } = made.metadata;
    await assert.rejects(
      merge(at('a'), { metadata: { resourceVersion }, data: { x: '2' } }),
      refusal(409, 'Conflict'),
    );
  });

  it('refuses a result that is no object of the kind', async () => {
    await make(t, configMap('a'));
    await assert.rejects(merge(at('a'), { data: { n: 7 } }), refusal(422, 'Invalid'));
    await assert.rejects(merge(at('a'), { kind: 'Secret' }), refusal(422, 'Invalid'));
    await assert.rejects(merge(at('a'), { metadata: { name: 'b' } }), refusal(400, 'BadRequest'));
  });

  it('shows nothing half-done to others when it is a dry run', async () => {
    await make(t, configMap('a'));
    const before = await stored(at('a'));
    const dry = { ...t.ctx, dryRun: true };
    const patch = { type: 'merge', patch: { data: { x: '1' } }, validation: 'Strict' } as const;
    const { object } = await t.registry.patch(at('a'), patch, dry);
    assert.deepEqual((object as { data?: object }).data, { n: '0', x: '1' });
    assert.deepEqual(await stored(at('a')), before);
  });
});

describe('deleting', () => {
  it('removes at once what nothing holds', async () => {
    await make(t, configMap('a'));
    const { removed } = await remove(at('a'));
    assert.equal(removed, true);
    assert.equal(await stored(at('a')), undefined);
    await assert.rejects(remove(at('a')), refusal(404, 'NotFound'));
  });

  it('only marks an object with finalizers; it goes with the last of them', async () => {
    const held = { ...configMap('a'), metadata: { name: 'a', finalizers: ['x.io/a', 'x.io/b'] } };
    await make(t, held);
    const first = await remove(at('a'));
    assert.equal(first.removed, false);
    assert.ok(first.object.metadata.deletionTimestamp);
    const again = await remove(at('a'));
    assert.equal(again.object.metadata.resourceVersion, first.object.metadata.resourceVersion);
    await assert.rejects(make(t, configMap('a')), refusal(409, 'AlreadyExists', /being deleted/));
    await merge(at('a'), { metadata: { finalizers: ['x.io/b'] } });
    assert.ok(await stored(at('a')));
    await merge(at('a'), { metadata: { finalizers: null } });
    assert.equal(await stored(at('a')), undefined);
  });

  it('holds to preconditions', async () => {
    const made = await make(t, configMap('a'));
    const { uid, resourceVersion } = made.metadata;
    const wrong = [{ uid: 'other' }, { resourceVersion: '1' }, { uid, resourceVersion: '1' }];
    for (const preconditions of wrong) {
      await assert.rejects(remove(at('a'), { preconditions }), refusal(409, 'Conflict'));
    }
    assert.ok((await remove(at('a'), { preconditions: { uid, resourceVersion } })).removed);
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
      await make(t, configMap('a'));
      const { removed, object } = await remove(at('a'), options);
      assert.equal(removed, finalizers === undefined);
      if (finalizers) assert.deepEqual(object.metadata.finalizers, finalizers);
    });
  }

  it('marks a pod that a kubelet runs, shortens its time, and removes it at grace 0', async () => {
    await make(t, podObject('p', { nodeName: 'n' }));
    const target = targetOf('v1', 'Pod', { name: 'p' });
    const grace = async (): Promise<number | undefined> =>
      (await stored(target))?.metadata.deletionGracePeriodSeconds;
    await remove(target);
    assert.equal(await grace(), 30);
    await remove(target, { gracePeriodSeconds: 60 });
    assert.equal(await grace(), 30);
    await remove(target, { gracePeriodSeconds: 5 });
    assert.equal(await grace(), 5);
    const { removed, object } = await remove(target, { gracePeriodSeconds: 0 });
    assert.equal(removed, true);
    assert.equal(object.metadata.deletionGracePeriodSeconds, 0);
    assert.equal(await stored(target), undefined);
  });

  it('removes at once a pod without a node, and one that has ended', async () => {
    await make(t, podObject('waiting'));
    assert.ok((await remove(targetOf('v1', 'Pod', { name: 'waiting' }))).removed);
    await make(t, podObject('done', { nodeName: 'n' }));
    const done = targetOf('v1', 'Pod', { name: 'done' });
    await merge({ ...done, subresource: 'status' }, { status: { phase: 'Succeeded' } });
    assert.ok((await remove(done)).removed);
  });

  it('keeps a namespace until its finalizers are gone', async () => {
    await make(t, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'n' } });
    const target = targetOf('v1', 'Namespace', { name: 'n' });
    const { removed, object } = await remove(target);
    assert.equal(removed, false);
    assert.deepEqual((object.status as { phase?: string }).phase, 'Terminating');
    const finalize = { ...target, subresource: 'finalize' };
    const emptied = { ...object, spec: { finalizers: [] } };
    await put(finalize, emptied);
    assert.equal(await stored(target), undefined);
  });

  it('deletes a collection by selector and lists what it was', async () => {
    await make(t, configMap('a', { labels: { x: '1' } }));
    await make(t, configMap('b', { labels: { x: '1' } }));
    await make(t, configMap('c'));
    const target = targetOf('v1', 'ConfigMap');
    const list = await t.registry.deleteCollection(
      target,
      { list: { labelSelector: 'x=1' }, delete: {} },
      t.ctx,
    );
    assert.deepEqual(
      list.entries.map((each) => each.name),
      ['a', 'b'],
    );
    const left = await t.registry.list(target, {});
    assert.deepEqual(
      left.entries.map((each) => each.name),
      ['c'],
    );
  });
});

describe('admission and hooks', () => {
  it('sees a write before and after defaulting, and its refusal stores nothing', async () => {
    const calls: string[] = [];
    t.caches.close();
    t = testRegistry({
      admission: {
        admit(a) {
          calls.push(`admit ${a.operation} ${a.name}`);
          if (a.object) a.object.metadata.labels = { admitted: 'yes' };
          return Promise.resolve();
        },
        validate(a) {
          calls.push(`validate ${a.operation} ${a.name}`);
          const refused = a.object?.metadata.name === 'bad';
          return refused ? Promise.reject(new Error('no')) : Promise.resolve();
        },
      },
    });
    const { metadata } = await make(t, configMap('a'));
    assert.deepEqual(metadata.labels, { admitted: 'yes' });
    await assert.rejects(make(t, configMap('bad')), /no/);
    assert.equal(await stored(at('bad')), undefined);
    await remove(at('a'));
    assert.deepEqual(calls, [
      'admit CREATE a',
      'validate CREATE a',
      'admit CREATE bad',
      'validate CREATE bad',
      'admit DELETE a',
      'validate DELETE a',
    ]);
  });

  it('tells hooks how every attempt ended', async () => {
    const log: string[] = [];
    const finish = (what: string): Promise<FinishWrite> =>
      Promise.resolve((ok) => void log.push(`${what} ${ok ? 'stored' : 'undone'}`));
    const hook: WriteHook = {
      group: '',
      resource: 'configmaps',
      beginCreate: () => finish('create'),
      beginUpdate: () => finish('update'),
      afterDelete: () => void log.push('deleted'),
    };
    t.caches.close();
    t = testRegistry({ hooks: [hook] });
    await make(t, configMap('a'));
    await assert.rejects(make(t, configMap('a')));
    await merge(at('a'), { data: { x: '1' } });
    await remove(at('a'));
    assert.deepEqual(log, ['create stored', 'create undone', 'update stored', 'deleted']);
  });
});

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
    await make(t, deployment);
    const before = (await t.registry.get(scale, '')) as KubeObject;
    assert.deepEqual(before.spec, { replicas: 1 });
    const { object } = await put(scale, {
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      metadata: { name: 'd' },
      spec: { replicas: 4 },
    });
    assert.deepEqual(object.spec, { replicas: 4 });
    await merge(scale, { spec: { replicas: 2 } });
    const inStore = (await stored({ ...scale, subresource: '' })) as { spec: { replicas: number } };
    assert.equal(inStore.spec.replicas, 2);
    await assert.rejects(merge(scale, { spec: { replicas: -1 } }), refusal(422, 'Invalid'));
    await assert.rejects(
      t.registry.get({ ...scale, name: 'nope' }, ''),
      refusal(404, 'NotFound', /deployments\/scale\.apps "nope"/),
    );
  });

  it('status changes the status and nothing else', async () => {
    await make(t, deployment);
    const status = { ...scale, subresource: 'status' };
    const { object } = await merge(status, { spec: { replicas: 9 }, status: { replicas: 3 } });
    assert.deepEqual((object.spec as { replicas: number }).replicas, 1);
    assert.deepEqual((object.status as { replicas: number }).replicas, 3);
  });

  const bind = (name: string, node: string) =>
    t.registry.create(
      targetOf('v1', 'Pod', { name, subresource: 'binding' }),
      {
        json: JSON.stringify({ metadata: { name }, target: { kind: 'Node', name: node } }),
        validation: 'Strict',
      },
      t.ctx,
    );

  it('binding puts a pod on a node, once', async () => {
    await make(t, podObject('p'));
    await bind('p', 'n1');
    const pod = (await stored(targetOf('v1', 'Pod', { name: 'p' }))) as {
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
    await make(t, podObject('p'));
    const results = await Promise.allSettled([bind('p', 'n1'), bind('p', 'n2')]);
    assert.equal(results.filter((each) => each.status === 'fulfilled').length, 1);
  });

  const evict = (name: string) =>
    t.registry.create(
      targetOf('v1', 'Pod', { name, subresource: 'eviction' }),
      { json: JSON.stringify({ metadata: { name } }), validation: 'Strict' },
      t.ctx,
    );

  it('eviction spends a disruption of the budget, and refuses without one', async () => {
    for (const name of ['a', 'b']) {
      await make(t, podObject(name, { nodeName: 'n', labels: { app: 'x' } }));
      const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
      await merge(targetOf('v1', 'Pod', { name, subresource: 'status' }), { status });
    }
    const budget = {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'b' },
      spec: { minAvailable: 1, selector: { matchLabels: { app: 'x' } } },
    };
    await make(t, budget);
    await assert.rejects(evict('a'), refusal(429, 'TooManyRequests'));
    const budgetStatus = targetOf('policy/v1', 'PodDisruptionBudget', {
      name: 'b',
      subresource: 'status',
    });
    await merge(budgetStatus, {
      status: {
        observedGeneration: 1,
        disruptionsAllowed: 1,
        currentHealthy: 2,
        desiredHealthy: 1,
        expectedPods: 2,
      },
    });
    await evict('a');
    assert.ok((await stored(targetOf('v1', 'Pod', { name: 'a' })))?.metadata.deletionTimestamp);
    await assert.rejects(evict('b'), refusal(429, 'TooManyRequests'));
    assert.equal(
      (await stored(targetOf('v1', 'Pod', { name: 'b' })))?.metadata.deletionTimestamp,
      undefined,
    );
  });
});

describe('reading', () => {
  it('shows a write as soon as it is acknowledged', async () => {
    const target = targetOf('v1', 'ConfigMap');
    await t.registry.list(target, {});
    for (let i = 0; i < 10; i += 1) {
      await make(t, configMap(`c${i}`));
      const { entries } = await t.registry.list(target, {});
      assert.equal(entries.length, i + 1);
    }
  });

  it('gives one object, from the store or the cache', async () => {
    const made = await make(t, configMap('a'));
    for (const version of ['', '0', made.metadata.resourceVersion ?? '']) {
      const found = await t.registry.get(at('a'), version);
      assert.ok('bytes' in found && 'key' in found);
      assert.deepEqual(objectOf(found), made);
    }
    await assert.rejects(t.registry.get(at('nope'), ''), refusal(404, 'NotFound'));
    await assert.rejects(t.registry.get(at('nope'), '0'), refusal(404, 'NotFound'));
    await assert.rejects(t.registry.get(at('a'), 'x'), refusal(500, ''));
  });

  it('pages through one state whatever is written meanwhile', async () => {
    const target = targetOf('v1', 'ConfigMap');
    for (const name of ['a', 'b', 'c', 'd', 'e']) await make(t, configMap(name));
    const first = await t.registry.list(target, { limit: 2 });
    assert.equal(first.remainingItemCount, 3);
    await remove(at('d'));
    await make(t, configMap('cc'));
    const names = first.entries.map((each) => each.name);
    let { continueToken } = first;
    while (continueToken !== undefined) {
      const page = await t.registry.list(target, { limit: 2, continueToken });
      names.push(...page.entries.map((each) => each.name));
      assert.equal(page.resourceVersion, first.resourceVersion);
      continueToken = page.continueToken;
    }
    assert.deepEqual(names, ['a', 'b', 'c', 'd', 'e']);
  });

  it('pages with selectors: full pages, no count', async () => {
    const target = targetOf('v1', 'ConfigMap');
    for (let i = 0; i < 6; i += 1) {
      await make(t, configMap(`c${i}`, { labels: { even: String(i % 2 === 0) } }));
    }
    const first = await t.registry.list(target, { limit: 1, labelSelector: 'even=true' });
    assert.equal(first.remainingItemCount, undefined);
    const { continueToken = '' } = first;
    const second = await t.registry.list(target, {
      limit: 2,
      labelSelector: 'even=true',
      continueToken,
    });
    assert.deepEqual(
      second.entries.map((each) => each.name),
      ['c2', 'c4'],
    );
    const { continueToken: rest = '' } = second;
    const third = await t.registry.list(target, {
      labelSelector: 'even=true',
      continueToken: rest,
    });
    assert.deepEqual(third.entries, []);
    assert.equal(third.continueToken, undefined);
  });

  it('reads an exact old state', async () => {
    const target = targetOf('v1', 'ConfigMap');
    const a = await make(t, configMap('a'));
    await make(t, configMap('b'));
    const list = await t.registry.list(target, {
      resourceVersion: a.metadata.resourceVersion ?? '',
      resourceVersionMatch: 'Exact',
    });
    assert.deepEqual(
      list.entries.map((each) => each.name),
      ['a'],
    );
    assert.equal(list.resourceVersion, a.metadata.resourceVersion);
  });

  const refused: readonly [string, object, number][] = [
    ['a match rule without a version', { resourceVersionMatch: 'Exact' }, 422],
    ['an unknown match rule', { resourceVersion: '1', resourceVersionMatch: 'X' }, 422],
    ['exactly version 0', { resourceVersion: '0', resourceVersionMatch: 'Exact' }, 422],
    ['a version that is no number', { resourceVersion: 'abc' }, 500],
    ['a token of somebody else', { continueToken: 'abc' }, 400],
    ['an unknown field', { fieldSelector: 'spec.x=y' }, 400],
    ['a broken label selector', { labelSelector: 'a==,' }, 400],
  ];
  for (const [what, options, code] of refused) {
    it(`refuses ${what}`, async () => {
      const list = t.registry.list(targetOf('v1', 'ConfigMap'), options);
      await assert.rejects(list, (error) => error instanceof ApiError && error.code === code);
    });
  }
});
