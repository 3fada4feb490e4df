import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { builtinKind } from '@kubets/api';
import { ManualClock } from '@kubets/platform';
import { BOOKMARK_INTERVAL_MS } from '../limits.ts';
import { make, podObject, RecordingSink, targetOf, testRegistry } from '../testing/index.ts';

describe('the caches', () => {
  it('are one a stored kind, made at first use', () => {
    const t = testRegistry();
    const events = builtinKind('v1', 'Event');
    assert.equal(t.caches.peek(events), undefined);
    const cache = t.caches.of(events);
    assert.equal(t.caches.of(events), cache);
    assert.equal(t.caches.of(builtinKind('events.k8s.io/v1', 'Event')), cache);
    assert.notEqual(t.caches.of(builtinKind('v1', 'Pod')), cache);
    assert.equal(t.caches.all().length, 2);
    t.caches.close();
  });

  it('send bookmarks by the clock', async () => {
    const clock = new ManualClock();
    const t = testRegistry({ clock });
    const sink = new RecordingSink();
    await make(t, podObject('p'));
    await t.registry.watch(targetOf('v1', 'Pod'), { allowWatchBookmarks: true }, sink);
    assert.deepEqual(sink.lines(), ['ADDED p']);
    clock.advance(BOOKMARK_INTERVAL_MS);
    assert.deepEqual(sink.lines(), ['ADDED p', 'BOOKMARK']);
    t.caches.close();
    clock.advance(BOOKMARK_INTERVAL_MS);
    assert.equal(sink.items.length, 2);
  });
});
