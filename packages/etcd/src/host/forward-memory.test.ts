import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ForwardMemory } from './forward-memory.ts';

function counter(): { decide: () => string; count: number } {
  const made = {
    count: 0,
    decide: () => {
      made.count += 1;
      return `answer ${made.count}`;
    },
  };
  return made;
}

test('a repeated request gets the same answer', () => {
  const memory = new ForwardMemory();
  const one = counter();
  assert.equal(memory.once(1, 2n, 5, one.decide), 'answer 1');
  assert.equal(memory.once(1, 2n, 5, one.decide), 'answer 1');
  assert.equal(memory.once(1, 3n, 5, one.decide), 'answer 2', 'another sender');
  assert.equal(memory.once(1, 2n, 4, one.decide), 'answer 3', 'out of order');
});

test('a new term starts afresh', () => {
  const memory = new ForwardMemory();
  const one = counter();
  memory.once(1, 2n, 5, one.decide);
  assert.equal(memory.once(2, 2n, 5, one.decide), 'answer 2');
});

test('what was forgotten is not taken again', () => {
  const memory = new ForwardMemory();
  const one = counter();
  for (let id = 1; id <= 40_000; id += 1) memory.once(1, 2n, id, one.decide);
  assert.equal(memory.once(1, 2n, 1, one.decide), 'forgotten');
  assert.equal(memory.once(1, 2n, 40_000, one.decide), 'answer 40000');
  assert.equal(one.count, 40_000);
});
