import assert from 'node:assert/strict';
import { it } from 'node:test';
import { widthOf } from './gate.ts';

it('a list takes a seat for each hundred objects it looks at', () => {
  const seats = (query: string, count: number | undefined = 950): number =>
    widthOf(count, new URLSearchParams(query));
  assert.equal(widthOf(undefined, undefined), 1);
  assert.deepEqual([seats(''), seats('', 0), seats('', 101)], [10, 1, 2]);
  assert.equal(seats('limit=500'), 5);
  assert.equal(seats('limit=500&labelSelector=a=b'), 10, 'all are looked at for a selector');
  assert.equal(seats('limit=500&resourceVersion=0'), 10, 'the limit does not count for any state');
  assert.equal(seats('limit=500&resourceVersion=7'), 5);
});
