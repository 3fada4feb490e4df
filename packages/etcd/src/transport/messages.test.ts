import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { protoRoot } from '@kubets/platform';
import protobuf from 'protobufjs';
import { CodecError } from '../codec/index.ts';
import type { PeerMessage } from '../host/ports.ts';
import { FRAME_HEAD_BYTES, FrameReader } from '../server/frames.ts';
import { decodeMessages, encodeMessages } from './codec.ts';
import { MAX_FRAME_BYTES } from './limits.ts';
import { helloFrame, messagesFrame, readBatch } from './messages.ts';

/** The same definitions through protobufjs: the independent opinion. */
const reference = new protobuf.Root();
reference.resolvePath = (_origin, target) => join(protoRoot, target);
reference.loadSync('raft/raft.proto');
const BATCH = reference.lookupType('kubets.raft.v1.Batch');

const forward = (bytes: number): PeerMessage => ({
  type: 'forward',
  from: 1n,
  to: 2n,
  term: 3,
  requestId: 4,
  kind: 'normal',
  data: Buffer.alloc(bytes, 7),
});

/** Bytes of a message besides its data. */
const OWN = encodeMessages([forward(0)]).length;

test('messages become the bytes gRPC and protobuf ask for, at every length of the length', () => {
  for (const total of [OWN, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152]) {
    const messages = [forward(total - OWN)];
    const frame = messagesFrame(messages);
    const expected = BATCH.encode({ messages: encodeMessages(messages) }).finish();
    assert.equal(frame[0], 0);
    assert.equal(frame.readUInt32BE(1), expected.length);
    assert.ok(frame.subarray(FRAME_HEAD_BYTES).equals(expected), `${total} bytes`);
  }
});

test('what was sent is read, however it is cut', () => {
  const sent = [forward(0), forward(300), forward(70_000)];
  const hello = { version: 1, clusterId: 7n, from: 1n, to: 2n, peerUrls: ['http://a'] };
  const bytes = Buffer.concat([helloFrame(hello), ...sent.map((one) => messagesFrame([one]))]);
  for (const size of [1, 7, 1_000, 16_384, bytes.length]) {
    const reader = new FrameReader(MAX_FRAME_BYTES);
    const batches = [];
    for (let at = 0; at < bytes.length; at += size) {
      batches.push(...reader.push(bytes.subarray(at, at + size)).map(readBatch));
    }
    assert.deepEqual(batches[0]?.hello, hello);
    const got = batches.flatMap(({ messages }) => decodeMessages(messages ?? Buffer.alloc(0)));
    assert.deepEqual(got, sent, `in pieces of ${size}`);
  }
});

test('fields of later releases are skipped, and broken ones refused', () => {
  const later = Buffer.concat([Buffer.from([0x18, 5, 0x22, 2, 1, 1]), BATCH.encode({}).finish()]);
  assert.deepEqual(readBatch(later), {});
  assert.throws(() => readBatch(Buffer.from([0x12, 9, 1])), CodecError);
});
