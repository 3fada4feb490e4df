import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SyncPace } from './sync-pace.ts';

/** Syncs so many times. @returns how many of them were on the event loop */
function run(pace: SyncPace, count: number, durationMs: number): number {
  let direct = 0;
  for (let i = 0; i < count; i += 1) {
    if (pace.direct) direct += 1;
    pace.took(durationMs);
  }
  return direct;
}

/** @returns how many syncs go elsewhere until the event loop is tried again */
function pauseOf(pace: SyncPace): number {
  let count = 0;
  for (; !pace.direct; count += 1) pace.took(0.1);
  return count;
}

test('a quick disk is synced on the event loop all the time', () => {
  assert.equal(run(new SyncPace(), 1_000, 0.1), 1_000);
});

test('a slow disk is hardly ever', () => {
  const pace = new SyncPace();
  assert.equal(run(pace, 50, 8), 9);
  run(pace, 10_000, 8);
  assert.ok(run(pace, 100_000, 8) < 300);
});

test('a quick disk that is late now and then stays where it is', () => {
  const pace = new SyncPace();
  for (let round = 0; round < 100; round += 1) {
    assert.equal(run(pace, 10, 0.1), 10);
    assert.equal(run(pace, 6, 10), 6);
  }
});

test('a stall sends the next ones elsewhere, more of them each time', () => {
  const pace = new SyncPace();
  const pauses: number[] = [];
  for (let round = 0; round < 9; round += 1) {
    pace.took(500);
    pauses.push(pauseOf(pace));
  }
  assert.deepEqual(pauses, [64, 128, 256, 512, 1024, 2048, 4096, 4096, 4096]);
});

test('good behaviour is rewarded', () => {
  const pace = new SyncPace();
  for (let round = 0; round < 4; round += 1) {
    pace.took(500);
    pauseOf(pace);
  }
  run(pace, 16 * 10, 0.1);
  pace.took(500);
  assert.equal(pauseOf(pace), 64);
});
