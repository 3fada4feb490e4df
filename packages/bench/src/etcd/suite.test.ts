import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldsOf } from '../wire.ts';
import { KEY, put, putAll, range, rangeOf, VALUE, watchKey } from './requests.ts';
import { interleave } from './suite.ts';

test('the sides take turns', async () => {
  const order: string[] = [];
  const sides = [{ side: 'ours' }, { side: 'stock' }] as const;
  const result = await interleave(sides, 2, async ({ side }) => {
    order.push(side);
    return { value: order.length };
  });
  assert.deepEqual(order, ['ours', 'stock', 'ours', 'stock']);
  assert.deepEqual(result.ours, [{ value: 1 }, { value: 3 }]);
  assert.deepEqual(result.stock, [{ value: 2 }, { value: 4 }]);
});

const shape = (body: Buffer): [number, unknown][] =>
  [...fieldsOf(body.subarray(5))].map(({ id, value }) => [
    id,
    typeof value === 'number' ? value : value.toString('latin1'),
  ]);

test('requests have the fields of the API', () => {
  assert.deepEqual(shape(put().body), [
    [1, KEY],
    [2, VALUE.toString()],
  ]);
  assert.deepEqual(shape(range().body), [[1, KEY]]);
  assert.deepEqual(shape(range({ serializable: true }).body), [
    [1, KEY],
    [7, 1],
  ]);
  assert.deepEqual(shape(rangeOf('a', 'b', 7).body), [
    [1, 'a'],
    [2, 'b'],
    [3, 7],
  ]);
  assert.deepEqual(shape(rangeOf('a', 'b', 0).body).length, 2);
  assert.deepEqual(shape(putAll(['a', 'b']).body).length, 2);
  assert.deepEqual(shape(watchKey('a')), [[1, '\n\u0001a']]);
});
