import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Column } from './column.ts';

test('a column keeps what is put into it, however large', () => {
  const column = new Column(5);
  const numbers = [7, 0xffff, 0x10000, 0xffffffff, 0x100000000];
  for (const [at, number] of numbers.entries()) {
    column.set(at, number);
    assert.deepEqual(
      numbers.map((_, i) => column.get(i)),
      numbers.map((one, i) => (i <= at ? one : 0)),
    );
  }
  column.set(0, Number.MAX_SAFE_INTEGER);
  assert.equal(column.get(0), Number.MAX_SAFE_INTEGER);
  const jump = new Column(1);
  jump.set(0, 2 ** 40);
  assert.equal(jump.get(0), 2 ** 40);
});
