import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seededRandom } from '@kubets/platform';
import { CODE, EtcdError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { giveFrameBuffer, isFrameBuffer, takeFrameBuffer } from './frame-buffers.ts';
import { encodeStatusMessage, FRAME_HEAD_BYTES, FrameReader, sealFrame } from './frames.ts';

function frame(message: Buffer): Buffer {
  return sealFrame(Buffer.concat([Buffer.alloc(FRAME_HEAD_BYTES), message]));
}

describe('frames', () => {
  it('come out as they went in, however the bytes are cut', () => {
    const random = seededRandom(1);
    const messages = Array.from({ length: 50 }, (_, i) => Buffer.alloc(random.int(300), i));
    const bytes = Buffer.concat(messages.map(frame));
    for (let round = 0; round < 20; round++) {
      const reader = new FrameReader(1000);
      const out: Buffer[] = [];
      for (let at = 0; at < bytes.length; ) {
        const size = 1 + random.int(round < 10 ? 20 : 2000);
        out.push(...reader.push(bytes.subarray(at, at + size)));
        at += size;
      }
      assert.deepEqual(out, messages);
      assert.equal(reader.partial, false);
    }
  });

  it('larger than allowed are refused by their length alone', () => {
    const head = frame(Buffer.alloc(1001)).subarray(0, FRAME_HEAD_BYTES);
    assert.throws(
      () => new FrameReader(1000).push(head),
      (e) => e instanceof EtcdError && e.code === CODE.resourceExhausted,
    );
  });

  it('that are compressed are refused', () => {
    const compressed = frame(Buffer.alloc(3));
    compressed[0] = 1;
    assert.throws(
      () => new FrameReader(1000).push(compressed),
      (e) => e instanceof EtcdError && e.code === CODE.unimplemented,
    );
  });

  it('cut in the middle are known to be partial', () => {
    const reader = new FrameReader(1000);
    reader.push(frame(Buffer.alloc(10)).subarray(0, 8));
    assert.equal(reader.partial, true);
  });
});

describe('status messages', () => {
  it('are percent-encoded where gRPC asks for it, and readable elsewhere', () => {
    assert.equal(
      encodeStatusMessage('etcdserver: key is not provided'),
      'etcdserver: key is not provided',
    );
    assert.equal(encodeStatusMessage('100% "so" ü\n'), '100%25 "so" %C3%BC%0A');
    const odd = 'a\u0001{}~ä€%41';
    assert.equal(decodeURIComponent(encodeStatusMessage(odd)), odd);
  });
});

describe('frame buffers', () => {
  it('are as small as few frames need, and kept only where they are large', () => {
    const small = takeFrameBuffer(100);
    assert.equal(small.length, 100);
    assert.ok(!isFrameBuffer(small));
    const large = takeFrameBuffer(LIMITS.smallFramesBytes + 1);
    assert.equal(large.length, LIMITS.frameBufferBytes);
    giveFrameBuffer(large.subarray(0, 10));
    assert.equal(takeFrameBuffer(LIMITS.frameBufferBytes).buffer, large.buffer);
    const huge = takeFrameBuffer(LIMITS.frameBufferBytes + 1);
    assert.ok(!isFrameBuffer(huge));
  });
});
