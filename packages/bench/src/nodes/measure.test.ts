import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Measure } from './measure.ts';

describe('a run that is gone on with', () => {
  /** Interrupted at 40 s, in a phase begun at 10 s. */
  function interrupted() {
    const measure = new Measure(1_000);
    measure.begin('register', 1_000);
    measure.end(11_000, 'done', undefined);
    measure.begin('saturate', 11_000);
    measure.point('pods', 'made', 41_000, 7);
    return measure.sections(41_000);
  }

  it('never goes back in time', () => {
    const again = new Measure(500_000, interrupted());
    again.start(600_000);
    again.point('pods', 'made', 601_000, 8);
    assert.deepEqual(again.lines('pods'), [
      {
        name: 'made',
        points: [
          [40, 7],
          [41, 8],
        ],
      },
    ]);
  });

  it('counts the time its phase lasted before', () => {
    const again = new Measure(600_000, interrupted());
    again.begin('saturate', 600_000);
    assert.equal(again.phaseSeconds(605_000), 35);
    assert.equal(again.notes.length, 1);
    again.end(605_000, 'done', undefined);
    assert.deepEqual(again.sections(605_000).phases.at(-1), {
      ...{ name: 'saturate', fromS: 10, toS: 45, note: 'done' },
    });
    again.begin('rest', 606_000);
    assert.equal(again.phaseSeconds(607_000), 1);
    assert.equal(again.notes.length, 1);
  });

  it('does not take a finished phase for one under way', () => {
    const measure = new Measure(0);
    measure.begin('register', 0);
    measure.end(5_000, 'done', undefined);
    assert.equal(measure.sections(6_000).began, undefined);
  });
});
