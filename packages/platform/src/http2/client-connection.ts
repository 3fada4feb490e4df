/**
 * The client's side of one HTTP/2 connection (RFC 9113), as small as gRPC calls let it be: a request is one block of headers
 * and a body that is there from the start or goes on in small pieces, and everything one turn of the event loop sends is one
 * write.
 */

import type { Duplex } from 'node:stream';
import { type Outgoing, Sender, type SendingStream } from './client-sender.ts';
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
  numberFrame,
  numberIn,
  PING_BYTES,
  PREFACE,
  readSettings,
  SETTING,
  settingsFrame,
  TYPE,
} from './frame.ts';
import { type HeaderFields, HpackError, readBlock } from './hpack.ts';

/** Told of one exchange; nothing comes after `onEnd` or `onReset`. */
export interface StreamEvents {
  /** The head of the answer; once more for trailers. */
  onHeaders(fields: HeaderFields): void;
  /** A piece of the body; a view of what came. */
  onData(bytes: Buffer): void;
  onEnd(): void;
  /** It broke off. `isUnsent`: the other side has done nothing for it and never will. */
  onReset(why: string, isUnsent: boolean): void;
}

export interface ConnectionEvents {
  /** The other side's settings have come: it is an HTTP/2 server. */
  onReady(): void;
  /** No new request is taken any more. What runs may still be answered, unless `onClosed` follows. */
  onGoAway(): void;
  /** After each request has been told. */
  onClosed(why: string): void;
}

export interface ConnectionLimits {
  /** What the other side may send ahead, of each answer and of all. */
  readonly windowBytes: number;
}

const MAX_BLOCK_BYTES = 65_536;
/** Bytes of an open body that may wait for room. */
const MAX_UNSENT_BYTES = 65_536;
/** Blocks that were read and are known: servers answer in few ways. */
const KNOWN_BLOCKS = 64;
const MAX_KNOWN_BLOCK_BYTES = 512;

/** One exchange under way. */
interface Stream extends SendingStream {
  readonly events: StreamEvents;
  /** Bytes of the answer since the other side was last told that there is room. */
  taken: number;
}

/** A request that waits for its turn, or runs; to be given up with it. */
export interface Ticket {
  stream: Stream | undefined;
  isOver: boolean;
}

interface Waiting {
  readonly outgoing: Outgoing;
  readonly events: StreamEvents;
  readonly ticket: Ticket;
}

export class ClientConnection {
  readonly #socket: Duplex;
  readonly #events: ConnectionEvents;
  readonly #windowBytes: number;
  readonly #sender: Sender;
  readonly #cutter = new FrameCutter();
  /** What becomes of a frame, by its type. */
  readonly #takers: Readonly<Record<number, (frame: Frame) => void>> = {
    [TYPE.data]: (frame) => this.#data(frame),
    [TYPE.headers]: (frame) => this.#headers(frame),
    [TYPE.continuation]: (frame) => this.#continuation(frame),
    [TYPE.resetStream]: (frame) => this.#reset(frame),
    [TYPE.settings]: (frame) => this.#settings(frame),
    [TYPE.ping]: (frame) => this.#ping(frame),
    [TYPE.goAway]: (frame) => this.#goAway(frame),
    [TYPE.windowUpdate]: (frame) => this.#windowUpdate(frame),
    [TYPE.pushPromise]: () => {
      throw new Http2Error(CODE.protocolError, 'the server pushes, which it was told not to');
    },
  };
  readonly #streams = new Map<number, Stream>();
  readonly #known = new Map<string, HeaderFields>();
  /** Requests beyond what the other side takes at once; bounded by the callers, each of which has a time. */
  #waiting: Waiting[] = [];
  #nextId = 1;
  #streamWindow = DEFAULT_WINDOW_BYTES;
  #maxStreams = Number.POSITIVE_INFINITY;
  #taken = 0;
  #block: { readonly frame: Frame; readonly parts: Buffer[]; size: number } | undefined;
  #pings: (() => void)[] = [];
  #isReady = false;
  #isLeaving = false;
  #isClosed = false;

  /** @param socket connected, or about to be */
  constructor(socket: Duplex, events: ConnectionEvents, limits: ConnectionLimits) {
    this.#socket = socket;
    this.#sender = new Sender(socket);
    this.#events = events;
    this.#windowBytes = limits.windowBytes;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', (error: Error) => this.destroy(error.message));
    socket.on('close', () => this.destroy('the connection was closed'));
    socket.on('end', () => this.destroy('the other side has closed the connection'));
    this.#sender.send(PREFACE);
    this.#sender.send(
      settingsFrame([
        [SETTING.headerTableSize, 0],
        [SETTING.enablePush, 0],
        [SETTING.initialWindowSize, limits.windowBytes],
        [SETTING.maxHeaderListSize, MAX_BLOCK_BYTES],
      ]),
    );
    this.#sender.send(numberFrame(TYPE.windowUpdate, 0, limits.windowBytes - DEFAULT_WINDOW_BYTES));
  }

  /** Whether requests are taken. */
  get isOpen(): boolean {
    return this.#isReady && !this.#isLeaving && !this.#isClosed;
  }

  /** Sends a request, or lets it wait until the other side takes one more. */
  request(outgoing: Outgoing, events: StreamEvents): Ticket {
    const ticket: Ticket = { stream: undefined, isOver: false };
    if (!this.isOpen) {
      ticket.isOver = true;
      events.onReset('the connection is not open', true);
    } else if (this.#streams.size < this.#maxStreams && this.#waiting.length === 0) {
      this.#start(outgoing, events, ticket);
    } else this.#waiting.push({ outgoing, events, ticket });
    return ticket;
  }

  /**
   * Sends more of a body that was left open. @returns false when it was not taken: the request does not run (yet, or any
   * more), or too much of it waits for room
   */
  write({ stream }: Ticket, bytes: Buffer): boolean {
    if (stream === undefined || !this.#streams.has(stream.id)) return false;
    if ((stream.unsent?.length ?? 0) + bytes.length > MAX_UNSENT_BYTES) return false;
    this.#sender.more(stream, bytes);
    return true;
  }

  /**
   * Sends one piece of any size of a body that was left open, at once as far as there is room. One at a time: the next when
   * this one is taken.
   * @param onTaken the piece is on its way; not called when the request ends before
   * @returns false when the request does not run
   */
  writePiece({ stream }: Ticket, bytes: Buffer, onTaken?: () => void): boolean {
    if (stream === undefined || !this.#streams.has(stream.id)) return false;
    stream.onTaken = onTaken;
    this.#sender.more(stream, bytes);
    this.#sender.flush();
    return true;
  }

  /** Ends a body that was left open. */
  end({ stream }: Ticket): void {
    if (stream !== undefined && this.#streams.has(stream.id)) this.#sender.end(stream);
  }

  /** Gives a request up; its events are told nothing more. */
  cancel(ticket: Ticket): void {
    ticket.isOver = true;
    const { stream } = ticket;
    if (stream === undefined) {
      this.#waiting = this.#waiting.filter((each) => each.ticket !== ticket);
      return;
    }
    if (!this.#streams.has(stream.id)) return;
    this.#sender.send(numberFrame(TYPE.resetStream, stream.id, CODE.cancel));
    this.#forget(stream);
    this.#goOn();
  }

  /** @param onAnswer called when the other side has answered */
  ping(onAnswer: () => void): void {
    this.#pings.push(onAnswer);
    this.#sender.send(frameBytes(TYPE.ping, 0, 0, Buffer.alloc(PING_BYTES)));
  }

  /** Ends it at once; whatever runs is told. */
  destroy(why: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#socket.destroy();
    const [running, waiting] = [[...this.#streams.values()], this.#waiting];
    this.#streams.clear();
    this.#waiting = [];
    for (const { events } of running) events.onReset(why, false);
    for (const { events } of waiting) events.onReset(why, true);
    this.#events.onClosed(why);
  }

  #start(outgoing: Outgoing, events: StreamEvents, ticket: Ticket): void {
    const id = this.#nextId;
    this.#nextId += 2;
    const window = this.#streamWindow;
    const isOpen = outgoing.isOpen === true;
    const stream: Stream = { id, events, window, isOpen, unsent: undefined, taken: 0 };
    ticket.stream = stream;
    this.#streams.set(id, stream);
    this.#sender.request(stream, outgoing);
  }

  #read(chunk: Buffer): void {
    if (this.#isClosed) return;
    try {
      this.#cutter.push(chunk, (frame) => this.#take(frame));
    } catch (error) {
      if (error instanceof HpackError) this.#fault(CODE.compressionError, error.message);
      else if (error instanceof Http2Error) this.#fault(error.code, error.message);
      else throw error;
    }
    this.#giveRoom();
    this.#goOn();
  }

  /** After streams may have ended: the next begin, or the connection ends with the last. */
  #goOn(): void {
    this.#startWaiting();
    if (this.#isLeaving && this.#streams.size === 0) this.destroy('the other side went away');
  }

  /** Tells the other side what it did wrong, and ends. */
  #fault(code: number, why: string): void {
    if (this.#isClosed) return;
    this.#socket.write(goAwayFrame(0, code));
    this.destroy(why);
  }

  #startWaiting(): void {
    while (this.#waiting.length > 0 && this.isOpen && this.#streams.size < this.#maxStreams) {
      const next = this.#waiting.shift();
      if (next !== undefined) this.#start(next.outgoing, next.events, next.ticket);
    }
  }

  #take(frame: Frame): void {
    if (this.#isClosed) return;
    if (this.#block !== undefined && frame.type !== TYPE.continuation) {
      throw new Http2Error(CODE.protocolError, 'a header block was interrupted');
    }
    // Kinds of frames nobody knows are passed over, as the protocol wants it.
    this.#takers[frame.type]?.(frame);
  }

  #data(frame: Frame): void {
    // Padding counts, too, and so does what nobody waits for any more.
    this.#taken += frame.payload.length;
    const stream = this.#streamOf(frame);
    if (stream === undefined) return;
    stream.taken += frame.payload.length;
    const bytes = dataOf(frame);
    if (bytes.length > 0) stream.events.onData(bytes);
    if ((frame.flags & FLAG.endStream) !== 0) this.#ended(stream);
    else if (stream.taken >= this.#windowBytes / 2 && this.#streams.has(stream.id)) {
      this.#sender.send(numberFrame(TYPE.windowUpdate, stream.id, stream.taken));
      stream.taken = 0;
    }
  }

  /** Lets the other side send on once half of what it may send ahead has come. */
  #giveRoom(): void {
    if (this.#taken < this.#windowBytes / 2 || this.#isClosed) return;
    this.#sender.send(numberFrame(TYPE.windowUpdate, 0, this.#taken));
    this.#taken = 0;
  }

  #headers(frame: Frame): void {
    const part = blockOf(frame);
    if ((frame.flags & FLAG.endHeaders) !== 0) this.#whole(frame, part);
    else this.#block = { frame, parts: [part], size: part.length };
  }

  #continuation(frame: Frame): void {
    const block = this.#block;
    if (block === undefined || block.frame.stream !== frame.stream) {
      throw new Http2Error(CODE.protocolError, 'a continuation of nothing');
    }
    block.parts.push(frame.payload);
    block.size += frame.payload.length + HEAD_BYTES;
    if (block.size > MAX_BLOCK_BYTES) {
      throw new Http2Error(CODE.enhanceYourCalm, 'a header block is too long');
    }
    if ((frame.flags & FLAG.endHeaders) === 0) return;
    this.#block = undefined;
    this.#whole(block.frame, Buffer.concat(block.parts));
  }

  #whole(frame: Frame, block: Buffer): void {
    const fields = this.#fieldsOf(block);
    const stream = this.#streamOf(frame);
    if (stream === undefined) return;
    stream.events.onHeaders(fields);
    if ((frame.flags & FLAG.endStream) !== 0) this.#ended(stream);
  }

  #fieldsOf(block: Buffer): HeaderFields {
    if (block.length > MAX_KNOWN_BLOCK_BYTES) return readBlock(block);
    const key = block.toString('latin1');
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const fields = readBlock(block);
    if (this.#known.size >= KNOWN_BLOCKS) this.#known.clear();
    this.#known.set(key, fields);
    return fields;
  }

  /** The exchange a frame belongs to; undefined when it is over. */
  #streamOf({ stream: id }: Frame): Stream | undefined {
    const stream = this.#streams.get(id);
    if (stream === undefined && (id % 2 === 0 || id >= this.#nextId)) {
      throw new Http2Error(CODE.protocolError, `a frame for stream ${id}, which there never was`);
    }
    return stream;
  }

  #ended(stream: Stream): void {
    // Given up by whoever was told of its data or headers.
    if (!this.#streams.has(stream.id)) return;
    if (stream.unsent !== undefined || stream.isOpen) {
      this.#sender.send(numberFrame(TYPE.resetStream, stream.id, CODE.cancel));
    }
    this.#forget(stream);
    stream.events.onEnd();
  }

  #forget(stream: Stream): void {
    this.#streams.delete(stream.id);
    this.#sender.drop(stream);
  }

  #reset(frame: Frame): void {
    const code = numberIn(frame);
    const stream = this.#streamOf(frame);
    if (stream === undefined) return;
    this.#forget(stream);
    const isUnsent = code === CODE.refusedStream;
    stream.events.onReset(`the other side ended the call with code ${code}`, isUnsent);
  }

  #settings(frame: Frame): void {
    if ((frame.flags & FLAG.ack) !== 0) return;
    readSettings(frame, (id, value) => this.#setting(id, value));
    this.#sender.send(frameBytes(TYPE.settings, FLAG.ack, 0, Buffer.alloc(0)));
    this.#sender.sendBodies();
    if (this.#isReady) return;
    this.#isReady = true;
    this.#events.onReady();
  }

  #setting(id: number, value: number): void {
    if (id === SETTING.maxConcurrentStreams) this.#maxStreams = value;
    else if (id === SETTING.maxFrameSize) this.#sender.maxFrameBytes = value;
    else if (id === SETTING.initialWindowSize) {
      if (value > LARGEST_WINDOW) {
        throw new Http2Error(CODE.flowControlError, `a window of ${value} bytes`);
      }
      // What runs gets the difference, which may leave it less than nothing.
      const more = value - this.#streamWindow;
      this.#streamWindow = value;
      for (const stream of this.#streams.values()) stream.window += more;
    }
  }

  #ping({ flags, payload }: Frame): void {
    if (payload.length !== PING_BYTES) {
      throw new Http2Error(CODE.frameSizeError, 'a ping of another length');
    }
    if ((flags & FLAG.ack) === 0) this.#sender.send(frameBytes(TYPE.ping, FLAG.ack, 0, payload));
    else this.#pings.shift()?.();
  }

  /** What is above the last stream the other side names has not been looked at. */
  #goAway(frame: Frame): void {
    const last = numberIn(frame) & LARGEST_WINDOW;
    const waiting = this.#waiting;
    this.#waiting = [];
    const refused = [...this.#streams.values()].filter(({ id }) => id > last);
    const isFirst = !this.#isLeaving;
    this.#isLeaving = true;
    for (const stream of refused) this.#forget(stream);
    if (isFirst) this.#events.onGoAway();
    for (const { events } of [...refused, ...waiting]) {
      events.onReset('the other side is going away', true);
    }
  }

  #windowUpdate(frame: Frame): void {
    const more = numberIn(frame) & LARGEST_WINDOW;
    if (frame.stream === 0) {
      this.#sender.widen(more);
      return;
    }
    const stream = this.#streamOf(frame);
    if (stream === undefined) return;
    stream.window += more;
    this.#sender.sendBodies();
  }
}
