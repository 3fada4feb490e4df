import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SyncPace } from './sync-pace.ts';

/** @returns how many syncs of this length it takes until the event loop does them; undefined when it never happens */
function untilDirect(pace: SyncPace, durationMs: number): number | undefined {
  for (let count = 0; count < 10_000; count += 1) {
    if (pace.direct) return count;
    pace.took(durationMs);
  }
  return undefined;
}

test('a quick disk is trusted after a while, a slow one never', () => {
  assert.equal(untilDirect(new SyncPace(), 0.1), 16);
  assert.equal(untilDirect(new SyncPace(), 5), undefined);
});

test('a slow sync in between starts the count again', () => {
  const pace = new SyncPace();
  for (let i = 0; i < 15; i += 1) pace.took(0.1);
  pace.took(3);
  assert.equal(untilDirect(pace, 0.1), 16);
});

test('one slow sync on the event loop sends the next ones to another thread, longer each time', () => {
  const pace = new SyncPace();
  const waits: (number | undefined)[] = [];
  for (let round = 0; round < 12; round += 1) {
    waits.push(untilDirect(pace, 0.1));
    pace.took(50);
    assert.equal(pace.direct, false);
  }
  assert.deepEqual(waits, [16, 32, 64, 128, 256, 512, 1024, 1024, 1024, 1024, 1024, 1024]);
});

test('a sync on the event loop that is a little late changes nothing', () => {
  const pace = new SyncPace();
  untilDirect(pace, 0.1);
  for (const durationMs of [0.2, 3, 10]) pace.took(durationMs);
  assert.equal(pace.direct, true);
});
