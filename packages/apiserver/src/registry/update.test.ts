import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeStored } from '../storage/codec.ts';
import { configMap, make, targetOf } from '../testing/index.ts';
import { at, refusal, useScene } from '../testing/scene.ts';
import { keyOf } from './keys.ts';

const s = useScene();

describe('replacing', () => {
  it('replaces unconditionally without a version', async () => {
    const made = await make(s.t, configMap('a'));
    const { object } = await s.put(at('a'), configMap('a', { n: 1 }));
    assert.equal(object.metadata.uid, made.metadata.uid);
    assert.equal(object.metadata.creationTimestamp, made.metadata.creationTimestamp);
    assert.ok(
      BigInt(object.metadata.resourceVersion ?? 0) > BigInt(made.metadata.resourceVersion ?? 0),
    );
  });

  it('is a conflict on an old version, also when the cache is behind', async () => {
    const made = await make(s.t, configMap('a'));
    await s.t.registry.list(targetOf('v1', 'ConfigMap'), {});
    await s.put(at('a'), configMap('a', { n: 1 }));
    const old = configMap('a', { n: 2 });
    Object.assign(old.metadata, { resourceVersion: made.metadata.resourceVersion });
    await assert.rejects(
      s.put(at('a'), old),
      refusal(409, 'Conflict', /the object has been modified/),
    );
  });

  it('accepts the newest version although the cache has not seen it yet', async () => {
    const made = await make(s.t, configMap('a'));
    const cache = s.t.caches.of(at('a').def);
    await cache.waitFor(0n, 1_000);
    // Written past the registry: the watch has had no turn to run yet.
    const target = at('a');
    const key = keyOf(target.def, target.namespace, target.name);
    const { value } = await s.t.store.get(key);
    assert.ok(value);
    const swap = s.t.store.swap(
      key,
      encodeStored({ ...made, ...{ data: { n: '9' } } }),
      value.revision,
    );
    const written = await swap;
    assert.ok(written.ok);
    const next = configMap('a', { n: 10 });
    Object.assign(next.metadata, { resourceVersion: String(written.revision) });
    const { object } = await s.put(target, next);
    assert.ok(BigInt(object.metadata.resourceVersion ?? 0) > written.revision);
  });

  it('writes nothing when nothing changes, whatever the order of the fields', async () => {
    const made = await make(s.t, configMap('a', { labels: { x: '1', y: '2' } }));
    const same = {
      data: { n: '0' },
      metadata: { labels: { y: '2', x: '1' }, name: 'a' },
      kind: 'ConfigMap',
      apiVersion: 'v1',
    };
    const { object } = await s.put(at('a'), same);
    assert.equal(object.metadata.resourceVersion, made.metadata.resourceVersion);
  });

  it('refuses what is not there, except for kinds that a PUT creates', async () => {
    await assert.rejects(s.put(at('a'), configMap('a')), refusal(404, 'NotFound'));
    const endpoints = { apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'e' } };
    const { created } = await s.put(targetOf('v1', 'Endpoints', { name: 'e' }), endpoints);
    assert.equal(created, true);
  });

  it('looks at no version of what it creates, but at its uid, and at whether the version is a number', async () => {
    const place = (name: string) => targetOf('v1', 'Endpoints', { name });
    const put = (name: string, metadata: object) =>
      s.put(place(name), { apiVersion: 'v1', kind: 'Endpoints', metadata: { name, ...metadata } });
    const made = await put('a', { resourceVersion: '5' });
    assert.equal(made.created, true);
    assert.notEqual(made.object.metadata.resourceVersion, '5');
    await assert.rejects(
      put('b', { resourceVersion: 'x' }),
      refusal(500, '', /^strconv.ParseUint: parsing "x": invalid syntax$/),
    );
    await assert.rejects(
      put('b', { uid: 'u' }),
      refusal(409, 'Conflict', /UID in precondition: u, UID in object meta: $/),
    );
  });

  it('refuses another name than the path’s, and another object’s uid', async () => {
    await make(s.t, configMap('a'));
    await assert.rejects(
      s.put(at('a'), configMap('b')),
      refusal(400, 'BadRequest', /\(b\).*\(a\)/),
    );
    const foreign = configMap('a');
    Object.assign(foreign.metadata, { uid: '00000000-0000-4000-8000-00000000ffff' });
    await assert.rejects(s.put(at('a'), foreign), refusal(409, 'Conflict', /UID in precondition/));
  });

  it('needs a version for leases', async () => {
    const lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'l' },
      spec: {},
    };
    await make(s.t, lease);
    await assert.rejects(
      s.put(targetOf('coordination.k8s.io/v1', 'Lease', { name: 'l' }), lease),
      refusal(422, 'Invalid', /Invalid value: 0x0: must be specified for an update/),
    );
  });
});

describe('patching', () => {
  it('tries again after lost races, so that every patch takes effect', async () => {
    await make(s.t, configMap('a'));
    await Promise.all(
      Array.from({ length: 5 }, (_, i) => s.merge(at('a'), { data: { [`k${i}`]: 'v' } })),
    );
    const inStore = (await s.stored(at('a'))) as { data?: Record<string, string> } | undefined;
    assert.deepEqual(Object.keys(inStore?.data ?? {}).sort(), ['k0', 'k1', 'k2', 'k3', 'k4', 'n']);
  });

  it('is a conflict when the patch itself names an old version', async () => {
    const made = await make(s.t, configMap('a'));
    await s.merge(at('a'), { data: { x: '1' } });
    const { resourceVersion } = made.metadata;
    await assert.rejects(
      s.merge(at('a'), { metadata: { resourceVersion }, data: { x: '2' } }),
      refusal(409, 'Conflict'),
    );
  });

  it('refuses a result that is no object of the kind', async () => {
    await make(s.t, configMap('a'));
    await assert.rejects(s.merge(at('a'), { data: { n: 7 } }), refusal(422, 'Invalid'));
    await assert.rejects(s.merge(at('a'), { kind: 'Secret' }), refusal(422, 'Invalid'));
    await assert.rejects(s.merge(at('a'), { metadata: { name: 'b' } }), refusal(400, 'BadRequest'));
  });

  it('shows nothing half-done to others when it is a dry run', async () => {
    await make(s.t, configMap('a'));
    const before = await s.stored(at('a'));
    const dry = { ...s.t.ctx, dryRun: true };
    const patch = { type: 'merge', patch: { data: { x: '1' } }, validation: 'Strict' } as const;
    const { object } = await s.t.registry.patch(at('a'), patch, dry);
    assert.deepEqual((object as { data?: object }).data, { n: '0', x: '1' });
    assert.deepEqual(await s.stored(at('a')), before);
  });
});
