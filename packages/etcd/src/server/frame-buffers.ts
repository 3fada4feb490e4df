/**
 * Buffers for frames that go to many watchers, used again once the connection has taken what is in them. Fresh memory costs more
 * than filling it: every page of it has to be brought in and, soon after, given back.
 */

import { LIMITS } from '../limits.ts';

const free: Buffer[] = [];

/** @returns a buffer of at least so many bytes; what is in it is of no meaning */
export function takeFrameBuffer(bytes: number): Buffer {
  if (bytes > LIMITS.frameBufferBytes) return Buffer.allocUnsafeSlow(bytes);
  return free.pop() ?? Buffer.allocUnsafeSlow(LIMITS.frameBufferBytes);
}

/** Nobody looks at the buffer any more. */
export function giveFrameBuffer(buffer: Buffer): void {
  const usual = buffer.buffer.byteLength === LIMITS.frameBufferBytes;
  if (usual && free.length < LIMITS.frameBuffersKept) free.push(Buffer.from(buffer.buffer));
}
