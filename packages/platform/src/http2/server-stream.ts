/** One request and its answer on a server's connection (RFC 9113, section 5.1), without the machinery of Node.js's streams. */

import type { Duplex } from 'node:stream';
import { CODE } from './frame.ts';
import { type HeaderField, writeFields } from './hpack.ts';
import type { RequestHead } from './request-head.ts';
import type { SendingHalf, ServerSender } from './server-sender.ts';

/** Told of the body of a request. */
export interface BodyListener {
  /** A piece, a view of what came; not to be changed. */
  onData(bytes: Buffer): void;
  /** The body is whole. */
  onEnd(): void;
}

/** What a stream asks of its connection. */
export interface StreamHost {
  readonly socket: Duplex;
  readonly sender: ServerSender;
  /** The client may send so many bytes more on a stream. */
  giveRoom(id: number, bytes: number): void;
  reset(id: number, code: number): void;
  forget(stream: ServerStream): void;
}

export interface StreamWindows {
  /** What the client lets us send. */
  readonly toClient: number;
  /** What we let the client send before it is taken. */
  readonly fromClient: number;
}

type Listener = () => void;

export class ServerStream implements SendingHalf {
  readonly id: number;
  readonly head: RequestHead;
  window: number;
  queue: SendingHalf['queue'] = [];
  queuedBytes = 0;
  ending: Buffer | undefined = undefined;
  isQueued = false;
  isStalled = false;
  readonly #host: StreamHost;
  readonly #windowBytes: number;
  /** Bytes the client may still send. */
  #room: number;
  /** Bytes since the client was last told that there is room. */
  #untold = 0;
  #received = 0;
  /** What came before anybody listened, or while they were not to be disturbed. */
  #early: Buffer[] = [];
  #body: BodyListener | undefined;
  #isPaused = false;
  #isTold = false;
  #hasAllFromClient = false;
  #hasAnswered = false;
  #isEnding = false;
  #isClosed = false;
  #onClose: Listener[] = [];
  #onDrain: Listener | undefined;

  constructor(id: number, head: RequestHead, host: StreamHost, windows: StreamWindows) {
    this.id = id;
    this.head = head;
    this.#host = host;
    this.window = windows.toClient;
    this.#windowBytes = windows.fromClient;
    this.#room = windows.fromClient;
  }

  /** The connection's. */
  get socket(): Duplex {
    return this.#host.socket;
  }

  /** Answered in whole, given up by the client, or lost with the connection: nothing can be sent any more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Whether the head of the answer is on its way. */
  get hasAnswered(): boolean {
    return this.#hasAnswered;
  }

  /** Whether the body of the request is here. */
  get hasBody(): boolean {
    return this.#hasAllFromClient;
  }

  /** Takes the body of the request, from its beginning. Once. */
  listen(body: BodyListener): void {
    this.#body = body;
    this.#tell();
  }

  /** Keeps what comes until {@link resume}; the client is not let send more than one window of it. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#tell();
  }

  /** Calls back when the stream is closed; at once when it is already. */
  onClose(listener: Listener): void {
    if (this.#isClosed) listener();
    else this.#onClose.push(listener);
  }

  /** Calls back each time that everything that had to wait was sent. */
  onDrain(listener: Listener): void {
    this.#onDrain = listener;
  }

  /** Sends the head of an answer before the answer (RFC 9110, section 15.2). */
  inform(fields: readonly HeaderField[]): void {
    if (this.#isClosed || this.#hasAnswered) return;
    this.#host.sender.headers(this.id, writeFields(fields), false);
  }

  /** Sends the head of the answer: a block ({@link writeFields}) or its fields. `isEnd`: there is no body. */
  respond(head: Buffer | readonly HeaderField[], isEnd = false): void {
    if (this.#isClosed || this.#hasAnswered) return;
    this.#hasAnswered = true;
    this.#isEnding = isEnd;
    this.#host.sender.headers(
      this.id,
      Buffer.isBuffer(head) ? head : writeFields(head as readonly HeaderField[]),
      isEnd,
    );
    if (isEnd) this.onSent();
  }

  /**
   * Sends a piece of the body, or lets it wait for room: look at `queuedBytes` and {@link onDrain}.
   * @param onTaken called when the bytes are not needed any more, whatever became of them
   */
  write(bytes: Buffer, onTaken?: Listener): void {
    if (this.#isClosed || this.#isEnding || bytes.length === 0) onTaken?.();
    else this.#host.sender.data(this, bytes, onTaken);
  }

  /** Ends the answer, after what waits: with a last piece, or with trailers. */
  end(bytes?: Buffer, trailers?: Buffer): void {
    if (this.#isClosed || this.#isEnding) return;
    this.#isEnding = true;
    const { sender } = this.#host;
    if (trailers === undefined && bytes !== undefined) {
      sender.endWith(this, bytes);
      return;
    }
    if (bytes !== undefined && bytes.length > 0) sender.data(this, bytes);
    sender.end(this, trailers);
  }

  /** Breaks it off. */
  reset(code: number = CODE.cancel): void {
    if (this.#isClosed) return;
    this.#host.reset(this.id, code);
    this.close();
  }

  /** For the connection: a piece of the body has come. @returns the code of what is wrong with it */
  take(bytes: Buffer, size: number): number | undefined {
    if (this.#hasAllFromClient) return CODE.streamClosed;
    this.#room -= size;
    if (this.#room < 0) return CODE.flowControlError;
    this.#received += bytes.length;
    const { contentLength } = this.head;
    if (contentLength !== undefined && this.#received > contentLength) return CODE.protocolError;
    // Padding is gone as soon as it comes.
    this.#untold += size - bytes.length;
    if (bytes.length > 0) this.#early.push(bytes);
    this.#tell();
    return undefined;
  }

  /** For the connection: the client will send nothing more. @returns the code of what is wrong */
  takeEnd(): number | undefined {
    if (this.#hasAllFromClient) return CODE.streamClosed;
    const { contentLength } = this.head;
    if (contentLength !== undefined && this.#received !== contentLength) return CODE.protocolError;
    this.#hasAllFromClient = true;
    this.#tell();
    return undefined;
  }

  /** For the sender. An answer may be whole before the request is: then the client need not go on (section 8.1). */
  onSent(): void {
    if (!this.#hasAllFromClient) this.#host.reset(this.id, CODE.noError);
    this.close();
  }

  /** For the sender. */
  onDrained(): void {
    this.#onDrain?.();
  }

  /** For the connection: the stream is over. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#early = [];
    this.#host.forget(this);
    this.#host.sender.drop(this);
    const listeners = this.#onClose;
    this.#onClose = [];
    for (const each of listeners) each();
  }

  /** Hands over what is here, and lets the client send on. */
  #tell(): void {
    const body = this.#body;
    if (body === undefined) return;
    while (!this.#isPaused && this.#early.length > 0) {
      const pieces = this.#early;
      this.#early = [];
      for (const [i, piece] of pieces.entries()) {
        this.#untold += piece.length;
        body.onData(piece);
        if (this.#isClosed) return;
        if (!this.#isPaused) continue;
        this.#early = [...pieces.slice(i + 1), ...this.#early];
        break;
      }
    }
    if (this.#isPaused || this.#isClosed) return;
    if (this.#hasAllFromClient) {
      if (this.#isTold) return;
      this.#isTold = true;
      body.onEnd();
    } else if (this.#untold >= this.#windowBytes / 2) {
      this.#host.giveRoom(this.id, this.#untold);
      this.#room += this.#untold;
      this.#untold = 0;
    }
  }
}
