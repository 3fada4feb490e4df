import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@kubets/platform';
import { StorageError } from '../errors.ts';
import { Blocks, StoredVersion, type Version } from '../mvcc/index.ts';
import { readVersion } from './read-version.ts';
import { STORED, storedRevision, versionOf } from './records.ts';

const blocks = new Blocks();
/** As it lies on disk, behind its checksum. */
const read = (record: Buffer): Version =>
  readVersion(Buffer.concat([Buffer.alloc(4), record]), blocks);

function same(a: Version, b: Version): void {
  const plain = ({ name, createRevision, modRevision, sub, version, lease, value }: Version) => ({
    ...{ name, createRevision, modRevision, sub, version, lease, value },
  });
  assert.deepEqual(plain(a), plain(b));
}

test('it reads what is written, as the codec does', () => {
  const random = seededRandom(3);
  const number = (): number => Math.floor(random.next() * 2 ** random.int(54));
  for (let i = 0; i < 2_000; i++) {
    const name = Buffer.from(Array.from({ length: random.int(40) }, () => random.int(256)));
    const fields = {
      ...{ name: name.toString('latin1'), createRevision: number(), modRevision: number() },
      ...{ sub: random.int(300), version: random.int(4) === 0 ? 0 : number() + 1 },
      lease: random.int(2) === 0 ? 0n : BigInt.asIntN(64, BigInt(number()) << 11n),
    };
    const version = new StoredVersion(fields, Buffer.alloc(random.int(3_000), i));
    const record = STORED.revision.encode(storedRevision(version));
    same(read(record), version);
    same(read(record), versionOf(STORED.revision.decode(record)));
  }
});

test('fields in another order, and such as it does not know, are left to the codec', () => {
  const kv = { key: Buffer.from('k'), modRevision: 7, createRevision: 7, version: 1 };
  const parts = [
    STORED.revision.encode({ sub: 3 }),
    STORED.revision.encode({ kv }),
    Buffer.of(0x78, 1),
  ];
  const { name, modRevision, sub } = read(Buffer.concat(parts));
  assert.deepEqual([name, modRevision, sub], ['k', 7, 3]);
});

test('what is no version is refused', () => {
  const kv = { key: Buffer.from('k'), modRevision: 7, version: 1 };
  const good = STORED.revision.encode({ kv, sub: 1 });
  assert.throws(() => read(good.subarray(0, 4)), StorageError);
  assert.throws(() => read(Buffer.of(0x0a, 0x7f, 1)), StorageError);
  const valuePastItsMessage = Buffer.of(0x0a, 7, 0x0a, 1, 0x6b, 0x20, 1, 0x2a, 9, 0, 0);
  assert.throws(() => read(valuePastItsMessage), StorageError);
  assert.throws(() => read(STORED.revision.encode({ kv, tombstone: true })), StorageError);
  assert.throws(() => read(Buffer.alloc(0)), StorageError);
});
