/**
 * The server's side of one HTTP/2 connection (RFC 9113): what a general library does in a stream with two sides, some twenty
 * events and as many crossings into C++ for each request, in one object and two writes. Extensions (server push, priorities)
 * are not spoken; the rules of the protocol are kept, as clients of all kinds come here.
 */

import type { Duplex } from 'node:stream';
import {
  blockOf,
  CODE,
  DEFAULT_WINDOW_BYTES,
  dataOf,
  FLAG,
  type Frame,
  FrameCutter,
  frameBytes,
  goAwayFrame,
  HEAD_BYTES,
  Http2Error,
  LARGEST_WINDOW,
  MAX_FRAME_BYTES,
  numberFrame,
  numberIn,
  PING_BYTES,
  PREFACE,
  readSettings,
  SETTING,
  settingsFrame,
  TYPE,
} from './frame.ts';
import { HeaderTable } from './header-table.ts';
import { HpackError, writeFields } from './hpack.ts';
import { HeadBuilder } from './request-head.ts';
import { ServerSender } from './server-sender.ts';
import { ServerStream, type StreamHost } from './server-stream.ts';

export interface ServerEvents {
  /** A request has begun: its head is here, its body may be still to come. */
  onRequest(stream: ServerStream): void;
  /** After each stream was told. */
  onClosed(why: string): void;
}

export interface ServerLimits {
  /** Requests under way. */
  readonly streams: number;
  /** What a client may send ahead of what is taken, on a stream and on all together. */
  readonly streamWindowBytes: number;
  readonly connectionWindowBytes: number;
  /** All fields of one request. */
  readonly headerBytes: number;
  /** Requests a client may give up: at once, and a second. */
  readonly resetBurst: number;
  readonly resetsPerSecond: number;
}

/** The time is asked for only when a client gives requests up. */
export interface MonotonicClock {
  monotonicMs(): number;
}

const LARGEST_FRAME_BYTES = 0xffffff;
/** Bytes a client does not take, beyond which nothing more is read from it. */
const UNTAKEN_BYTES = 4 * 1024 * 1024;
/** What a head may have in bytes that its fields do not count, in pieces. */
const BLOCK_SLACK_BYTES = 16_384;
const TOO_LARGE = writeFields([
  [':status', '431'],
  ['content-length', '0'],
]);

interface Block {
  readonly stream: number;
  readonly flags: number;
  readonly parts: Buffer[];
  size: number;
}

export class ServerConnection implements StreamHost {
  readonly socket: Duplex;
  readonly sender: ServerSender;
  /** Resolves when the connection is over. */
  readonly whenClosed: Promise<void>;
  readonly #closed = Promise.withResolvers<void>();
  readonly #events: ServerEvents;
  readonly #limits: ServerLimits;
  readonly #clock: MonotonicClock;
  readonly #cutter = new FrameCutter();
  readonly #table = new HeaderTable();
  /** What becomes of a frame, by its type. */
  readonly #takers: Readonly<Record<number, (frame: Frame) => void>> = {
    [TYPE.data]: (frame) => this.#data(frame),
    [TYPE.headers]: (frame) => this.#headers(frame),
    [TYPE.priority]: (frame) => this.#priority(frame),
    [TYPE.continuation]: (frame) => this.#continuation(frame),
    [TYPE.resetStream]: (frame) => this.#reset(frame),
    [TYPE.settings]: (frame) => this.#settings(frame),
    [TYPE.ping]: (frame) => this.#ping(frame),
    [TYPE.goAway]: () => undefined,
    [TYPE.windowUpdate]: (frame) => this.#windowUpdate(frame),
    [TYPE.pushPromise]: () => {
      throw new Http2Error(CODE.protocolError, 'a client does not push');
    },
  };
  readonly #streams = new Map<number, ServerStream>();
  /** The newest stream of the client. */
  #lastId = 0;
  /** Streams above are not looked at any more. */
  #lastTaken = LARGEST_WINDOW;
  #streamWindow = DEFAULT_WINDOW_BYTES;
  /** Bytes the client may still send on all streams, and those it was not told of yet. */
  #room: number;
  #untold = 0;
  #block: Block | undefined;
  #prefaceLeft = PREFACE.length;
  #hasSettings = false;
  #resets: { left: number; atMs: number } | undefined;
  #pings: (() => void)[] = [];
  #isClosed = false;

  /** @param socket connected; whoever made it looks after its errors' logging */
  constructor(socket: Duplex, events: ServerEvents, limits: ServerLimits, clock: MonotonicClock) {
    this.socket = socket;
    this.#events = events;
    this.#limits = limits;
    this.#clock = clock;
    this.sender = new ServerSender(socket);
    this.whenClosed = this.#closed.promise;
    this.#room = limits.connectionWindowBytes;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('drain', () => socket.resume());
    socket.on('error', (error: Error) => this.destroy(error.message));
    socket.on('close', () => this.destroy('the connection was closed'));
    socket.on('end', () => this.destroy('the client has closed the connection'));
    this.sender.send(
      settingsFrame([
        [SETTING.maxConcurrentStreams, limits.streams],
        [SETTING.initialWindowSize, limits.streamWindowBytes],
        [SETTING.maxHeaderListSize, limits.headerBytes],
      ]),
    );
    const more = limits.connectionWindowBytes - DEFAULT_WINDOW_BYTES;
    if (more > 0) this.sender.send(numberFrame(TYPE.windowUpdate, 0, more));
  }

  /** Whether the client has begun as an HTTP/2 client does. */
  get isOpen(): boolean {
    return this.#hasSettings && !this.#isClosed;
  }

  /** Takes no new request; ends when those under way are answered. */
  leave(): void {
    if (this.#isClosed || this.#lastTaken !== LARGEST_WINDOW) return;
    this.#lastTaken = this.#lastId;
    this.sender.send(goAwayFrame(this.#lastTaken, CODE.noError));
    this.#endIfLeft();
  }

  /** Ends at once. */
  destroy(why: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.socket.destroy();
    for (const stream of [...this.#streams.values()]) stream.close();
    this.sender.abandon();
    this.#events.onClosed(why);
    this.#closed.resolve();
  }

  /** @param onAnswer called when the client has answered */
  ping(onAnswer: () => void): void {
    this.#pings.push(onAnswer);
    this.sender.send(frameBytes(TYPE.ping, 0, 0, Buffer.alloc(PING_BYTES)));
  }

  giveRoom(id: number, bytes: number): void {
    this.sender.send(numberFrame(TYPE.windowUpdate, id, bytes));
  }

  reset(id: number, code: number): void {
    this.sender.send(numberFrame(TYPE.resetStream, id, code));
  }

  forget(stream: ServerStream): void {
    this.#streams.delete(stream.id);
    this.#endIfLeft();
  }

  /** Bytes that were read already, before whatever the socket brings next. */
  push(chunk: Buffer): void {
    this.#read(chunk);
  }

  #endIfLeft(): void {
    if (this.#lastTaken === LARGEST_WINDOW || this.#streams.size > 0 || this.#isClosed) return;
    this.sender.flush();
    this.socket.end();
  }

  #read(chunk: Buffer): void {
    if (this.#isClosed) return;
    try {
      const rest = this.#prefaceLeft > 0 ? this.#preface(chunk) : chunk;
      if (rest.length > 0) this.#cutter.push(rest, (frame) => this.#take(frame));
    } catch (error) {
      if (error instanceof HpackError) this.#fault(CODE.compressionError, error.message);
      else if (error instanceof Http2Error) this.#fault(error.code, error.message);
      else throw error;
    }
    this.#giveRoom();
    if (this.sender.pendingBytes > UNTAKEN_BYTES) this.socket.pause();
  }

  /** @returns what follows the preface */
  #preface(chunk: Buffer): Buffer {
    const from = PREFACE.length - this.#prefaceLeft;
    const part = chunk.subarray(0, this.#prefaceLeft);
    if (!part.equals(PREFACE.subarray(from, from + part.length))) {
      throw new Http2Error(CODE.protocolError, 'the client does not begin as HTTP/2 clients do');
    }
    this.#prefaceLeft -= part.length;
    return chunk.subarray(part.length);
  }

  /** Tells the client what it did wrong, and ends. */
  #fault(code: number, why: string): void {
    if (this.#isClosed) return;
    this.sender.send(goAwayFrame(this.#lastId, code));
    this.sender.flush();
    this.destroy(why);
  }

  #take(frame: Frame): void {
    if (this.#isClosed) return;
    if (!this.#hasSettings && frame.type !== TYPE.settings) {
      throw new Http2Error(CODE.protocolError, 'the client does not begin with its settings');
    }
    if (this.#block !== undefined && frame.type !== TYPE.continuation) {
      throw new Http2Error(CODE.protocolError, 'a header block was interrupted');
    }
    // Kinds of frames nobody knows are passed over, as the protocol wants it.
    this.#takers[frame.type]?.(frame);
  }

  #data(frame: Frame): void {
    const size = frame.payload.length;
    const bytes = dataOf(frame);
    this.#room -= size;
    if (this.#room < 0) throw new Http2Error(CODE.flowControlError, 'more data than allowed');
    // What streams keep is bounded by their own windows.
    this.#untold += size;
    const stream = this.#streamOf(frame);
    if (stream === undefined) return;
    let wrong = stream.take(bytes, size);
    if (wrong === undefined && !stream.isClosed && (frame.flags & FLAG.endStream) !== 0) {
      wrong = stream.takeEnd();
    }
    if (wrong !== undefined) stream.reset(wrong);
  }

  /** Lets the client send on once half of what it may send has come. */
  #giveRoom(): void {
    if (this.#untold < this.#limits.connectionWindowBytes / 2 || this.#isClosed) return;
    this.giveRoom(0, this.#untold);
    this.#room += this.#untold;
    this.#untold = 0;
  }

  #headers(frame: Frame): void {
    const part = blockOf(frame);
    if (frame.stream % 2 === 0) {
      throw new Http2Error(CODE.protocolError, `a request on stream ${frame.stream}`);
    }
    if ((frame.flags & FLAG.endHeaders) !== 0) this.#whole(frame, part);
    else {
      const { stream, flags } = frame;
      // A copy: the frame's own bytes are a view of all that came with it.
      this.#block = { stream, flags, parts: [Buffer.from(part)], size: part.length };
    }
  }

  #continuation(frame: Frame): void {
    const block = this.#block;
    if (block === undefined || block.stream !== frame.stream) {
      throw new Http2Error(CODE.protocolError, 'a continuation of nothing');
    }
    block.parts.push(Buffer.from(frame.payload));
    block.size += frame.payload.length + HEAD_BYTES;
    if (block.size > this.#limits.headerBytes + BLOCK_SLACK_BYTES) {
      throw new Http2Error(CODE.enhanceYourCalm, 'a header block is too long');
    }
    if ((frame.flags & FLAG.endHeaders) === 0) return;
    this.#block = undefined;
    this.#whole(block, Buffer.concat(block.parts));
  }

  /** A whole header block: a request, or the trailers of one. */
  #whole(
    { stream: id, flags }: { readonly stream: number; readonly flags: number },
    block: Buffer,
  ) {
    const builder = new HeadBuilder();
    this.#table.read(block, builder.take);
    const isEnd = (flags & FLAG.endStream) !== 0;
    if (id <= this.#lastId) {
      const stream = this.#streams.get(id);
      const wrong = isEnd ? stream?.takeEnd() : CODE.protocolError;
      if (wrong !== undefined) stream?.reset(wrong);
      return;
    }
    this.#lastId = id;
    if (id > this.#lastTaken) return;
    this.#begin(id, builder, isEnd);
  }

  #begin(id: number, builder: HeadBuilder, isEnd: boolean): void {
    const head = builder.build();
    if (head === undefined) this.reset(id, CODE.protocolError);
    else if (this.#streams.size >= this.#limits.streams) this.reset(id, CODE.refusedStream);
    else {
      const windows = {
        toClient: this.#streamWindow,
        fromClient: this.#limits.streamWindowBytes,
      };
      const stream = new ServerStream(id, head, this, windows);
      this.#streams.set(id, stream);
      const wrong = isEnd ? stream.takeEnd() : undefined;
      if (wrong !== undefined) stream.reset(wrong);
      else if (builder.bytes > this.#limits.headerBytes) stream.respond(TOO_LARGE, true);
      else this.#events.onRequest(stream);
    }
  }

  /** The stream a frame belongs to; undefined when it is over. */
  #streamOf({ stream: id }: Frame): ServerStream | undefined {
    const stream = this.#streams.get(id);
    if (stream === undefined && (id === 0 || id % 2 === 0 || id > this.#lastId)) {
      throw new Http2Error(CODE.protocolError, `a frame for stream ${id}, which there never was`);
    }
    return stream;
  }

  #priority({ payload, stream }: Frame): void {
    if (stream === 0) throw new Http2Error(CODE.protocolError, 'the priority of no stream');
    if (payload.length !== 5)
      throw new Http2Error(CODE.frameSizeError, 'a priority of another size');
  }

  #reset(frame: Frame): void {
    numberIn(frame);
    const stream = this.#streamOf(frame);
    this.#countReset();
    stream?.close();
  }

  /** Each request that is begun and given up costs work that no limit of streams sees. */
  #countReset(): void {
    const { resetBurst, resetsPerSecond } = this.#limits;
    const nowMs = this.#clock.monotonicMs();
    this.#resets ??= { left: resetBurst, atMs: nowMs };
    const more = ((nowMs - this.#resets.atMs) * resetsPerSecond) / 1_000;
    const left = Math.min(resetBurst, this.#resets.left + more) - 1;
    this.#resets = { left, atMs: nowMs };
    if (left < 0) throw new Http2Error(CODE.enhanceYourCalm, 'too many requests were given up');
  }

  #settings(frame: Frame): void {
    if (frame.stream !== 0) throw new Http2Error(CODE.protocolError, 'settings of a stream');
    this.#hasSettings = true;
    if ((frame.flags & FLAG.ack) !== 0) return;
    readSettings(frame, (id, value) => this.#setting(id, value));
    this.sender.send(frameBytes(TYPE.settings, FLAG.ack, 0, Buffer.alloc(0)));
  }

  #setting(id: number, value: number): void {
    if (id === SETTING.maxFrameSize) {
      if (value < MAX_FRAME_BYTES || value > LARGEST_FRAME_BYTES) {
        throw new Http2Error(CODE.protocolError, `frames of ${value} bytes`);
      }
      this.sender.maxFrameBytes = value;
    } else if (id === SETTING.enablePush) {
      if (value > 1) throw new Http2Error(CODE.protocolError, `server push set to ${value}`);
    } else if (id === SETTING.initialWindowSize) this.#setWindow(value);
  }

  #setWindow(value: number): void {
    if (value > LARGEST_WINDOW) {
      throw new Http2Error(CODE.flowControlError, `a window of ${value} bytes`);
    }
    // What runs gets the difference, which may leave it less than nothing.
    const more = value - this.#streamWindow;
    this.#streamWindow = value;
    for (const stream of [...this.#streams.values()]) this.#widen(stream, more);
  }

  #widen(stream: ServerStream, bytes: number): void {
    stream.window += bytes;
    if (stream.window > LARGEST_WINDOW) {
      throw new Http2Error(CODE.flowControlError, 'a window larger than can be');
    }
    this.sender.wake(stream);
  }

  #ping({ flags, payload, stream }: Frame): void {
    if (stream !== 0) throw new Http2Error(CODE.protocolError, 'a ping of a stream');
    if (payload.length !== PING_BYTES) {
      throw new Http2Error(CODE.frameSizeError, 'a ping of another length');
    }
    if ((flags & FLAG.ack) === 0) this.sender.send(frameBytes(TYPE.ping, FLAG.ack, 0, payload));
    else this.#pings.shift()?.();
  }

  #windowUpdate(frame: Frame): void {
    const more = numberIn(frame) & LARGEST_WINDOW;
    if (frame.stream === 0) {
      if (more === 0 || !this.sender.widen(more)) {
        throw new Http2Error(CODE.protocolError, `a window that grows by ${more}`);
      }
      return;
    }
    const stream = this.#streamOf(frame);
    if (stream === undefined) return;
    if (more === 0) stream.reset(CODE.protocolError);
    else if (stream.window + more > LARGEST_WINDOW) stream.reset(CODE.flowControlError);
    else this.#widen(stream, more);
  }
}
