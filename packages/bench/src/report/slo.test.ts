import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { duration, sloLines } from './slo.ts';

const row = (indicator: string, p99: number, count = 1_000) => ({
  ...{ phase: 'churn', indicator, count, mean: 1, p50: 1, p90: 1, p99, max: p99 },
});

describe('sloLines', () => {
  it('judges writes, reads and lists by their own lines', () => {
    const lines = sloLines(
      [
        row('PUT leases resource', 900),
        row('GET nodes resource', 1_100),
        row('LIST pods cluster', 20_000),
      ],
      [],
    );
    assert.deepEqual(
      lines.map(({ met }) => met),
      [true, false, true],
    );
    assert.match(lines[1]?.measured ?? '', /1\.10 s \(GET nodes resource, churn\)/);
  });

  it('does not judge a percentile of a handful', () => {
    const [writes] = sloLines([row('POST pods resource', 9_000, 3)], []);
    assert.equal(writes?.met, true);
  });

  it('takes the start of pods from the phase of latency pods', () => {
    const { indicator: _unused, ...summary } = row('', 6_000);
    const stage = { ...summary, phase: 'latency', stage: 'create to run' };
    assert.equal(sloLines([], [stage]).at(-1)?.met, false);
  });
});

describe('duration', () => {
  for (const [ms, text] of [
    [0.25, '0.3 ms'],
    [12.4, '12 ms'],
    [1_234, '1.23 s'],
    [61_000, '61.0 s'],
  ] as const) {
    it(text, () => assert.equal(duration(ms), text));
  }
});
