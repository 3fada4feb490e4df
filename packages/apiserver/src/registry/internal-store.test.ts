import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { type ConfigMap, isConflict, isNotFound } from '@kubets/api';
import type { ResourceStore } from '../ports.ts';
import { rawStore } from '../storage/raw-store.ts';
import { configMap, make } from '../testing/index.ts';
import { useScene } from '../testing/scene.ts';
import { InternalStore } from './internal-store.ts';

const s = useScene();
const MAPS = { group: '', version: 'v1', resource: 'configmaps' };
const at = (name: string) => ({ ...MAPS, namespace: 'default', name });

let store: ResourceStore;
beforeEach(() => {
  const { registry, caches, store: keys } = s.t;
  const { kinds } = registry.deps;
  store = new InternalStore({
    registry: () => registry,
    caches,
    raw: rawStore(keys),
    kindOf: (gvr) => kinds.forResource(gvr),
  });
});

const object = (name: string, data: Record<string, string> = {}): ConfigMap => ({
  metadata: { name, namespace: 'default' },
  data,
});

describe('objects for the server’s own parts', () => {
  it('are created, read, replaced and deleted through the registry', async () => {
    const made = await store.create<ConfigMap>(MAPS, object('a', { x: '1' }));
    assert.ok(made.metadata.uid);
    assert.equal(made.kind, 'ConfigMap');
    const read = await store.get<ConfigMap>(at('a'));
    assert.deepEqual(read.data, { x: '1' });
    read.data = { x: '2' };
    await store.update(MAPS, read);
    const { items } = await store.list<ConfigMap>(MAPS, 'default');
    assert.deepEqual(
      items.map((each) => each.data),
      [{ x: '2' }],
    );
    await store.delete(at('a'));
    await assert.rejects(store.get(at('a')), isNotFound);
  });

  it('may be changed by their reader: they are copies', async () => {
    await store.create(MAPS, object('a', { x: '1' }));
    const { items } = await store.list<ConfigMap>(MAPS);
    const [first] = items;
    if (first?.data) first.data.x = 'spoiled';
    assert.deepEqual((await store.get<ConfigMap>(at('a'))).data, { x: '1' });
  });

  it('refuse an update of an old version', async () => {
    const made = await store.create<ConfigMap>(MAPS, object('a'));
    await store.update(MAPS, { ...made, data: { x: '1' } });
    await assert.rejects(store.update(MAPS, { ...made, data: { x: '2' } }), isConflict);
  });

  it('of kinds that do not exist are not found', async () => {
    await assert.rejects(async () => store.get({ ...at('a'), resource: 'nopes' }), isNotFound);
  });
});

describe('cache views', () => {
  it('show what is there and tell what changes', async () => {
    await make(s.t, configMap('a'));
    const view = store.cache<ConfigMap>(MAPS);
    const seen: string[] = [];
    const stop = view.onChange(({ type, object: now, old }) => {
      seen.push(`${type} ${now.metadata.name}${old ? ` was ${old.data?.n}` : ''}`);
    });
    await view.whenSynced();
    assert.ok(view.synced());
    assert.equal(view.get('default', 'a')?.metadata.name, 'a');
    assert.equal(view.get('default', 'nope'), undefined);
    await s.merge(
      {
        def: s.t.caches.of(s.t.registry.deps.kinds.forResource(MAPS) ?? assert.fail()).def,
        namespace: 'default',
        name: 'a',
        subresource: '',
      },
      { data: { n: '1' } },
    );
    await store.delete(at('a'));
    await s.t.registry.list(
      {
        def: s.t.registry.deps.kinds.forResource(MAPS) ?? assert.fail(),
        namespace: '',
        name: '',
        subresource: '',
      },
      {},
    );
    stop();
    assert.deepEqual(seen, ['ADDED a', 'MODIFIED a was 0', 'DELETED a was 1']);
    assert.deepEqual(view.list(), []);
  });
});

describe('raw values', () => {
  it('are written by compare-and-swap', async () => {
    const { raw } = store;
    assert.deepEqual(await raw.get('/registry/ranges/x'), { value: undefined, revision: 0n });
    const first = await raw.compareAndSwap('/registry/ranges/x', Buffer.from('1'), 0n);
    assert.ok(first);
    assert.equal(await raw.compareAndSwap('/registry/ranges/x', Buffer.from('2'), 0n), undefined);
    assert.ok(await raw.compareAndSwap('/registry/ranges/x', Buffer.from('2'), first));
    assert.equal((await raw.get('/registry/ranges/x')).value?.toString(), '2');
    await raw.delete('/registry/ranges/x');
    await raw.delete('/registry/ranges/x');
    assert.equal((await raw.get('/registry/ranges/x')).revision, 0n);
  });

  it('are listed by prefix, however many', async () => {
    const { raw } = store;
    for (let i = 0; i < 1_201; i += 1) {
      await raw.compareAndSwap(
        `/registry/ranges/${String(i).padStart(4, '0')}`,
        Buffer.from('x'),
        0n,
      );
    }
    const all = await raw.list('/registry/ranges/');
    assert.equal(all.length, 1_201);
    assert.equal(all.at(-1)?.key, '/registry/ranges/1200');
  });
});
