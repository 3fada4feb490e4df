import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { seededRandom, silentLogger } from '@kubets/platform';
import { LIMITS } from '../limits.ts';
import { intervalOf, MvccStore, type ShelfSegment } from '../mvcc/index.ts';
import { FileShelf } from './runtime/file-shelf.ts';

const dir = mkdtempSync(join(tmpdir(), 'kubets-shelf-'));
after(() => rmSync(dir, { recursive: true, force: true }));

interface Placed {
  readonly segment: ShelfSegment;
  readonly at: number;
  readonly value: Buffer;
}

function fill(shelf: FileShelf, bytes: number): Placed[] {
  const random = seededRandom(7);
  const placed: Placed[] = [];
  for (let used = 0; used < bytes; ) {
    const value = Buffer.alloc(1 + random.int(9_000), random.int(256));
    const at = shelf.append(value);
    assert.ok(at >= 0);
    placed.push({ segment: shelf.segment, at, value });
    used += value.length;
  }
  return placed;
}

/** Until the disk has taken what it was given. */
async function settled(shelf: FileShelf): Promise<void> {
  while (shelf.busy) await nextTurn();
}

test('values come back, from memory and from the disk', async () => {
  const shelf = new FileShelf(dir, silentLogger);
  // Not more at once than may be on its way.
  const placed = fill(shelf, 8 * 1024 * 1024);
  await settled(shelf);
  placed.push(...fill(shelf, 10 * 1024 * 1024));
  await settled(shelf);
  assert.ok(new Set(placed.map(({ segment }) => segment)).size > 1);
  for (const { segment, at, value } of placed) {
    assert.deepEqual(segment.read(at, value.length), value);
  }
  // Nothing that could be left behind.
  assert.deepEqual(readdirSync(dir), []);
});

test('another place holds no value', async () => {
  const shelf = new FileShelf(dir, silentLogger);
  const [first] = fill(shelf, LIMITS.shelfChunkBytes * 3);
  await settled(shelf);
  assert.ok(first);
  const { segment, at, value } = first;
  assert.throws(() => segment.read(at + 16, value.length), /checksum/);
  assert.throws(() => segment.read(LIMITS.shelfSegmentBytes * 2, 100), /checksum/);
});

test('what is too large or too much for now is left to the caller', () => {
  const shelf = new FileShelf(dir, silentLogger);
  assert.equal(shelf.append(Buffer.alloc(LIMITS.shelfChunkBytes)), -1);
  let taken = 0;
  // Without a turn of the event loop nothing reaches the disk.
  while (shelf.append(Buffer.alloc(100_000)) >= 0) taken += 1;
  assert.ok(taken <= 3 * (LIMITS.shelfChunksWriting + 2), `${taken}`);
});

test('a store with a shelf answers as one without', async () => {
  const shelf = new FileShelf(dir, silentLogger);
  const stores = [new MvccStore(), new MvccStore(undefined, shelf)];
  const random = seededRandom(11);
  for (let n = 0; n < 3_000; n += 1) {
    const key = Buffer.from(`k${random.int(40)}`);
    const value = Buffer.alloc(random.int(4) === 0 ? 3_000 : random.int(300), random.int(256));
    const remove = random.int(6) === 0;
    for (const store of stores) {
      const txn = store.begin();
      if (remove) txn.deleteRange(intervalOf(key, Buffer.alloc(0)));
      else txn.put(key, value, 0n);
      store.end(txn);
    }
    if (n % 500 === 499) await settled(shelf);
  }
  for (const store of stores) store.compact(store.revision - 500);
  const shown = (store: MvccStore) => ({
    versions: [...store.allVersions()].map((v) => [
      v.name,
      v.modRevision,
      v.value.toString('latin1'),
    ]),
    changes: store
      .changesFrom(store.compactRevision, 1e9)
      .map(({ version, previous }) => [
        ...[version.modRevision, version.value.toString('latin1')],
        ...[previous?.modRevision, previous?.value.toString('latin1')],
      ]),
  });
  const [plain, shelved] = stores.map(shown);
  assert.deepEqual(shelved, plain);
});
