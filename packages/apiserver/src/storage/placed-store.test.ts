import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MemoryStore } from './memory-store.ts';
import { normalPrefix, PlacedStore, placed } from './placed-store.ts';
import type { StoreEvent } from './store.ts';

const text = (value: Buffer | undefined): string | undefined => value?.toString();

describe('a store with its keys below another prefix', () => {
  it('keeps what is written there, and shows it where it was written', async () => {
    const inner = new MemoryStore();
    const store = new PlacedStore(inner, '/other/cluster');
    const seen: StoreEvent[] = [];
    store.watch('/registry/pods/', 1n, {
      onEvents: (events) => seen.push(...events),
      onProgress: () => undefined,
      onCompacted: () => undefined,
      onError: (error) => assert.fail(error),
    });
    await store.swap('/registry/pods/a', Buffer.from('1'), 0n);
    await store.swap('/registry/pods/b', Buffer.from('2'), 0n);
    await inner.swap('/registry/pods/c', Buffer.from('3'), 0n);
    assert.equal(text((await inner.get('/other/cluster/pods/a')).value?.value), '1');
    const { value } = await store.get('/registry/pods/a');
    assert.deepEqual([value?.key, text(value?.value)], ['/registry/pods/a', '1']);
    assert.equal((await store.get('/registry/pods/c')).value, undefined);
    const all = await store.page('/registry/pods/', { limit: 0 });
    assert.deepEqual(
      all.values.map(({ key }) => key),
      ['/registry/pods/a', '/registry/pods/b'],
    );
    const rest = await store.page('/registry/pods/', { limit: 0, from: '/registry/pods/a\0' });
    assert.deepEqual(
      rest.values.map(({ key }) => key),
      ['/registry/pods/b'],
    );
    const lost = await store.swap('/registry/pods/a', Buffer.from('4'), 0n);
    assert.equal(lost.ok === false && lost.current?.key, '/registry/pods/a');
    const revision = value?.revision ?? 0n;
    assert.equal((await store.remove('/registry/pods/a', revision)).ok, true);
    while (seen.length < 3) await new Promise(setImmediate);
    assert.deepEqual(
      seen.map(({ type, key }) => `${type} ${key}`),
      ['put /registry/pods/a', 'put /registry/pods/b', 'delete /registry/pods/a'],
    );
  });

  it('is the store itself where the prefix is the usual one', () => {
    const inner = new MemoryStore();
    assert.equal(placed(inner, normalPrefix('/registry')), inner);
    assert.notEqual(placed(inner, '/x'), inner);
  });

  it('reads prefixes as the stock server does', () => {
    const forms = ['registry', '/registry/', '//a//b/', '', '/'].map(normalPrefix);
    assert.deepEqual(forms, ['/registry', '/registry', '/a/b', '', '']);
  });
});
