/**
 * Buffers for frames that go to many watchers, used again once the connection has taken what is in them. Fresh memory costs more
 * than filling it: every page of it has to be brought in and, soon after, given back.
 */

import { LIMITS } from '../limits.ts';

const free: Buffer[] = [];

/** @returns a buffer of at least so many bytes; what is in it is of no meaning. Small and huge ones are not from the store */
export function takeFrameBuffer(bytes: number): Buffer {
  if (bytes <= LIMITS.smallFramesBytes) return Buffer.allocUnsafe(bytes);
  if (bytes > LIMITS.frameBufferBytes) return Buffer.allocUnsafeSlow(bytes);
  return free.pop() ?? Buffer.allocUnsafeSlow(LIMITS.frameBufferBytes);
}

/** Whether the buffer should be given back. */
export function isFrameBuffer(buffer: Buffer): boolean {
  return buffer.buffer.byteLength === LIMITS.frameBufferBytes;
}

/** Nobody looks at the buffer any more. */
export function giveFrameBuffer(buffer: Buffer): void {
  if (isFrameBuffer(buffer) && free.length < LIMITS.frameBuffersKept)
    free.push(Buffer.from(buffer.buffer));
}
