/** HTTP/2 frames (RFC 9113, section 4): nine bytes of head, then the payload. */

/** What every client sends first (section 3.4). */
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

export const HEAD_BYTES = 9;

export const TYPE = {
  data: 0,
  headers: 1,
  priority: 2,
  resetStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const FLAG = { ack: 1, endStream: 1, endHeaders: 4, padded: 8, priority: 0x20 } as const;

export const SETTING = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

/** Error codes of the protocol that this side sends or looks at. */
export const CODE = {
  protocolError: 1,
  flowControlError: 3,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  enhanceYourCalm: 11,
} as const;

/** What a peer may send until settings say otherwise, which this side's never do. */
export const MAX_FRAME_BYTES = 16_384;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** The other side broke the rules; the connection cannot go on. */
export class Http2Error extends Error {
  override readonly name = 'Http2Error';
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** Writes the head of a frame into `target`. @returns where the payload begins */
export function writeHead(
  target: Buffer,
  at: number,
  head: Omit<Frame, 'payload'>,
  length: number,
) {
  target.writeUIntBE(length, at, 3);
  target[at + 3] = head.type;
  target[at + 4] = head.flags;
  target.writeUInt32BE(head.stream, at + 5);
  return at + HEAD_BYTES;
}

export function frameBytes(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + payload.length);
  payload.copy(bytes, writeHead(bytes, 0, { type, flags, stream }, payload.length));
  return bytes;
}

/** A frame whose payload is one number of 32 bits. */
export function numberFrame(type: number, stream: number, value: number): Buffer {
  const payload = Buffer.allocUnsafe(4);
  payload.writeUInt32BE(value);
  return frameBytes(type, 0, stream, payload);
}

/** @param settings pairs of a setting and its value */
export function settingsFrame(settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.allocUnsafe(settings.length * 6);
  for (const [i, [id, value]] of settings.entries()) {
    payload.writeUInt16BE(id, i * 6);
    payload.writeUInt32BE(value, i * 6 + 2);
  }
  return frameBytes(TYPE.settings, 0, 0, payload);
}

/** Cuts what a connection brings into frames. Payloads are views of what came, not copies. */
export class FrameCutter {
  #rest: Buffer | undefined;

  /** @throws Http2Error for a frame that is larger than agreed; whatever `take` throws */
  push(chunk: Buffer, take: (frame: Frame) => void): void {
    let bytes = chunk;
    while (this.#rest !== undefined) {
      const rest: Buffer = this.#rest;
      const need = sizeAt(rest, 0) - rest.length;
      if (bytes.length < need) {
        if (bytes.length > 0) this.#rest = Buffer.concat([rest, bytes]);
        return;
      }
      const joined = need > 0 ? Buffer.concat([rest, bytes.subarray(0, need)]) : rest;
      bytes = bytes.subarray(need);
      const isWhole = joined.length === sizeAt(joined, 0);
      this.#rest = isWhole ? undefined : joined;
      if (isWhole) take(frameAt(joined, 0, joined.length));
    }
    let at = 0;
    while (bytes.length - at >= HEAD_BYTES) {
      const size = sizeAt(bytes, at);
      if (bytes.length - at < size) break;
      take(frameAt(bytes, at, size));
      at += size;
    }
    if (at < bytes.length) this.#rest = bytes.subarray(at);
  }
}

/** Bytes of the frame that begins there; those of a head while no more is known. */
function sizeAt(bytes: Buffer, at: number): number {
  if (bytes.length - at < HEAD_BYTES) return HEAD_BYTES;
  const length = bytes.readUIntBE(at, 3);
  if (length > MAX_FRAME_BYTES) {
    throw new Http2Error(CODE.frameSizeError, `a frame of ${length} bytes, more than agreed`);
  }
  return HEAD_BYTES + length;
}

function frameAt(bytes: Buffer, at: number, size: number): Frame {
  return {
    type: bytes[at + 3] ?? 0,
    flags: bytes[at + 4] ?? 0,
    stream: bytes.readUInt32BE(at + 5) & 0x7fffffff,
    payload: bytes.subarray(at + HEAD_BYTES, at + size),
  };
}
