/**
 * SPDY/3.1 framing, as far as container runtimes use it for exec, attach and port-forward.
 *
 * Two simplifications, both within the protocol. Headers we send go through zlib as *stored* blocks: a valid stream that needs no
 * compressor state and no dictionary. Headers we receive are skipped: replies to our streams carry none, and the runtime opens
 * no streams of its own.
 */

export const FLAG_FIN = 1;

const VERSION = 3;
const CONTROL_BIT = 0x8000_0000;
const FRAME_HEADER_BYTES = 8;
const MAX_STORED_BYTES = 0xffff;
// An empty stored block: tells the peer's decompressor to hand out what it has.
const SYNC_FLUSH = Buffer.from([0, 0, 0, 0xff, 0xff]);

const TYPE_SYN_STREAM = 1;
const TYPE_SYN_REPLY = 2;
const TYPE_RST_STREAM = 3;
const TYPE_PING = 6;
const TYPE_GOAWAY = 7;

/** What arrives. Frames of other kinds (settings, window updates, headers) change nothing for us and are not shown. */
export type Frame =
  | {
      readonly kind: 'data';
      readonly streamId: number;
      readonly fin: boolean;
      readonly data: Buffer;
    }
  | { readonly kind: 'reply'; readonly streamId: number; readonly fin: boolean }
  | { readonly kind: 'reset'; readonly streamId: number; readonly status: number }
  | { readonly kind: 'ping'; readonly id: number }
  | { readonly kind: 'goaway' };

/** The peer broke the protocol. */
export class SpdyError extends Error {
  override readonly name = 'SpdyError';
}

/** Numbers and texts of a header block: count, then length-prefixed names and values. */
function headerBlock(headers: Readonly<Record<string, string>>): Buffer {
  const parts: Buffer[] = [];
  const pushText = (text: string): void => {
    const bytes = Buffer.from(text, 'utf8');
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    parts.push(length, bytes);
  };
  const entries = Object.entries(headers);
  const count = Buffer.alloc(4);
  count.writeUInt32BE(entries.length);
  parts.push(count);
  for (const [name, value] of entries) {
    pushText(name.toLowerCase());
    pushText(value);
  }
  return Buffer.concat(parts);
}

function storedBlock(data: Buffer): Buffer {
  if (data.length > MAX_STORED_BYTES) throw new SpdyError('headers too large');
  const head = Buffer.alloc(5);
  head.writeUInt8(0, 0); // not the last block, stored
  head.writeUInt16LE(data.length, 1);
  head.writeUInt16LE(data.length ^ 0xffff, 3);
  return Buffer.concat([head, data, SYNC_FLUSH]);
}

function controlFrame(type: number, flags: number, payload: Buffer): Buffer {
  const frame = Buffer.alloc(FRAME_HEADER_BYTES + payload.length);
  frame.writeUInt32BE((CONTROL_BIT | (VERSION << 16) | type) >>> 0, 0);
  frame.writeUInt32BE(((flags << 24) | payload.length) >>> 0, 4);
  payload.copy(frame, FRAME_HEADER_BYTES);
  return frame;
}

/** Encodes what one side sends. Holds the zlib stream's only state: whether its two-byte header went out. */
export class FrameWriter {
  #zlibStarted = false;

  /** Opens a stream. Ids of the side that connects are odd and grow. */
  synStream(streamId: number, headers: Readonly<Record<string, string>>): Buffer {
    const fixed = Buffer.alloc(10);
    fixed.writeUInt32BE(streamId, 0);
    // The zlib header: deflate with a 32 KiB window, no preset dictionary.
    const start = this.#zlibStarted ? [] : [Buffer.from([0x78, 0x01])];
    this.#zlibStarted = true;
    const block = storedBlock(headerBlock(headers));
    return controlFrame(TYPE_SYN_STREAM, 0, Buffer.concat([fixed, ...start, block]));
  }

  data(streamId: number, data: Buffer, fin: boolean): Buffer {
    const head = Buffer.alloc(FRAME_HEADER_BYTES);
    head.writeUInt32BE(streamId, 0);
    head.writeUInt32BE((((fin ? FLAG_FIN : 0) << 24) | data.length) >>> 0, 4);
    return Buffer.concat([head, data]);
  }

  ping(id: number): Buffer {
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(id);
    return controlFrame(TYPE_PING, 0, payload);
  }

  reset(streamId: number, status: number): Buffer {
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(streamId, 0);
    payload.writeUInt32BE(status, 4);
    return controlFrame(TYPE_RST_STREAM, 0, payload);
  }
}

function controlOf(type: number, flags: number, payload: Buffer): Frame | undefined {
  const word = (offset: number): number => {
    if (payload.length < offset + 4) throw new SpdyError(`frame of type ${type} is too short`);
    return payload.readUInt32BE(offset);
  };
  const fin = (flags & FLAG_FIN) !== 0;
  if (type === TYPE_SYN_REPLY) return { kind: 'reply', streamId: word(0) & 0x7fff_ffff, fin };
  if (type === TYPE_RST_STREAM) {
    return { kind: 'reset', streamId: word(0) & 0x7fff_ffff, status: word(4) };
  }
  if (type === TYPE_PING) return { kind: 'ping', id: word(0) };
  if (type === TYPE_GOAWAY) return { kind: 'goaway' };
  return undefined;
}

/** Cuts a byte stream into frames. Data is handed on as it comes in; only control frames wait to be complete. */
export class FrameReader {
  #pending: Buffer = Buffer.alloc(0);
  readonly #maxFrameBytes: number;

  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** @throws SpdyError when the peer breaks the protocol */
  push(chunk: Buffer): Frame[] {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const frames: Frame[] = [];
    for (;;) {
      const frame = this.#next();
      if (frame === 'incomplete') return frames;
      if (frame !== undefined) frames.push(frame);
    }
  }

  #next(): Frame | 'incomplete' | undefined {
    const bytes = this.#pending;
    if (bytes.length < FRAME_HEADER_BYTES) return 'incomplete';
    const first = bytes.readUInt32BE(0);
    const second = bytes.readUInt32BE(4);
    const length = second & 0x00ff_ffff;
    const flags = second >>> 24;
    if (length > this.#maxFrameBytes) throw new SpdyError(`frame of ${length} bytes`);
    const end = FRAME_HEADER_BYTES + length;
    if (bytes.length < end) return 'incomplete';
    const payload = bytes.subarray(FRAME_HEADER_BYTES, end);
    this.#pending = bytes.subarray(end);
    if ((first & CONTROL_BIT) === 0) {
      return { kind: 'data', streamId: first, fin: (flags & FLAG_FIN) !== 0, data: payload };
    }
    const version = (first >>> 16) & 0x7fff;
    if (version !== VERSION) throw new SpdyError(`SPDY version ${version}`);
    return controlOf(first & 0xffff, flags, payload);
  }
}
