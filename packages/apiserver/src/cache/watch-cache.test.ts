import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { RING_BYTES } from '../limits.ts';
import {
  configMap,
  make,
  podObject,
  RecordingSink,
  type TestRegistry,
  targetOf,
  testRegistry,
} from '../testing/index.ts';
import { objectOf } from './entry.ts';
import { wholeNamespace } from './selection.ts';

const LARGE_BYTES = 1_000_000;
const CONFIG_MAPS = targetOf('v1', 'ConfigMap');

let t: TestRegistry;
beforeEach(() => {
  t = testRegistry();
});
afterEach(() => t.caches.close());

const rename = (name: string, n: number) =>
  t.registry.patch(
    { ...CONFIG_MAPS, name },
    { type: 'merge', patch: { data: { n: String(n) } }, validation: 'Strict' },
    t.ctx,
  );

describe('a watch cache', () => {
  it('holds what was there before it started', async () => {
    await make(t, configMap('a'));
    await make(t, configMap('b'));
    const cache = t.caches.of(CONFIG_MAPS.def);
    assert.equal(cache.synced(), false);
    assert.ok(await cache.waitFor(0n, 1_000));
    assert.deepEqual(
      cache.list(wholeNamespace('')).map((each) => each.name),
      ['a', 'b'],
    );
  });

  it('follows the store, and knows how far it is', async () => {
    const cache = t.caches.of(CONFIG_MAPS.def);
    await cache.waitFor(0n, 1_000);
    const made = await make(t, configMap('a'));
    const revision = BigInt(made.metadata.resourceVersion ?? '');
    assert.ok(await cache.waitFor(revision, 1_000));
    const [entry] = cache.list(wholeNamespace('default'));
    assert.ok(entry);
    assert.equal(entry.revision, revision);
    assert.deepEqual(objectOf(entry), made);
  });

  it('catches up with a revision that other resources made', async () => {
    const cache = t.caches.of(CONFIG_MAPS.def);
    await cache.waitFor(0n, 1_000);
    await make(t, podObject('p'));
    const newest = await t.caches.storeRevision();
    assert.ok(cache.revision < newest);
    assert.ok(await cache.waitFor(newest, 1_000));
  });

  it('gives up waiting for a revision from the future', async () => {
    const cache = t.caches.of(CONFIG_MAPS.def);
    assert.equal(await cache.waitFor(1_000_000n, 20), false);
  });

  it('tells listeners what is there, then every change', async () => {
    await make(t, configMap('a'));
    const cache = t.caches.of(CONFIG_MAPS.def);
    const seen: string[] = [];
    const stop = cache.listen(({ type, entry, old }) => {
      seen.push(`${type} ${entry.name}${old ? ' (known)' : ''}`);
    });
    await cache.waitFor(0n, 1_000);
    await make(t, configMap('b'));
    await rename('b', 2);
    await t.registry.delete({ ...CONFIG_MAPS, name: 'a' }, {}, t.ctx);
    await cache.waitFor(await t.caches.storeRevision(), 1_000);
    stop();
    await make(t, configMap('c'));
    await cache.waitFor(await t.caches.storeRevision(), 1_000);
    assert.deepEqual(seen, ['ADDED a', 'ADDED b', 'MODIFIED b (known)', 'DELETED a (known)']);
  });
});

describe('watching a cache', () => {
  const watch = (sink: RecordingSink, options: object = {}) =>
    t.registry.watch(CONFIG_MAPS, options, sink);

  it('delivers the present state, then changes', async () => {
    await make(t, configMap('a'));
    const sink = new RecordingSink();
    await watch(sink);
    await make(t, configMap('b'));
    await rename('a', 1);
    await t.registry.delete({ ...CONFIG_MAPS, name: 'b' }, {}, t.ctx);
    await sink.count(4);
    assert.deepEqual(sink.lines(), ['ADDED a', 'ADDED b', 'MODIFIED a', 'DELETED b']);
  });

  it('gives a deleted object the revision of its deletion', async () => {
    const made = await make(t, configMap('a'));
    const sink = new RecordingSink();
    await watch(sink, { resourceVersion: made.metadata.resourceVersion });
    await t.registry.delete({ ...CONFIG_MAPS, name: 'a' }, {}, t.ctx);
    await sink.count(1);
    const [item] = sink.items;
    assert.ok(item?.entry);
    const { resourceVersion } = objectOf(item.entry).metadata;
    assert.equal(resourceVersion, String(item.revision));
    assert.ok(item.revision > BigInt(made.metadata.resourceVersion ?? ''));
  });

  it('resumes after a revision without losing or repeating anything', async () => {
    const first = await make(t, configMap('a'));
    await make(t, configMap('b'));
    await make(t, configMap('c'));
    const cache = t.caches.of(CONFIG_MAPS.def);
    await cache.waitFor(await t.caches.storeRevision(), 1_000);
    const from = String(cache.revision);
    await make(t, configMap('d'));
    const filled = new RecordingSink();
    await watch(filled, { resourceVersion: from });
    await make(t, configMap('e'));
    await filled.until(() => filled.lines().includes('ADDED e'));
    assert.deepEqual(filled.lines(), ['ADDED d', 'ADDED e']);
    // What came before the cache was filled is not known to it: the client has to list.
    await assert.rejects(
      watch(new RecordingSink(), { resourceVersion: first.metadata.resourceVersion }),
      { message: /too old resource version/ },
    );
  });

  it('turns changes into arrivals and departures for a selector', async () => {
    const sink = new RecordingSink();
    await watch(sink, { labelSelector: 'tier=web' });
    await make(t, configMap('a', { labels: { tier: 'web' } }));
    await make(t, configMap('b', { labels: { tier: 'db' } }));
    const relabel = (name: string, tier: string) =>
      t.registry.patch(
        { ...CONFIG_MAPS, name },
        { type: 'merge', patch: { metadata: { labels: { tier } } }, validation: 'Strict' },
        t.ctx,
      );
    await relabel('b', 'web');
    await relabel('a', 'db');
    await t.registry.delete({ ...CONFIG_MAPS, name: 'a' }, {}, t.ctx);
    await t.registry.delete({ ...CONFIG_MAPS, name: 'b' }, {}, t.ctx);
    await sink.count(4);
    assert.deepEqual(sink.lines(), ['ADDED a', 'ADDED b', 'DELETED a', 'DELETED b']);
    const left = sink.items[2]?.entry;
    assert.ok(left);
    assert.deepEqual(objectOf(left).metadata.labels, { tier: 'web' });
  });

  it('finds the watches of one node among many', async () => {
    const sinks = Array.from({ length: 20 }, () => new RecordingSink());
    for (const [i, sink] of sinks.entries()) {
      await t.registry.watch(
        targetOf('v1', 'Pod', { namespace: '' }),
        { fieldSelector: `spec.nodeName=n${i}` },
        sink,
      );
    }
    await make(t, podObject('p', { nodeName: 'n7' }));
    await sinks[7]?.count(1);
    assert.deepEqual(
      sinks.map((sink) => sink.items.length).filter((n) => n > 0),
      [1],
    );
  });

  it('marks the end of the initial events when asked', async () => {
    await make(t, configMap('a'));
    const sink = new RecordingSink();
    await watch(sink, {
      sendInitialEvents: true,
      resourceVersionMatch: 'NotOlderThan',
      allowWatchBookmarks: true,
    });
    assert.deepEqual(sink.lines(), ['ADDED a', 'BOOKMARK']);
    assert.equal(sink.items[1]?.initialEventsEnd, true);
  });

  it('sends bookmarks only to those who take them', async () => {
    const takes = new RecordingSink();
    const plain = new RecordingSink();
    await watch(takes, { allowWatchBookmarks: true });
    await watch(plain);
    t.caches.of(CONFIG_MAPS.def).bookmark();
    assert.deepEqual(takes.lines(), ['BOOKMARK']);
    assert.deepEqual(plain.lines(), []);
  });

  it('ends when the store has compacted its history, and starts over', async () => {
    await make(t, configMap('a'));
    const sink = new RecordingSink();
    await watch(sink);
    t.store.compactEverything();
    await sink.until(() => sink.ended !== undefined);
    assert.equal(sink.ended, 'expired');
    await make(t, configMap('b'));
    const list = await t.registry.list(CONFIG_MAPS, {});
    assert.deepEqual(
      list.entries.map((each) => each.name),
      ['a', 'b'],
    );
  });

  it('keeps listeners right across starting over', async () => {
    await make(t, configMap('a'));
    const cache = t.caches.of(CONFIG_MAPS.def);
    await cache.waitFor(0n, 1_000);
    const state = new Map<string, string>();
    cache.listen(({ type, entry }) => {
      if (type === 'DELETED') state.delete(entry.name);
      else state.set(entry.name, String(entry.revision));
    });
    t.store.compactEverything();
    await t.registry.delete({ ...CONFIG_MAPS, name: 'a' }, {}, t.ctx);
    const b = await make(t, configMap('b'));
    await cache.waitFor(await t.caches.storeRevision(), 1_000);
    assert.deepEqual([...state], [['b', b.metadata.resourceVersion]]);
  });

  it('says Expired when too much has happened since', async () => {
    const cache = t.caches.of(CONFIG_MAPS.def);
    await cache.waitFor(0n, 1_000);
    const from = String(cache.revision);
    const large = { ...configMap('a'), data: { large: 'x'.repeat(LARGE_BYTES) } };
    await make(t, large);
    for (let i = 0; i <= RING_BYTES / LARGE_BYTES; i += 1) await rename('a', i + 1);
    await cache.waitFor(await t.caches.storeRevision(), 1_000);
    await assert.rejects(watch(new RecordingSink(), { resourceVersion: from }), {
      message: /too old resource version/,
    });
  });

  it('goes on for others when one of them fails', async () => {
    const broken = new RecordingSink();
    broken.deliver = () => {
      throw new Error('a bug in a sink');
    };
    const sound = new RecordingSink();
    await watch(broken);
    await watch(sound);
    await make(t, configMap('a'));
    await sound.count(1);
    await make(t, configMap('b'));
    await sound.count(2);
    assert.equal(broken.ended, 'closed');
    assert.deepEqual(sound.lines(), ['ADDED a', 'ADDED b']);
  });

  it('leaves out what is no object, and goes on', async () => {
    await t.store.swap('/registry/configmaps/default/before', Buffer.from('{'), 0n);
    await make(t, configMap('a'));
    const sink = new RecordingSink();
    await watch(sink);
    await t.store.swap('/registry/configmaps/default/later', Buffer.from('junk'), 0n);
    await make(t, configMap('b'));
    await sink.count(2);
    assert.deepEqual(sink.lines(), ['ADDED a', 'ADDED b']);
  });

  it('keeps no encodings for those who come later', async () => {
    const cache = t.caches.of(CONFIG_MAPS.def);
    await cache.waitFor(0n, 1_000);
    const from = String(cache.revision);
    await make(t, configMap('a'));
    const sink = new RecordingSink();
    await watch(sink, { resourceVersion: from });
    const [item] = sink.items;
    assert.ok(item?.event);
    assert.equal(item.event.encodings, undefined);
  });

  it('ends when the caches close', async () => {
    const sink = new RecordingSink();
    await watch(sink);
    t.caches.close();
    assert.equal(sink.ended, 'closed');
  });
});
