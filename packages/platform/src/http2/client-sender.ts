/**
 * What a connection sends: everything one turn of the event loop has to say is one write, and bodies wait until the other
 * side has room for them, in order.
 */

import type { Writable } from 'node:stream';
import {
  DEFAULT_WINDOW_BYTES,
  FLAG,
  frameBytes,
  HEAD_BYTES,
  MAX_FRAME_BYTES,
  TYPE,
  writeHead,
} from './frame.ts';

/** What is sent: the bytes of the body behind {@link roomFor} free ones. */
export interface Outgoing {
  /** A block of headers, see `writeBlock`. */
  readonly block: Buffer;
  readonly framed: Buffer;
  /** More of the body follows, for as long as the exchange runs. */
  readonly isOpen?: boolean;
}

/** The sending half of a stream. */
export interface SendingStream {
  readonly id: number;
  /** What the other side lets us send. */
  window: number;
  /** The part of the body that had to wait. */
  unsent: Buffer | undefined;
  /** More of the body may follow. */
  isOpen: boolean;
  /** To be called, in a turn of its own, once nothing waits. */
  onTaken?: (() => void) | undefined;
}

/** Free bytes that a body needs in front of it. */
export const roomFor = (block: Buffer): number => HEAD_BYTES + block.length + HEAD_BYTES;

export class Sender {
  readonly #socket: Writable;
  #out: Buffer[] = [];
  #isFlushing = false;
  /** Streams whose body waits for room, in order. */
  #blocked: SendingStream[] = [];
  /** Room for all streams together. */
  #window = DEFAULT_WINDOW_BYTES;
  maxFrameBytes = MAX_FRAME_BYTES;

  constructor(socket: Writable) {
    this.#socket = socket;
  }

  /** Sends bytes at the end of this turn. */
  send(bytes: Buffer): void {
    this.#out.push(bytes);
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    // Not at once: whatever else has come in this turn, over other connections too, may want to say something.
    setImmediate(this.flush);
  }

  /** Sends a request, its body as far as there is room. */
  request(stream: SendingStream, { block, framed }: Outgoing): void {
    const { id, window } = stream;
    const headers = { type: TYPE.headers, flags: FLAG.endHeaders, stream: id };
    const bodyAt = writeHead(framed, 0, headers, block.length) + block.length;
    block.copy(framed, HEAD_BYTES);
    const size = framed.length - bodyAt - HEAD_BYTES;
    const room = Math.min(this.maxFrameBytes, this.#window, window);
    if (size <= room && this.#blocked.length === 0) {
      writeHead(framed, bodyAt, { type: TYPE.data, flags: endFlag(stream), stream: id }, size);
      stream.window -= size;
      this.#window -= size;
      this.send(framed);
      return;
    }
    this.send(framed.subarray(0, bodyAt));
    stream.unsent = framed.subarray(bodyAt + HEAD_BYTES);
    this.#blocked.push(stream);
    this.sendBodies();
  }

  /** Sends more of a body that was left open. */
  more(stream: SendingStream, bytes: Buffer): void {
    if (stream.unsent === undefined) this.#blocked.push(stream);
    stream.unsent = stream.unsent === undefined ? bytes : Buffer.concat([stream.unsent, bytes]);
    this.sendBodies();
  }

  /** The body ends here, or behind what waits. */
  end(stream: SendingStream): void {
    if (!stream.isOpen) return;
    stream.isOpen = false;
    if (stream.unsent === undefined) {
      this.send(frameBytes(TYPE.data, FLAG.endStream, stream.id, Buffer.alloc(0)));
    }
  }

  /** The other side has room for more, over all streams. */
  widen(bytes: number): void {
    this.#window += bytes;
    this.sendBodies();
  }

  /** Sends what there is room for, oldest first. */
  sendBodies(): void {
    if (this.#blocked.length === 0) return;
    for (const stream of this.#blocked) {
      while (stream.unsent !== undefined) if (!this.#sendPiece(stream, stream.unsent)) break;
    }
    this.#blocked = this.#blocked.filter(({ unsent }) => unsent !== undefined);
  }

  /** Sends nothing more of a body. */
  drop(stream: SendingStream): void {
    if (stream.unsent === undefined) return;
    stream.unsent = undefined;
    this.#blocked = this.#blocked.filter((each) => each !== stream);
  }

  /** @returns false when there was no room */
  #sendPiece(stream: SendingStream, unsent: Buffer): boolean {
    const room = Math.min(this.maxFrameBytes, this.#window, stream.window);
    const size = Math.min(unsent.length, room);
    if (size <= 0 && unsent.length > 0) return false;
    const isLast = size === unsent.length;
    const flags = isLast ? endFlag(stream) : 0;
    this.send(frameBytes(TYPE.data, flags, stream.id, unsent.subarray(0, size)));
    stream.window -= size;
    this.#window -= size;
    stream.unsent = isLast ? undefined : unsent.subarray(size);
    if (isLast && stream.onTaken !== undefined) {
      queueMicrotask(stream.onTaken);
      stream.onTaken = undefined;
    }
    return true;
  }

  /** Sends now what would go out at the end of the turn. */
  readonly flush = (): void => {
    this.#isFlushing = false;
    const out = this.#out;
    this.#out = [];
    const [only] = out;
    if (only === undefined || this.#socket.destroyed) return;
    this.#socket.write(out.length === 1 ? only : Buffer.concat(out));
  };
}

const endFlag = ({ isOpen }: SendingStream): number => (isOpen ? 0 : FLAG.endStream);
