import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { builtinKind } from '@kubets/api';
import { selectionOf } from '../registry/list-options.ts';
import { encodeStored } from '../storage/codec.ts';
import { podObject, RecordingSink } from '../testing/index.ts';
import { type CacheEntry, entryAtRevision, entryOf, objectOf } from './entry.ts';
import type { CacheEvent } from './ring.ts';
import { wholeNamespace } from './selection.ts';
import { Watcher } from './watcher.ts';
import { WatcherSet } from './watcher-set.ts';

const pods = builtinKind('v1', 'Pod');

function pod(
  name: string,
  revision: bigint,
  o: { nodeName?: string; labels?: Record<string, string> } = {},
): CacheEntry {
  const object = podObject(name, o);
  const value = encodeStored({ ...object, metadata: { ...object.metadata, namespace: 'default' } });
  return entryOf(pods, { key: `/registry/pods/default/${name}`, value, revision });
}

function change(entry: CacheEntry, old: CacheEntry | undefined, deleted = false): CacheEvent {
  const type = deleted ? 'DELETED' : old === undefined ? 'ADDED' : 'MODIFIED';
  const { revision } = entry;
  return { type, revision, entry, old, gone: undefined, encodings: undefined };
}

function watcher(
  sink: RecordingSink,
  o: { fieldSelector?: string; labelSelector?: string; after?: bigint; bookmarks?: boolean } = {},
): Watcher {
  const { after = 0n, bookmarks = false, ...selectors } = o;
  const selection = selectionOf(pods, '', selectors);
  return new Watcher({ selection, after, bookmarks, markInitialEvents: false }, after, sink);
}

describe('entries', () => {
  it('know what selectors ask for, and parse again when needed', () => {
    const entry = pod('p', 7n, { nodeName: 'n1', labels: { a: 'b' } });
    assert.deepEqual([entry.namespace, entry.name, entry.labels], ['default', 'p', { a: 'b' }]);
    assert.equal(entry.fields['spec.nodeName'], 'n1');
    entry.parsed = undefined;
    assert.equal(objectOf(entry).metadata.resourceVersion, '7');
    assert.equal(objectOf(entry), objectOf(entry));
  });

  it('can be shown at a later revision', () => {
    const later = entryAtRevision(pod('p', 7n), 1_234n);
    assert.equal(objectOf(later).metadata.resourceVersion, '1234');
    assert.equal(later.revision, 1_234n);
  });
});

describe('a watcher', () => {
  const web = { app: 'web' };
  const db = { app: 'db' };
  const transitions: readonly [string, CacheEvent, string[]][] = [
    ['arrives', change(pod('p', 2n, { labels: web }), undefined), ['ADDED p']],
    [
      'changes',
      change(pod('p', 2n, { labels: web }), pod('p', 1n, { labels: web })),
      ['MODIFIED p'],
    ],
    [
      'comes into view',
      change(pod('p', 2n, { labels: web }), pod('p', 1n, { labels: db })),
      ['ADDED p'],
    ],
    [
      'goes out of view',
      change(pod('p', 2n, { labels: db }), pod('p', 1n, { labels: web })),
      ['DELETED p'],
    ],
    ['changes out of view', change(pod('p', 2n, { labels: db }), pod('p', 1n, { labels: db })), []],
    [
      'is deleted',
      change(pod('p', 2n, { labels: web }), pod('p', 1n, { labels: web }), true),
      ['DELETED p'],
    ],
    [
      'is deleted out of view',
      change(pod('p', 2n, { labels: db }), pod('p', 1n, { labels: db }), true),
      [],
    ],
    ['arrives out of view', change(pod('p', 2n, { labels: db }), undefined), []],
  ];
  for (const [what, event, expected] of transitions) {
    it(`of app=web, when an object ${what}: ${expected[0] ?? 'nothing'}`, () => {
      const sink = new RecordingSink();
      watcher(sink, { labelSelector: 'app=web' }).send([event]);
      assert.deepEqual(sink.lines(), expected);
    });
  }

  it('shows what left its view as it was, at the new version', () => {
    const sink = new RecordingSink();
    const event = change(pod('p', 9n, { labels: db }), pod('p', 1n, { labels: web }));
    watcher(sink, { labelSelector: 'app=web' }).send([event]);
    const [item] = sink.items;
    assert.ok(item?.entry);
    const { labels, resourceVersion } = objectOf(item.entry).metadata;
    assert.deepEqual([labels, resourceVersion], [web, '9']);
  });

  it('skips what it has seen', () => {
    const sink = new RecordingSink();
    const one = watcher(sink, { after: 5n });
    one.send([
      change(pod('a', 4n), undefined),
      change(pod('b', 5n), undefined),
      change(pod('c', 6n), undefined),
    ]);
    one.send([change(pod('c', 6n), undefined), change(pod('d', 7n), undefined)]);
    assert.deepEqual(sink.lines(), ['ADDED c', 'ADDED d']);
  });

  it('takes bookmarks only when it asked, and only forward', () => {
    const takes = new RecordingSink();
    const plain = new RecordingSink();
    const one = watcher(takes, { after: 5n, bookmarks: true });
    const two = watcher(plain, { after: 5n });
    for (const each of [one, two]) {
      each.sendBookmark(4n);
      each.sendBookmark(8n);
    }
    assert.deepEqual(
      takes.items.map((item) => item.revision),
      [8n],
    );
    assert.deepEqual(plain.items, []);
  });
});

describe('the set of watchers', () => {
  it('hands events to those who might want them', () => {
    const set = new WatcherSet();
    const all = watcher(new RecordingSink());
    const n1 = watcher(new RecordingSink(), { fieldSelector: 'spec.nodeName=n1' });
    const n2 = watcher(new RecordingSink(), { fieldSelector: 'spec.nodeName=n2' });
    for (const each of [all, n1, n2]) set.add(each);
    const placed = change(pod('p', 2n, { nodeName: 'n1' }), pod('p', 1n));
    const moved = change(pod('q', 4n, { nodeName: 'n2' }), pod('q', 3n, { nodeName: 'n1' }));
    const found = set.interested([placed, moved]);
    assert.deepEqual(found.get(all), [placed, moved]);
    assert.deepEqual(found.get(n1), [placed, moved]);
    assert.deepEqual(found.get(n2), [moved]);
    assert.equal(set.interested([]).size, 0);
  });

  it('forgets those who leave', () => {
    const set = new WatcherSet();
    const n1 = watcher(new RecordingSink(), { fieldSelector: 'spec.nodeName=n1' });
    const all = watcher(new RecordingSink());
    set.add(n1);
    set.add(all);
    set.delete(n1);
    set.delete(n1);
    assert.equal(set.size, 1);
    const event = change(pod('p', 2n, { nodeName: 'n1' }), undefined);
    assert.deepEqual([...set.interested([event]).keys()], [all]);
    assert.deepEqual(set.drain(), [all]);
    assert.equal(set.size, 0);
    assert.equal(set.interested([event]).size, 0);
  });
});

describe('selections of whole namespaces', () => {
  it('match by namespace alone', () => {
    assert.equal(wholeNamespace('').matches(pod('p', 1n)), true);
    assert.equal(wholeNamespace('default').matches(pod('p', 1n)), true);
    assert.equal(wholeNamespace('other').matches(pod('p', 1n)), false);
  });
});
