import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { skippedByRestore } from './restored-revision.ts';

const NOW_MS = Date.UTC(2026, 0, 1);
const HOUR_MS = 3_600_000;
/** What `kubets etcd recover` skips. */
const RECOVERED = 1_000_000_000;

describe('a restored store', () => {
  it('is ahead of one that was recovered several times', () => {
    assert.ok(skippedByRestore(NOW_MS) > 1_000 * RECOVERED);
  });

  it('is ahead of an earlier restoration of the same backup, and of what was written since', () => {
    const written = (HOUR_MS / 1_000) * 5_000;
    const earlier = skippedByRestore(NOW_MS - HOUR_MS) + written;
    assert.ok(skippedByRestore(NOW_MS) > earlier);
  });

  it('may be backed up and restored over and over', () => {
    assert.ok(100 * skippedByRestore(NOW_MS) < Number.MAX_SAFE_INTEGER);
  });
});
