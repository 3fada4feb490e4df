import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@kubets/platform';
import { CodecError } from '../codec/index.ts';
import { StorageError } from '../errors.ts';
import { StoredVersion, type Version } from '../mvcc/index.ts';
import { readVersion } from './read-version.ts';
import { STORED, storedRevision, versionOf } from './records.ts';

function same(a: Version, b: Version): void {
  assert.deepEqual({ ...a, value: a.value }, { ...b, value: b.value });
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
    same(readVersion(record), version);
    same(readVersion(record), versionOf(STORED.revision.decode(record)));
  }
});

test('fields in another order, and such as it does not know, are left to the codec', () => {
  const kv = { key: Buffer.from('k'), modRevision: 7, createRevision: 7, version: 1 };
  const parts = [
    STORED.revision.encode({ sub: 3 }),
    STORED.revision.encode({ kv }),
    Buffer.of(0x78, 1),
  ];
  const read = readVersion(Buffer.concat(parts));
  assert.deepEqual([read.name, read.modRevision, read.sub], ['k', 7, 3]);
});

test('what is no version is refused', () => {
  const kv = { key: Buffer.from('k'), modRevision: 7, version: 1 };
  const good = STORED.revision.encode({ kv, sub: 1 });
  assert.throws(() => readVersion(good.subarray(0, 4)), CodecError);
  assert.throws(() => readVersion(Buffer.of(0x0a, 0x7f, 1)), CodecError);
  const valuePastItsMessage = Buffer.of(0x0a, 7, 0x0a, 1, 0x6b, 0x20, 1, 0x2a, 9, 0, 0);
  assert.throws(() => readVersion(valuePastItsMessage), CodecError);
  assert.throws(() => readVersion(STORED.revision.encode({ kv, tombstone: true })), StorageError);
  assert.throws(() => readVersion(Buffer.alloc(0)), StorageError);
});
