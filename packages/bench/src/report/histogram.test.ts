import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Histogram } from './histogram.ts';

const of = (...values: number[]): Histogram => {
  const made = new Histogram();
  for (const value of values) made.record(value);
  return made;
};

describe('Histogram', () => {
  it('gives quantiles within its error', () => {
    const histogram = of(...Array.from({ length: 1_000 }, (_, i) => i + 1));
    const { p50, p90, p99, max, mean, count } = histogram.summary();
    for (const [got, wanted] of [
      [p50, 500],
      [p90, 900],
      [p99, 990],
    ] as const) {
      assert.ok(Math.abs(got - wanted) / wanted < 0.025, `${got} for ${wanted}`);
    }
    assert.equal(max, 1_000);
    assert.equal(mean, 500.5);
    assert.equal(count, 1_000);
  });

  it('is the same merged from parts', () => {
    const whole = of(1, 2, 3, 400);
    const merged = of(1, 400);
    merged.merge(JSON.parse(JSON.stringify(of(2, 3).pack())));
    assert.deepEqual(merged.summary(), whole.summary());
  });

  it('never says more than the largest value, and 0 when empty', () => {
    assert.equal(of(7).summary().p99, 7);
    assert.equal(new Histogram().summary().p99, 0);
    assert.equal(of(0).summary().max, 0);
  });
});
