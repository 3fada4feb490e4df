/** gRPC's message framing over an HTTP/2 stream's bytes: a flag byte, four bytes of length, the message. */

import { CODE, type EtcdError, statusError } from '../errors.ts';

export const FRAME_HEAD_BYTES = 5;

/** Fills in the head of an encoded message that was made with {@link FRAME_HEAD_BYTES} of room. */
export function sealFrame(frame: Buffer): Buffer {
  frame[0] = 0;
  frame.writeUInt32BE(frame.length - FRAME_HEAD_BYTES, 1);
  return frame;
}

/** The head of a message that is sent in pieces. */
export function frameHead(bytes: number): Buffer {
  const head = Buffer.alloc(FRAME_HEAD_BYTES);
  head.writeUInt32BE(bytes, 1);
  return head;
}

/** The message, if bytes are just one whole message; undefined where a {@link FrameReader} has to look closer. */
export function wholeMessage(bytes: Buffer, maxBytes: number): Buffer | undefined {
  if (bytes.length < FRAME_HEAD_BYTES || bytes[0] !== 0) return undefined;
  const length = bytes.readUInt32BE(1);
  const isWhole = length === bytes.length - FRAME_HEAD_BYTES && length <= maxBytes;
  return isWhole ? bytes.subarray(FRAME_HEAD_BYTES) : undefined;
}

/** Cuts incoming bytes into messages. */
export class FrameReader {
  private readonly maxBytes: number;
  private chunks: Buffer[] = [];
  private buffered = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** @returns the messages that are now complete @throws EtcdError for a message that cannot be taken */
  push(chunk: Buffer): Buffer[] {
    this.chunks.push(chunk);
    this.buffered += chunk.length;
    const out: Buffer[] = [];
    for (let message = this.next(); message !== undefined; message = this.next()) out.push(message);
    return out;
  }

  /** True when the stream ended within a message. */
  get partial(): boolean {
    return this.buffered > 0;
  }

  private next(): Buffer | undefined {
    if (this.buffered < FRAME_HEAD_BYTES) return undefined;
    const head = this.join(FRAME_HEAD_BYTES);
    if (head[0] !== 0) {
      throw statusError(CODE.unimplemented, 'compressed messages are not supported: use identity');
    }
    const length = head.readUInt32BE(1);
    if (length > this.maxBytes) throw tooLarge(length, this.maxBytes);
    if (this.buffered < FRAME_HEAD_BYTES + length) return undefined;
    const whole = this.join(FRAME_HEAD_BYTES + length);
    const rest = whole.subarray(FRAME_HEAD_BYTES + length);
    this.chunks = rest.length > 0 ? [rest] : [];
    this.buffered = rest.length;
    return whole.subarray(FRAME_HEAD_BYTES, FRAME_HEAD_BYTES + length);
  }

  /** Everything buffered as one Buffer, if its first chunk is shorter than `need`. */
  private join(need: number): Buffer {
    const first = this.chunks[0];
    if (first !== undefined && first.length >= need && this.chunks.length === 1) return first;
    if (first !== undefined && first.length >= need && need === FRAME_HEAD_BYTES) return first;
    const joined = Buffer.concat(this.chunks);
    this.chunks = [joined];
    return joined;
  }
}

function tooLarge(length: number, max: number): EtcdError {
  const what = `grpc: received message larger than max (${length} vs. ${max})`;
  return statusError(CODE.resourceExhausted, what);
}

/** Percent-encodes a status message as gRPC asks: everything but printable ASCII, and the percent sign. */
export function encodeStatusMessage(message: string): string {
  return encodeURIComponent(message).replace(
    /%(20|2[1-9A-F]|3[A-F]|40|5B|5D|5E|60|7B|7C|7D)/g,
    (c) => (c === '%25' ? c : decodeURIComponent(c)),
  );
}

/** A status message as it was before it was written into a header. */
export function decodeStatusMessage(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Not every server encodes it; then it is what it is.
    return text;
  }
}
