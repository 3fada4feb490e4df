import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RING_BYTES, RING_EVENTS, RING_FRESH_MS, RING_MAX_EVENTS } from '../limits.ts';
import type { CacheEntry } from './entry.ts';
import { type CacheEvent, EventRing } from './ring.ts';

function event(revision: bigint, size = 10): CacheEvent {
  const entry: CacheEntry = {
    key: `/registry/x/${revision}`,
    namespace: '',
    name: String(revision),
    revision,
    bytes: Buffer.alloc(size),
    metadataAt: 0,
    labels: {},
    fields: {},
    parsed: undefined,
  };
  return { type: 'ADDED', revision, entry, old: undefined, gone: undefined, encodings: undefined };
}

const revisions = (ring: EventRing, after: bigint): number[] | undefined =>
  ring.after(after)?.map((each) => Number(each.revision));

describe('the ring of recent events', () => {
  it('gives the events after a revision, oldest first', () => {
    const ring = new EventRing();
    ring.reset(10n);
    for (const revision of [12n, 15n, 15n, 20n]) ring.push(event(revision), 0);
    assert.deepEqual(revisions(ring, 10n), [12, 15, 15, 20]);
    assert.deepEqual(revisions(ring, 12n), [15, 15, 20]);
    assert.deepEqual(revisions(ring, 14n), [15, 15, 20]);
    assert.deepEqual(revisions(ring, 15n), [20]);
    assert.deepEqual(revisions(ring, 20n), []);
    assert.deepEqual(revisions(ring, 99n), []);
  });

  it('knows when events before its start are asked for', () => {
    const ring = new EventRing();
    ring.reset(10n);
    assert.equal(revisions(ring, 9n), undefined);
    assert.deepEqual(revisions(ring, 10n), []);
  });

  it('keeps young events beyond the usual number, and forgets them when they are old', () => {
    const ring = new EventRing();
    ring.reset(0n);
    const total = RING_EVENTS * 3;
    for (let i = 1; i <= total; i += 1) ring.push(event(BigInt(i)), 1_000);
    assert.equal(revisions(ring, 0n)?.length, total);
    ring.push(event(BigInt(total + 1)), 1_000 + RING_FRESH_MS);
    assert.equal(ring.floor, 0n);
    ring.push(event(BigInt(total + 2)), 1_001 + RING_FRESH_MS);
    assert.equal(ring.floor, BigInt(total + 2 - RING_EVENTS));
  });

  it('forgets even young ones when there are too many', () => {
    const ring = new EventRing();
    ring.reset(0n);
    for (let i = 1; i <= RING_MAX_EVENTS + 3; i += 1) ring.push(event(BigInt(i)), 0);
    assert.equal(ring.floor, 3n);
  });

  it('forgets the oldest when there are too many, and says so', () => {
    const ring = new EventRing();
    ring.reset(0n);
    const total = RING_EVENTS * 3;
    for (let i = 1; i <= total; i += 1) ring.push(event(BigInt(i)), i * RING_FRESH_MS);
    const floor = total - RING_EVENTS;
    assert.equal(ring.floor, BigInt(floor));
    assert.equal(revisions(ring, BigInt(floor))?.length, RING_EVENTS);
    assert.equal(revisions(ring, BigInt(floor) - 1n), undefined);
    assert.deepEqual(revisions(ring, BigInt(total) - 2n), [total - 1, total]);
  });

  it('forgets the oldest when they are too heavy, but never the newest', () => {
    const ring = new EventRing();
    ring.reset(0n);
    ring.push(event(1n), 0);
    ring.push(event(2n, RING_BYTES + 1), 0);
    assert.deepEqual(revisions(ring, 1n), [2]);
    assert.equal(revisions(ring, 0n), undefined);
    ring.push(event(3n), 0);
    assert.deepEqual(revisions(ring, 2n), [3]);
  });
});
