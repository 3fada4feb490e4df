import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PeerMessage } from '../host/ports.ts';
import { decodeMessages, encodeMessages, MalformedMessageError, messageBytes } from './codec.ts';

const ends = { from: 0xffffffffffffffffn, to: 1n };
const base = { ...ends, term: 2 ** 40 };
const point = { index: 2 ** 33, term: 7 };

const SAMPLES: PeerMessage[] = [
  { type: 'vote', ...base, pre: true, forced: false, last: point },
  { type: 'vote', ...base, pre: false, forced: true, last: { index: 0, term: 0 } },
  { type: 'voteResponse', ...base, pre: true, granted: false },
  { type: 'append', ...base, prev: point, commit: 3, entries: [] },
  {
    type: 'append',
    ...base,
    prev: point,
    commit: 2 ** 33,
    entries: [
      { index: 1, term: 1, kind: 'normal', data: Buffer.from('one') },
      { index: 2, term: 1, kind: 'conf', data: Buffer.alloc(0) },
      { index: 3, term: 2, kind: 'normal', data: Buffer.alloc(10_000, 7) },
    ],
  },
  { type: 'appendResponse', ...base, rejected: true, index: 9, hint: point },
  { type: 'heartbeat', ...base, commit: 1, readSeq: 99 },
  { type: 'heartbeatResponse', ...base, readSeq: 99 },
  { type: 'timeoutNow', ...base },
  { type: 'readIndex', ...base, context: Number.MAX_SAFE_INTEGER },
  { type: 'readIndexResponse', ...base, context: 1, index: 2 },
  { type: 'transfer', ...base, target: 3n },
  { type: 'snapshotOffer', ...base, point },
  { type: 'forward', ...base, requestId: 5, kind: 'normal', data: Buffer.from('data') },
  { type: 'forward', ...base, requestId: 6, kind: 'conf', data: Buffer.from('{}') },
  { type: 'forwardReply', ...base, requestId: 5, result: 'accepted' },
];

test('every message comes back as it was, alone and together', () => {
  for (const message of SAMPLES) {
    assert.deepEqual(decodeMessages(encodeMessages([message])), [message], message.type);
  }
  assert.deepEqual(decodeMessages(encodeMessages(SAMPLES)), SAMPLES);
  assert.deepEqual(decodeMessages(encodeMessages([])), []);
});

test('a frame cut anywhere is malformed or shorter, never something else', () => {
  const frame = encodeMessages(SAMPLES.slice(0, 6));
  for (let end = 0; end < Math.min(frame.length, 700); end += 1) {
    try {
      const got = decodeMessages(frame.subarray(0, end));
      assert.deepEqual(got, SAMPLES.slice(0, got.length), `${end}`);
    } catch (err) {
      assert.ok(err instanceof MalformedMessageError, `${end}`);
    }
  }
});

test('what is not a message is malformed', () => {
  const far = encodeMessages([{ type: 'timeoutNow', ...base }]);
  far.fill(0xff, 17);
  for (const frame of [Buffer.from([200]), Buffer.from([0, 1, 2]), far]) {
    assert.throws(() => decodeMessages(frame), MalformedMessageError);
  }
});

test('the estimate of a size is about right', () => {
  for (const message of SAMPLES) {
    const actual = encodeMessages([message]).length;
    const estimate = messageBytes(message);
    assert.ok(
      estimate <= actual + 200 && estimate >= actual * 0.5,
      `${message.type}: ${estimate}/${actual}`,
    );
  }
});
