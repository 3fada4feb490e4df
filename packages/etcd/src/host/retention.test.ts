import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LogUse, releasable } from './retention.ts';

const limits = { snapshotCatchUpEntries: 100, maxLogBytes: 1000 };

test('entries go in steps, behind what slow followers and snapshots need', () => {
  const cases: [string, Partial<LogUse>, number | undefined][] = [
    ['nothing durable', { durable: 0 }, undefined],
    ['within what is kept', { durable: 100 }, undefined],
    ['not worth a step', { durable: 109 }, undefined],
    ['a step', { durable: 110 }, 10],
    ['many', { durable: 5000 }, 4900],
    ['from a later start', { durable: 5000, offset: { index: 4895, term: 1 } }, undefined],
    ['too much memory: all that is durable', { durable: 50, bytes: 2000 }, 50],
    ['a snapshot under way', { durable: 5000, held: 4000 }, 4000],
    ['even with too much memory', { durable: 5000, held: 4000, bytes: 2000 }, 4000],
    [
      'everything is gone already',
      { durable: 50, bytes: 2000, offset: { index: 50, term: 1 } },
      undefined,
    ],
  ];
  for (const [name, change, expected] of cases) {
    const use = { durable: 0, offset: { index: 0, term: 0 }, bytes: 0, held: undefined, ...change };
    assert.equal(releasable(use, limits), expected, name);
  }
});
