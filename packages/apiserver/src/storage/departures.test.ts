import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ManualClock } from '@kubets/platform';
import { Departures } from './departures.ts';

it('the first write leaves at once, those after it together', async () => {
  const clock = new ManualClock();
  const departures = new Departures(clock, 20);
  const gone: string[] = [];
  const write = async (name: string): Promise<void> => {
    const later = departures.next();
    if (later !== undefined) await later;
    gone.push(name);
  };
  const writes = [write('a'), write('b')];
  clock.advance(15);
  writes.push(write('c'));
  assert.deepEqual(gone, ['a']);
  clock.advance(5);
  await Promise.all(writes);
  assert.deepEqual(gone, ['a', 'b', 'c']);
  const next = write('d');
  assert.deepEqual(gone, ['a', 'b', 'c'], 'the time counts from the last departure');
  clock.advance(20);
  await next;
  clock.advance(20);
  void write('e');
  assert.deepEqual(gone.at(-1), 'e', 'after a quiet time at once again');
  assert.equal(clock.pendingTimers, 0);
});
