import assert from 'node:assert/strict';
import { test } from 'node:test';
import { median, quantile, slopeOf } from './stats.ts';

test('the median is the middle, or between the two in the middle', () => {
  assert.equal(median([5]), 5);
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([4, 1, 2, 9]), 3);
  assert.equal(median([]), Number.NaN);
});

test('a quantile is one of the values', () => {
  const values = Array.from({ length: 100 }, (_, i) => 100 - i);
  assert.equal(quantile(values, 0), 1);
  assert.equal(quantile(values, 0.99), 100);
  assert.equal(quantile(values, 1), 100);
  assert.equal(quantile([], 0.5), Number.NaN);
});

test('the values stay in their order', () => {
  const values = [3, 1, 2];
  median(values);
  quantile(values, 0.5);
  assert.deepEqual(values, [3, 1, 2]);
});

test('the slope of a line is its own, and noise around it does not matter', () => {
  assert.equal(slopeOf([]), 0);
  assert.equal(slopeOf([5]), 0);
  assert.equal(slopeOf([1, 3, 5, 7]), 2);
  assert.equal(slopeOf([4, 4, 4]), 0);
  assert.ok(Math.abs(slopeOf([0, 2, 1, 3, 2, 4, 3, 5]) - 0.5) < 0.2);
});
