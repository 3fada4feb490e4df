import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  alignUp,
  decodeRecord,
  getNumber,
  putNumber,
  RecordBuffer,
  recordAt,
  type WalRecord,
} from './codec.ts';

function decodeAll(bytes: Buffer): WalRecord[] {
  const out: WalRecord[] = [];
  let at = 0;
  for (let span = recordAt(bytes, at); span !== undefined; span = recordAt(bytes, at)) {
    out.push(decodeRecord(bytes, span));
    at = span.next;
  }
  return out;
}

test('numbers up to 2^53 survive', () => {
  const buffer = Buffer.alloc(8);
  for (const value of [0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 7, Number.MAX_SAFE_INTEGER]) {
    putNumber(buffer, value, 0);
    assert.equal(getNumber(buffer, 0), value);
  }
});

test('every kind of record comes back as it was', () => {
  const buffer = new RecordBuffer(undefined, 16);
  const start = {
    version: 1,
    clusterId: 0xffffffffffffffffn,
    memberId: 1n,
    segment: 3,
    prev: { index: 2 ** 40, term: 9 },
    reset: true,
  };
  const state = { term: 2 ** 35, vote: 0x8000000000000000n, commit: 5 };
  const normal = { index: 1, term: 2, kind: 'normal', data: Buffer.from('abc') } as const;
  const empty = { index: 2, term: 2, kind: 'conf', data: Buffer.alloc(0) } as const;
  const conf = { index: 7, data: Buffer.from('{}') };
  const pending = { point: { index: 8, term: 1 }, data: Buffer.from('m') };
  buffer.addSegmentStart(start);
  buffer.addHardState(state);
  buffer.addEntry(normal);
  buffer.addEntry(empty);
  buffer.addConf(conf);
  buffer.addSnapshotPending(pending);
  assert.deepEqual(decodeAll(buffer.seal(4)), [
    { type: 'segmentStart', start },
    { type: 'hardState', state },
    { type: 'entry', entry: normal },
    { type: 'entry', entry: empty },
    { type: 'conf', conf },
    { type: 'snapshotPending', pending },
  ]);
});

test('records are aligned and know their batch and its end', () => {
  const buffer = new RecordBuffer();
  for (let size = 0; size < 20; size += 1) {
    buffer.addEntry({ index: size + 1, term: 1, kind: 'normal', data: Buffer.alloc(size, 1) });
  }
  const bytes = buffer.seal(77);
  let at = 0;
  for (let size = 0; size < 20; size += 1) {
    const span = recordAt(bytes, at);
    assert.ok(span !== undefined);
    assert.deepEqual([span.batch, span.endOfBatch, at % 8], [77, size === 19, 0]);
    at = span.next;
  }
  assert.equal(at, bytes.length);
  assert.equal(alignUp(9), 16);
});

test('any changed bit is noticed', () => {
  const buffer = new RecordBuffer();
  buffer.addEntry({ index: 1, term: 1, kind: 'normal', data: Buffer.from('payload!') });
  const bytes = Buffer.from(buffer.seal(1));
  const used = 16 + 17 + 8;
  for (let bit = 0; bit < used * 8; bit += 1) {
    const at = bit >> 3;
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7));
    assert.equal(recordAt(bytes, 0), undefined, `bit ${bit}`);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7));
  }
  assert.ok(recordAt(bytes, 0));
});

test('a buffer is used again without traces of the batch before', () => {
  const buffer = new RecordBuffer();
  buffer.addEntry({ index: 1, term: 1, kind: 'normal', data: Buffer.alloc(30, 0xff) });
  buffer.seal(1);
  buffer.clear();
  buffer.addEntry({ index: 2, term: 1, kind: 'normal', data: Buffer.from('x') });
  const again = Buffer.from(buffer.seal(2));
  const clean = new RecordBuffer();
  clean.addEntry({ index: 2, term: 1, kind: 'normal', data: Buffer.from('x') });
  assert.deepEqual(again, Buffer.from(clean.seal(2)));
});
