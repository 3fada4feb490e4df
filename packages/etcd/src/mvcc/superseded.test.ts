import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seededRandom } from '@kubets/platform';
import { StoredVersion } from './stored-version.ts';
import { NO_ROW, type Row, Superseded } from './superseded.ts';

const ROWS_IN_SEVERAL_CHUNKS = 20_000;

function version(i: number, fields: Partial<StoredVersion> = {}): StoredVersion {
  const { modRevision = i + 2, createRevision = 2, lease = 0n, version: count = i + 1 } = fields;
  const numbers = { createRevision, modRevision, sub: i % 3, version: count, lease };
  return new StoredVersion({ name: 'a', ...numbers }, Buffer.from(`value ${i >> 2}`));
}

const shown = (v: StoredVersion) => ({ ...v, value: v.value.toString() });

describe('superseded versions', () => {
  it('come back as they were, with wide numbers, leases and deletions among them', () => {
    const rows = new Superseded();
    const random = seededRandom(5);
    const versions = Array.from({ length: ROWS_IN_SEVERAL_CHUNKS }, (_, i) => {
      const lease = random.int(100) === 0 ? -BigInt(i) : 0n;
      const modRevision = random.int(50) === 0 ? 2 ** 45 + i : i;
      return version(i, { lease, modRevision, version: random.int(9) === 0 ? 0 : i });
    });
    let before: Row = NO_ROW;
    const added = versions.map((one) => {
      before = rows.add(one, before);
      return before;
    });
    for (const [i, row] of added.entries()) {
      const one = versions[i] as StoredVersion;
      assert.deepEqual(shown(rows.versionOf(row, 'a')), shown(one));
      assert.equal(rows.before(row), added[i - 1] ?? NO_ROW);
      const told = [rows.modOf(row), rows.subOf(row), rows.isTombstone(row)];
      assert.deepEqual(told, [one.modRevision, one.sub, one.tombstone]);
    }
  });

  it('take no more room than those that are kept, however many there were', () => {
    const rows = new Superseded();
    const kept: { row: Row; mod: number }[] = [];
    let highest = 0;
    for (let i = 0; i < 10 * ROWS_IN_SEVERAL_CHUNKS; i++) {
      const row = rows.add(version(i), NO_ROW);
      highest = Math.max(highest, row);
      kept.push({ row, mod: i + 2 });
      if (kept.length > ROWS_IN_SEVERAL_CHUNKS / 2) rows.drop(kept.shift()?.row ?? NO_ROW);
    }
    assert.ok(highest < ROWS_IN_SEVERAL_CHUNKS, `${highest}`);
    for (const { row, mod } of kept) assert.equal(rows.modOf(row), mod);
  });

  it('end where they are cut, and who has a chunk reads what was dropped', () => {
    const rows = new Superseded();
    const first = rows.add(version(0), NO_ROW);
    const second = rows.add(version(1), first);
    const chunk = rows.chunkOf(first);
    rows.cut(second);
    assert.equal(rows.before(second), NO_ROW);
    for (let i = 0; i < ROWS_IN_SEVERAL_CHUNKS; i++) rows.add(version(i), NO_ROW);
    rows.drop(first);
    rows.drop(second);
    for (let i = 0; i < ROWS_IN_SEVERAL_CHUNKS; i++) rows.add(version(i + 9), NO_ROW);
    assert.deepEqual(shown(chunk.versionOf(0, 'a')), shown(version(0)));
  });
});
