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
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  enhanceYourCalm: 11,
} as const;

/** What either side may send ahead until settings say otherwise (section 6.9.2), and the most that can ever be allowed. */
export const DEFAULT_WINDOW_BYTES = 65_535;
export const LARGEST_WINDOW = 0x7fffffff;

export const PING_BYTES = 8;
const SETTING_BYTES = 6;
const PRIORITY_BYTES = 5;

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
  const payload = Buffer.allocUnsafe(settings.length * SETTING_BYTES);
  for (const [i, [id, value]] of settings.entries()) {
    payload.writeUInt16BE(id, i * SETTING_BYTES);
    payload.writeUInt32BE(value, i * SETTING_BYTES + 2);
  }
  return frameBytes(TYPE.settings, 0, 0, payload);
}

/** Calls back with each setting of a frame. @throws Http2Error when the last is cut off */
export function readSettings({ payload }: Frame, take: (id: number, value: number) => void): void {
  if (payload.length % SETTING_BYTES !== 0) {
    throw new Http2Error(CODE.frameSizeError, 'settings are cut off');
  }
  for (let at = 0; at < payload.length; at += SETTING_BYTES) {
    take(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
  }
}

/** The last words of a connection: the newest stream that was looked at, and why it ends. */
export function goAwayFrame(lastStream: number, code: number): Buffer {
  const payload = Buffer.alloc(8);
  payload.writeUInt32BE(lastStream, 0);
  payload.writeUInt32BE(code, 4);
  return frameBytes(TYPE.goAway, 0, 0, payload);
}

/** The payload of a frame of data without its padding. @throws Http2Error */
export function dataOf(frame: Frame): Buffer {
  return withoutPadding(frame, 0);
}

/** The piece of a header block in a frame of headers. @throws Http2Error */
export function blockOf(frame: Frame): Buffer {
  return withoutPadding(frame, (frame.flags & FLAG.priority) === 0 ? 0 : PRIORITY_BYTES);
}

/** The payload without its padding, and without the first bytes after the padding's length. */
function withoutPadding({ flags, payload }: Frame, skipped: number): Buffer {
  const isPadded = (flags & FLAG.padded) !== 0;
  if (!isPadded && skipped === 0) return payload;
  const from = (isPadded ? 1 : 0) + skipped;
  const end = payload.length - (isPadded ? (payload[0] ?? 0) : 0);
  if (end < from) throw new Http2Error(CODE.protocolError, 'more padding than bytes');
  return payload.subarray(from, end);
}

/** The number a payload begins with. @throws Http2Error */
export function numberIn({ payload }: Frame): number {
  if (payload.length < 4) throw new Http2Error(CODE.frameSizeError, 'a frame is cut off');
  return payload.readUInt32BE(0);
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
