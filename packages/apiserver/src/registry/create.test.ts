import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { configMap, make, targetOf, testRegistry } from '../testing/index.ts';
import { at, refusal, useScene } from '../testing/scene.ts';

const s = useScene();

describe('creating', () => {
  it('gives identity and stores without a resourceVersion', async () => {
    const made = await make(s.t, configMap('a'));
    const { uid, creationTimestamp, namespace, resourceVersion } = made.metadata;
    assert.ok(uid && creationTimestamp && resourceVersion);
    assert.equal(namespace, 'default');
    const inStore = await s.stored(at('a'));
    assert.equal(inStore?.metadata.uid, uid);
    assert.equal(inStore?.metadata.resourceVersion, undefined);
  });

  it('ignores identity that the client made up', async () => {
    const claimed = configMap('a');
    Object.assign(claimed.metadata, { uid: 'mine', creationTimestamp: '2001-01-01T00:00:00Z' });
    const { metadata } = await make(s.t, claimed);
    assert.notEqual(metadata.uid, 'mine');
    assert.notEqual(metadata.creationTimestamp, '2001-01-01T00:00:00Z');
  });

  it('makes a name from generateName, another one when that is taken', async () => {
    const names = new Set<string>();
    for (let i = 0; i < 20; i += 1) {
      const object = { ...configMap(''), metadata: { generateName: 'x-' } };
      const { metadata } = await make(s.t, object);
      assert.match(metadata.name ?? '', /^x-[a-z0-9]{5}$/);
      names.add(metadata.name ?? '');
    }
    assert.equal(names.size, 20);
  });

  it('makes the whole object anew for another name, from a text and from a value', async (t) => {
    const sent = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { generateName: 'x-', labels: { a: 'b' } },
      data: { k: 'v' },
    };
    // The same seed makes the same names.
    const other = testRegistry({ store: s.t.store });
    t.after(() => other.caches.close());
    const target = targetOf('v1', 'ConfigMap');
    const ctx = { ...s.t.ctx, fieldManager: 'tester' };
    for (const json of [JSON.stringify(sent), structuredClone(sent)]) {
      const body = { json, validation: 'Strict' } as const;
      const first = (await s.t.registry.create(target, body, ctx)).object;
      const again = { ...body, json: typeof json === 'string' ? json : structuredClone(sent) };
      const { object } = await other.registry.create(target, again, ctx);
      assert.notEqual(object.metadata.name, first.metadata.name);
      assert.match(object.metadata.name ?? '', /^x-[a-z0-9]{5}$/);
      assert.deepEqual(object.metadata.labels, { a: 'b' });
      assert.deepEqual((object as { data?: unknown }).data, { k: 'v' });
      const [owner, ...more] = object.metadata.managedFields ?? [];
      assert.equal(more.length, 0);
      assert.equal(owner?.manager, 'tester');
      assert.deepEqual(owner?.fieldsV1, first.metadata.managedFields?.[0]?.fieldsV1);
    }
  });

  it('refuses a name that is taken', async () => {
    await make(s.t, configMap('a'));
    await assert.rejects(
      make(s.t, configMap('a')),
      refusal(409, 'AlreadyExists', /"a" already exists/),
    );
  });

  it('refuses a resourceVersion, another namespace, and another kind', async () => {
    const versioned = configMap('a');
    Object.assign(versioned.metadata, { resourceVersion: '5' });
    await assert.rejects(make(s.t, versioned), refusal(500, ''));
    const target = targetOf('v1', 'ConfigMap');
    const create = (object: object) =>
      s.t.registry.create(target, { json: JSON.stringify(object), validation: 'Strict' }, s.t.ctx);
    const elsewhere = { ...configMap('a'), metadata: { name: 'a', namespace: 'other' } };
    await assert.rejects(create(elsewhere), refusal(400, 'BadRequest', /namespace/));
    await assert.rejects(create({ ...configMap('a'), kind: 'Secret' }), refusal(400, 'BadRequest'));
    await assert.rejects(
      create({ ...configMap('a'), apiVersion: 'v2' }),
      refusal(400, 'BadRequest', /no kind "ConfigMap" is registered for version "v2"/),
    );
    assert.equal(await s.stored(at('a')), undefined);
  });

  it('takes versions that are none, and in a dry run any', async () => {
    const versioned = (name: string, resourceVersion: string) => {
      const object = configMap(name);
      Object.assign(object.metadata, { resourceVersion });
      return object;
    };
    await make(s.t, versioned('a', '0'));
    const made = await make(s.t, versioned('b', 'x'));
    assert.match(made.metadata.resourceVersion ?? '', /^\d+$/);
    const dry = { ...s.t.ctx, dryRun: true };
    const body = { json: JSON.stringify(versioned('c', '5')), validation: 'Strict' } as const;
    const { object } = await s.t.registry.create(targetOf('v1', 'ConfigMap'), body, dry);
    assert.equal(object.metadata.resourceVersion, '5');
  });

  it('stores nothing in a dry run', async () => {
    const dry = { ...s.t.ctx, dryRun: true };
    const body = { json: JSON.stringify(configMap('a')), validation: 'Strict' } as const;
    const { object } = await s.t.registry.create(targetOf('v1', 'ConfigMap'), body, dry);
    assert.ok(object.metadata.uid);
    assert.equal(object.metadata.resourceVersion, undefined);
    assert.equal(await s.stored(at('a')), undefined);
    await make(s.t, configMap('a'));
    await assert.rejects(
      s.t.registry.create(targetOf('v1', 'ConfigMap'), body, dry),
      refusal(409, 'AlreadyExists'),
    );
  });

  it('warns of unknown fields, or refuses or ignores them, as asked', async () => {
    const target = targetOf('v1', 'ConfigMap');
    const json = (name: string) => JSON.stringify({ ...configMap(name), nope: 1 });
    const create = (name: string, validation: 'Warn' | 'Strict' | 'Ignore') =>
      s.t.registry.create(target, { json: json(name), validation }, s.t.ctx);
    await create('w', 'Warn');
    assert.deepEqual(s.t.warnings, ['unknown field "nope"']);
    await assert.rejects(create('s', 'Strict'), refusal(400, 'BadRequest', /unknown field "nope"/));
    await create('i', 'Ignore');
    assert.equal(s.t.warnings.length, 1);
  });
});
