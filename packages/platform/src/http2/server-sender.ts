/**
 * What a server's connection sends. Everything one turn of the event loop has to say is one write. Bodies go as far as the
 * client has room (RFC 9113, section 5.2) and the socket takes it; what is left waits in its stream, and the streams take turns.
 */

import type { Writable } from 'node:stream';
import {
  DEFAULT_WINDOW_BYTES,
  FLAG,
  HEAD_BYTES,
  LARGEST_WINDOW,
  MAX_FRAME_BYTES,
  TYPE,
  writeHead,
} from './frame.ts';

/** A piece of a body. */
interface Piece {
  readonly bytes: Buffer;
  /** Called when the bytes are not needed any more. */
  readonly onTaken: (() => void) | undefined;
}

/** The sending half of a stream. */
export interface SendingHalf {
  readonly id: number;
  /** What the client lets us send on the stream; less than nothing after it has taken room back. */
  window: number;
  /** What had to wait, oldest first, and how many bytes that is. */
  queue: Piece[];
  queuedBytes: number;
  /** How it ends, once everything before it is sent: a block of trailers, or an empty one for none. */
  ending: Buffer | undefined;
  /** Something of it waits: for its turn, or `isStalled` for room on the stream itself. */
  isQueued: boolean;
  isStalled: boolean;
  /** All of it, its end included, was sent. */
  onSent(): void;
  /** Everything that had to wait was sent. */
  onDrained(): void;
}

/** Bytes on their way to the socket beyond which bodies wait. */
const SOCKET_BYTES = 1024 * 1024;
/** So much is written as one piece; of more, pieces from a size on are not copied. */
const JOINED_BYTES = 128 * 1024;
const COPIED_BYTES = 4 * 1024;
/** The largest frame of data, however large the client would have it: streams take turns frame by frame. */
const LARGEST_FRAME_BYTES = 65_536;
const NOTHING = Buffer.alloc(0);

export class ServerSender {
  readonly #socket: Writable;
  #out: Buffer[] = [];
  #outBytes = 0;
  #taken: (() => void)[] = [];
  #isFlushing = false;
  #isHurrying = false;
  #isFull = false;
  #isPumping = false;
  /** Streams with something that could be sent if there were room for all, in the order of their turns. */
  #waiting: SendingHalf[] = [];
  #window = DEFAULT_WINDOW_BYTES;
  #frameBytes = MAX_FRAME_BYTES;

  constructor(socket: Writable) {
    this.#socket = socket;
    socket.on('drain', () => {
      this.#isFull = false;
      this.sendWaiting();
    });
  }

  /** Bytes that the socket was not given yet. */
  get pendingBytes(): number {
    return this.#outBytes + this.#socket.writableLength;
  }

  /** As the client's settings have it. */
  set maxFrameBytes(bytes: number) {
    this.#frameBytes = Math.min(bytes, LARGEST_FRAME_BYTES);
  }

  /** Sends whole frames at the end of this turn. */
  send(bytes: Buffer): void {
    this.#out.push(bytes);
    this.#outBytes += bytes.length;
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    // Not at once: whatever else has come in this turn may want to say something, too.
    setImmediate(this.#flushLater);
  }

  /**
   * Sends when what runs now and all that follows from it is done: a complete answer, whose client waits for nothing else, does
   * not wait for what others have sent. Answers that become known together still leave together.
   */
  #hurry(): void {
    if (this.#isHurrying) return;
    this.#isHurrying = true;
    process.nextTick(this.#flushLater);
  }

  readonly #flushLater = (): void => {
    this.#isHurrying = false;
    this.flush();
  };

  /** Sends a header block, in several frames if it must be. */
  headers(id: number, block: Buffer, isEnd: boolean): void {
    const size = Math.min(block.length, this.#frameBytes);
    const end = isEnd ? FLAG.endStream : 0;
    const whole = size === block.length ? FLAG.endHeaders : 0;
    this.send(framed(TYPE.headers, end | whole, id, block.subarray(0, size)));
    for (let at = size; at < block.length; at += this.#frameBytes) {
      const piece = block.subarray(at, at + this.#frameBytes);
      const flags = at + piece.length === block.length ? FLAG.endHeaders : 0;
      this.send(framed(TYPE.continuation, flags, id, piece));
    }
    if (isEnd) this.#hurry();
  }

  /** Sends a piece of a body, or lets it wait. */
  data(half: SendingHalf, bytes: Buffer, onTaken?: () => void): void {
    if (half.isQueued || !this.#hasRoom(half, bytes.length)) {
      half.queue.push({ bytes, onTaken });
      half.queuedBytes += bytes.length;
      this.#wait(half);
      if (!half.isStalled) this.sendWaiting();
      return;
    }
    this.#frames(half, bytes, 0);
    if (onTaken !== undefined) this.#taken.push(onTaken);
  }

  /** Ends a stream after what waits. `trailers`: a header block. */
  end(half: SendingHalf, trailers: Buffer = NOTHING): void {
    half.ending = trailers;
    if (half.isQueued) return;
    this.#end(half);
  }

  /** Ends a stream with a last piece of its body: one frame less than {@link data} and {@link end}. */
  endWith(half: SendingHalf, bytes: Buffer): void {
    const fits = !half.isQueued && bytes.length > 0 && this.#hasRoom(half, bytes.length);
    if (!fits) {
      if (bytes.length > 0) this.data(half, bytes);
      this.end(half);
      return;
    }
    this.#frames(half, bytes, FLAG.endStream);
    half.onSent();
  }

  /** The client has room for more on all streams together. @returns false when that is more than can be */
  widen(bytes: number): boolean {
    this.#window += bytes;
    if (this.#window > LARGEST_WINDOW) return false;
    this.sendWaiting();
    return true;
  }

  /** The client has room for more on one stream. */
  wake(half: SendingHalf): void {
    if (!half.isStalled || half.window <= 0) return;
    half.isStalled = false;
    this.#waiting.push(half);
    this.sendWaiting();
  }

  /** Sends what there is room for, each stream a frame in turn. */
  sendWaiting(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      while (this.#waiting.length > 0 && this.#window > 0 && !this.#isCongested()) {
        const turn = this.#waiting;
        this.#waiting = [];
        for (const half of turn) this.#sendPiece(half);
      }
    } finally {
      // Whoever is told of room may throw; the other streams are not to wait for ever because of that.
      this.#isPumping = false;
    }
  }

  /** Sends nothing more of a stream. */
  drop(half: SendingHalf): void {
    for (const { onTaken } of half.queue) onTaken?.();
    half.queue = [];
    half.queuedBytes = 0;
    if (!half.isQueued) return;
    half.isQueued = false;
    if (half.isStalled) half.isStalled = false;
    else this.#waiting = this.#waiting.filter((each) => each !== half);
  }

  /** Writes what is there now, not at the end of the turn. */
  flush(): void {
    if (this.#isFlushing) this.#flush();
  }

  /** The connection is gone: nobody needs the bytes. */
  abandon(): void {
    this.#out = [];
    this.#outBytes = 0;
    this.#giveBack();
  }

  #isCongested(): boolean {
    return this.#isFull || this.#outBytes > SOCKET_BYTES;
  }

  #hasRoom({ window }: SendingHalf, bytes: number): boolean {
    return bytes <= window && bytes <= this.#window && !this.#isCongested();
  }

  #wait(half: SendingHalf): void {
    if (half.isQueued) return;
    half.isQueued = true;
    half.isStalled = half.window <= 0;
    if (!half.isStalled) this.#waiting.push(half);
  }

  /** Writes a piece that there is room for as frames. */
  #frames(half: SendingHalf, bytes: Buffer, endFlag: number): void {
    half.window -= bytes.length;
    this.#window -= bytes.length;
    const max = this.#frameBytes;
    if (bytes.length <= max) {
      this.#frame(half.id, bytes, endFlag);
      return;
    }
    for (let at = 0; at < bytes.length; at += max) {
      const isLast = at + max >= bytes.length;
      this.#frame(half.id, bytes.subarray(at, at + max), isLast ? endFlag : 0);
    }
  }

  #frame(id: number, bytes: Buffer, flags: number): void {
    const head = Buffer.allocUnsafe(HEAD_BYTES);
    writeHead(head, 0, { type: TYPE.data, flags, stream: id }, bytes.length);
    this.send(head);
    if (bytes.length > 0) this.send(bytes);
    if ((flags & FLAG.endStream) !== 0) this.#hurry();
  }

  #end(half: SendingHalf): void {
    const trailers = half.ending ?? NOTHING;
    if (trailers.length > 0) this.headers(half.id, trailers, true);
    else this.#frame(half.id, trailers, FLAG.endStream);
    half.onSent();
  }

  /** One frame of a stream that waits, if there is room. */
  #sendPiece(half: SendingHalf): void {
    // Dropped by somebody who was told of another.
    if (!half.isQueued) return;
    const [piece] = half.queue;
    if (piece !== undefined) {
      const isBlocked = this.#window <= 0 || this.#isCongested();
      const size = Math.min(piece.bytes.length, this.#frameBytes, half.window, this.#window);
      if (!isBlocked && size > 0) this.#sendPart(half, piece, size);
      half.isStalled = half.queue.length > 0 && half.window <= 0;
      if (half.isStalled) return;
    }
    if (half.queue.length > 0) {
      this.#waiting.push(half);
      return;
    }
    half.isQueued = false;
    if (half.ending === undefined) half.onDrained();
    else this.#end(half);
  }

  #sendPart(half: SendingHalf, { bytes, onTaken }: Piece, size: number): void {
    this.#frames(half, size === bytes.length ? bytes : bytes.subarray(0, size), 0);
    half.queuedBytes -= size;
    if (size < bytes.length) {
      half.queue[0] = { bytes: bytes.subarray(size), onTaken };
      return;
    }
    half.queue.shift();
    if (onTaken !== undefined) this.#taken.push(onTaken);
  }

  #flush(): void {
    this.#isFlushing = false;
    const out = this.#out;
    const bytes = this.#outBytes;
    this.#out = [];
    this.#outBytes = 0;
    if (this.#socket.destroyed) {
      this.#giveBack();
      return;
    }
    const taken = this.#taken;
    this.#taken = [];
    const onWritten = taken.length === 0 ? undefined : () => call(taken);
    this.#write(out, bytes, onWritten);
    const { writableNeedDrain, writableLength } = this.#socket;
    this.#isFull = writableNeedDrain && writableLength > SOCKET_BYTES / 2;
    this.sendWaiting();
  }

  /** Much at once is not copied into one buffer but handed over in pieces, small ones joined. */
  #write(out: readonly Buffer[], bytes: number, onWritten: (() => void) | undefined): void {
    const socket = this.#socket;
    if (bytes <= JOINED_BYTES) {
      socket.write(
        out.length === 1 && out[0] !== undefined ? out[0] : Buffer.concat(out, bytes),
        onWritten,
      );
      return;
    }
    const pieces = joinSmall(out);
    socket.cork();
    for (const piece of pieces.slice(0, -1)) socket.write(piece);
    socket.write(pieces.at(-1) ?? NOTHING, onWritten);
    socket.uncork();
  }

  #giveBack(): void {
    const taken = this.#taken;
    this.#taken = [];
    call(taken);
  }
}

/** The same bytes in fewer pieces. */
function joinSmall(out: readonly Buffer[]): readonly Buffer[] {
  const pieces: Buffer[] = [];
  let small: Buffer[] = [];
  const join = (): void => {
    if (small.length > 0) pieces.push(Buffer.concat(small));
    small = [];
  };
  for (const piece of out) {
    if (piece.length < COPIED_BYTES) {
      small.push(piece);
      continue;
    }
    join();
    pieces.push(piece);
  }
  join();
  return pieces;
}

function call(all: readonly (() => void)[]): void {
  for (const each of all) each();
}

function framed(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + payload.length);
  payload.copy(bytes, writeHead(bytes, 0, { type, flags, stream }, payload.length));
  return bytes;
}
