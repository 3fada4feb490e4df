/**
 * The opening of an HTTP/2 connection in plain text, up to the headers of its first request (RFC 9113, section 3.4).
 *
 * Some clients' first header block has to be mended before the HTTP/2 library reads it ({@link mendAuthority}), and such clients send
 * it only after they have seen the server's settings. So the settings are sent from here; the library then sends its own, which is
 * allowed at any time, and the client's acknowledgement of the first ones is taken out, since the library does not know of them.
 */

import {
  FLAG,
  frameBytes,
  HEAD_BYTES,
  MAX_FRAME_BYTES,
  PREFACE,
  TYPE,
} from '../client/http2/frame.ts';
import { mendAuthority } from './authority.ts';

const PRIORITY_BYTES = 5;
/** Where a frame's head has its stream. */
const STREAM_AT = 5;
const BEFORE_REQUESTS: ReadonlySet<number> = new Set([
  TYPE.priority,
  TYPE.settings,
  TYPE.windowUpdate,
]);

/** Collects what a client sends until its connection can be handed to the library. */
export class Opening {
  private bytes: Buffer = Buffer.alloc(0);
  private at = PREFACE.length;
  private isAcknowledged = false;
  private hasRequest = false;

  /** Bytes held. */
  get size(): number {
    return this.bytes.length;
  }

  /** Whether the client has acknowledged the settings it was sent. */
  get acknowledged(): boolean {
    return this.isAcknowledged;
  }

  /** @returns what to hand on, once the settings are acknowledged and the first request's headers are here */
  push(chunk: Buffer): Buffer | undefined {
    this.bytes = this.bytes.length === 0 ? chunk : Buffer.concat([this.bytes, chunk]);
    while (this.takeFrame());
    return this.isAcknowledged && this.hasRequest ? this.bytes : undefined;
  }

  /** Everything so far, for a connection on which no request comes. */
  rest(): Buffer {
    return this.bytes;
  }

  /** @returns whether a whole frame was there */
  private takeFrame(): boolean {
    const { bytes, at } = this;
    if (bytes.length < at + HEAD_BYTES) return false;
    const end = at + HEAD_BYTES + bytes.readUIntBE(at, 3);
    if (bytes.length < end) return false;
    const type = bytes[at + 3] ?? 0;
    const flags = bytes[at + 4] ?? 0;
    if (type === TYPE.settings && (flags & FLAG.ack) !== 0 && !this.isAcknowledged) {
      this.isAcknowledged = true;
      this.replace(at, end, Buffer.alloc(0));
    } else if (!this.hasRequest && !BEFORE_REQUESTS.has(type)) {
      this.hasRequest = true;
      this.replace(at, end, mendFrame(bytes.subarray(at, end), type, flags));
    } else {
      this.at = end;
    }
    return true;
  }

  private replace(from: number, to: number, frame: Buffer): void {
    this.at = from + frame.length;
    this.bytes = Buffer.concat([this.bytes.subarray(0, from), frame, this.bytes.subarray(to)]);
  }
}

/** RFC 9113, section 6.2. Header blocks that go on in further frames are left as they are. */
function mendFrame(frame: Buffer, type: number, flags: number): Buffer {
  if (type !== TYPE.headers || (flags & FLAG.endHeaders) === 0) return frame;
  const isPadded = (flags & FLAG.padded) !== 0;
  const from =
    HEAD_BYTES + (isPadded ? 1 : 0) + ((flags & FLAG.priority) === 0 ? 0 : PRIORITY_BYTES);
  const to = frame.length - (isPadded ? (frame[HEAD_BYTES] ?? 0) : 0);
  const block = frame.subarray(from, Math.max(from, to));
  const mended = mendAuthority(block);
  if (mended === block) return frame;
  const payload = Buffer.concat([frame.subarray(HEAD_BYTES, from), mended, frame.subarray(to)]);
  if (payload.length > MAX_FRAME_BYTES) return frame;
  return frameBytes(type, flags, frame.readUInt32BE(STREAM_AT), payload);
}
