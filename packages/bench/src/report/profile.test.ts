import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { topRows } from './profile.ts';

describe('topRows', () => {
  it('sums by function, leaves idle time out', () => {
    const node = (id: number, functionName: string, url = '') => ({
      id,
      callFrame: { functionName, url, lineNumber: 6 },
    });
    const rows = topRows(
      {
        nodes: [
          node(1, '(idle)'),
          node(2, 'f', 'file:///a/b/c/d.ts'),
          node(3, 'g'),
          node(4, 'f', 'file:///a/b/c/d.ts'),
        ],
        samples: [1, 2, 3, 4],
        timeDeltas: [9e6, 2e6, 1e6, 1e6],
      },
      5,
    );
    assert.deepEqual(rows, [
      { what: 'f b/c/d.ts:7', seconds: 3, share: 0.75 },
      { what: 'g', seconds: 1, share: 0.25 },
    ]);
  });
});
