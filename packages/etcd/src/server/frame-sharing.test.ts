import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LIMITS } from '../limits.ts';
import { takeFrameBuffer } from './frame-buffers.ts';
import { FrameSharing } from './frame-sharing.ts';
import { framesForEach } from './shared-frames.ts';

const message = (fill: string) => ({
  front: Buffer.from([0x0a, 0x00]),
  rest: Buffer.alloc(LIMITS.smallFramesBytes, fill),
});
const IDS = [0n, 1n, 2n];

describe('frames of several streams', () => {
  it('are made once for the same watchers of the same message', () => {
    const sharing = new FrameSharing();
    const one = message('a');
    const first = sharing.lend(one, IDS);
    const second = sharing.lend({ ...one }, [...IDS]);
    assert.equal(second.bytes, first.bytes);
    assert.deepEqual(first.bytes, framesForEach(one, IDS));
    const others = sharing.lend(one, [0n, 1n, 3n]);
    assert.deepEqual(others.bytes, framesForEach(one, [0n, 1n, 3n]));
    assert.notEqual(others.bytes, first.bytes);
    const another = sharing.lend(message('b'), IDS);
    assert.notEqual(another.bytes, first.bytes);
  });

  it('are given back when the last stream has written them, and the turn is over', async () => {
    const sharing = new FrameSharing();
    const one = message('a');
    const [first, second] = [sharing.lend(one, IDS), sharing.lend(one, IDS)];
    const expected = Buffer.from(first.bytes);
    const isFree = (): boolean => {
      const taken = takeFrameBuffer(LIMITS.frameBufferBytes);
      return taken.buffer === first.bytes.buffer;
    };
    first.done?.();
    await Promise.resolve();
    assert.equal(isFree(), false, 'the second stream still writes them');
    assert.deepEqual(second.bytes, expected);
    second.done?.();
    assert.equal(isFree(), true);
  });

  it('are not kept beyond the turn', async () => {
    const sharing = new FrameSharing();
    const one = message('a');
    const first = sharing.lend(one, IDS);
    await Promise.resolve();
    assert.notEqual(sharing.lend(one, IDS).bytes, first.bytes);
  });
});
