import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@kubets/platform';
import { messageType, type RangeResponse } from '../codec/index.ts';
import { LIMITS } from '../limits.ts';
import { StoredVersion, type Version } from '../mvcc/index.ts';
import { giveFrameBuffer } from './frame-buffers.ts';
import { RangeAnswer } from './range-answer.ts';

const RESPONSE = messageType<RangeResponse>('etcdserverpb.RangeResponse');
const header = { clusterId: 1n << 63n, memberId: 7n, revision: 123_456, raftTerm: 3n };

/** Sends it as the door does. @returns all of it, and how much there was at a time */
function sent(answer: RangeAnswer): { bytes: Buffer; largest: number } {
  const copies: Buffer[] = [];
  for (const chunk of answer.chunks()) {
    copies.push(Buffer.from(chunk));
    giveFrameBuffer(chunk);
  }
  return { bytes: Buffer.concat(copies), largest: Math.max(...copies.map((one) => one.length)) };
}

function versions(random: ReturnType<typeof seededRandom>, valueBytes: () => number): Version[] {
  const big = (): number => Math.floor(random.next() * 2 ** random.int(53));
  return Array.from({ length: 300 }, () => {
    const fields = {
      name: Buffer.from(Array.from({ length: random.int(200) }, () => random.int(256))).toString(
        'latin1',
      ),
      ...{ createRevision: big(), modRevision: big(), sub: random.int(3), version: 1 + big() },
      lease: random.int(3) === 0 ? BigInt(big()) << BigInt(random.int(11)) : 0n,
    };
    return new StoredVersion(fields, Buffer.alloc(valueBytes(), random.int(256)));
  });
}

test('it is what the codec makes of the same pairs', () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    const random = seededRandom(seed);
    const kvs = versions(random, () => random.int(seed === 5 ? 20_000 : 2_000));
    const whole = { header, kvs, more: seed % 2 === 0, count: seed === 1 ? 0 : 300 * seed };
    const answer = new RangeAnswer(whole);
    const { bytes } = sent(answer);
    assert.equal(bytes.length, answer.bytes);
    assert.deepEqual(bytes, RESPONSE.encode(whole));
  }
});

test('it is never there as a whole, and a large value has a buffer of its own', () => {
  const random = seededRandom(9);
  const kvs = versions(random, () => 100_000);
  assert.ok(sent(new RangeAnswer({ header, kvs, more: false, count: 300 })).largest <= 262_144);
  const large = versions(random, () => LIMITS.frameBufferBytes).slice(0, 3);
  const whole = { header, kvs: large, more: false, count: 3 };
  assert.deepEqual(sent(new RangeAnswer(whole)).bytes, RESPONSE.encode(whole));
});
