/** gRPC calls over HTTP/2 streams, as handlers see them. */

import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { errorMessage, type Logger } from '@kubets/platform';
import {
  type HeaderField,
  CODE as HTTP2_CODE,
  type RequestHeaders,
  type ServerStream,
  writeFields,
} from '@kubets/platform/http2';
import { CodecError, type Loose, type MessageType, type MethodPlan } from '../codec/index.ts';
import { CODE, EtcdError, statusError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { giveFrameBuffer } from './frame-buffers.ts';
import {
  encodeStatusMessage,
  FRAME_HEAD_BYTES,
  FrameReader,
  frameHead,
  sealFrame,
  wholeMessage,
} from './frames.ts';

/** What tells who a call comes from. */
export interface Caller {
  readonly headers: RequestHeaders;
  /** The common name of the client's certificate; undefined without one. */
  commonName(): string | undefined;
}

const commonNames = new WeakMap<Duplex, string>();

function commonNameOf(socket: Duplex): string | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  const known = commonNames.get(socket);
  if (known !== undefined) return known;
  // A certificate may have several names: then it names nobody.
  const name = socket.authorized && socket.getPeerCertificate().subject?.CN;
  if (typeof name !== 'string') return undefined;
  commonNames.set(socket, name);
  return name;
}

/** What a unary handler gets besides the request. */
export interface UnaryInfo {
  /** Absent: a call without credentials. */
  readonly caller?: Caller;
  /** The request as it came, still encoded. */
  readonly raw: Buffer;
  /** Calls back when the call is over: answered, or given up by the client. */
  onClose(listener: () => void): void;
}

/**
 * Handles one request. `never` stands for the method's own request type, which only the handler knows; what it returns (or a
 * promise of it) is encoded as the method's response.
 */
export type UnaryHandler = (request: never, info: UnaryInfo) => unknown;

/** A call in which the server sends any number of messages, and the client may too. */
export interface StreamCall<Q, R> extends Caller {
  /** Bytes written that the connection has not taken yet. */
  readonly backlogBytes: number;
  send(message: Loose<R>): void;
  /**
   * Sends messages that are encoded and framed already.
   * @param onTaken the buffer is not needed any more; who gives none leaves it to the call, which writes small ones together
   */
  sendFrames(frames: Buffer, onTaken?: () => void): void;
  /** Ends the call well, or with an error. */
  end(error?: EtcdError): void;
  onMessage(listener: (request: Q) => void): void;
  /** The client will send nothing more. */
  onHalfClose(listener: () => void): void;
  /** Everything written has been taken. */
  onDrain(listener: () => void): void;
  /** The call is over, whoever ended it. */
  onClose(listener: () => void): void;
}

/** Handles one call with streams; see {@link UnaryHandler} for `never`. */
export type StreamHandler = (call: never) => void;

export interface CallOptions {
  readonly maxMessageBytes: number;
  readonly log: Logger;
}

/** gRPC has no use for a date, and making one up for every answer costs time and bytes. */
const OK_FIELDS: readonly HeaderField[] = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
];
const OK_TRAILER_FIELDS: readonly HeaderField[] = [
  ['grpc-status', '0'],
  ['grpc-message', ''],
];
/** Both as blocks, made once. */
const OK_HEAD = writeFields(OK_FIELDS);
const OK_TRAILERS = writeFields(OK_TRAILER_FIELDS);

/** What goes to the client for anything thrown: our errors as they are, others hidden behind INTERNAL. */
function toStatus(error: unknown, log: Logger): EtcdError {
  if (error instanceof EtcdError) return error;
  if (error instanceof CodecError) {
    const what = `grpc: failed to unmarshal the received message: ${error.message}`;
    return statusError(CODE.internal, what);
  }
  log.error({ err: error }, 'request handler failed');
  return statusError(CODE.internal, errorMessage(error));
}

function trailersOf(error: EtcdError | undefined): readonly HeaderField[] {
  if (error === undefined) return OK_TRAILER_FIELDS;
  return [
    ['grpc-status', String(error.code)],
    ['grpc-message', encodeStatusMessage(error.message)],
  ];
}

/** Answers a stream that has not been answered yet with an error only. */
export function refuse(stream: ServerStream, error: EtcdError): void {
  // Once an answer has begun all that is left is to break it off.
  if (stream.hasAnswered) stream.reset(HTTP2_CODE.internalError);
  else stream.respond([...OK_FIELDS, ...trailersOf(error)], true);
}

/** A method and who answers it. */
export interface UnaryRoute {
  readonly method: MethodPlan;
  readonly handler: UnaryHandler;
}

/** Serves one unary call. */
export function serveUnary(stream: ServerStream, route: UnaryRoute, options: CallOptions): void {
  let reader: FrameReader | undefined;
  let message: Buffer | undefined;
  let failed = false;
  const fail = (error: unknown): void => {
    failed = true;
    refuse(stream, toStatus(error, options.log));
  };
  const onData = (bytes: Buffer): void => {
    if (failed) return;
    if (reader === undefined && message === undefined) {
      message = wholeMessage(bytes, options.maxMessageBytes);
      if (message !== undefined) return;
    }
    reader ??= new FrameReader(options.maxMessageBytes);
    try {
      message = reader.push(bytes)[0] ?? message;
    } catch (error) {
      fail(error);
    }
  };
  const onEnd = (): void => {
    if (failed) return;
    if (message === undefined) fail(statusError(CODE.internal, 'no request message'));
    else answer(stream, route, message).catch(fail);
  };
  stream.listen({ onData, onEnd });
}

async function answer(
  stream: ServerStream,
  { method, handler }: UnaryRoute,
  raw: Buffer,
): Promise<void> {
  const response = await handler(method.request.decode(raw) as never, {
    raw,
    caller: { headers: stream.head.headers, commonName: () => commonNameOf(stream.socket) },
    onClose: (listener) => stream.onClose(listener),
  });
  if (stream.isClosed) return;
  if (isChunked(response)) {
    await sendChunks(stream, response);
    return;
  }
  const frame = sealFrame(method.response.encode(response as object, FRAME_HEAD_BYTES));
  stream.respond(OK_HEAD);
  stream.end(frame, OK_TRAILERS);
}

/** An answer so long that it is encoded while it is sent. */
export interface ChunkedAnswer {
  /** Of the whole message. */
  readonly bytes: number;
  /** The message in pieces; each is given back ({@link giveFrameBuffer}) once it was sent. */
  chunks(): Iterable<Buffer>;
}

function isChunked(response: unknown): response is ChunkedAnswer {
  return typeof response === 'object' && response !== null && 'chunks' in response;
}

/** Sends it as fast as the client reads. */
async function sendChunks(stream: ServerStream, answer: ChunkedAnswer): Promise<void> {
  const room = new Room(stream);
  stream.respond(OK_HEAD);
  stream.write(frameHead(answer.bytes));
  for (const chunk of answer.chunks()) {
    stream.write(chunk, () => giveFrameBuffer(chunk));
    if (stream.queuedBytes > LIMITS.rangeBacklogBytes) await room.wait();
    if (stream.isClosed) return;
  }
  stream.end(undefined, OK_TRAILERS);
}

/** Waits until everything written was taken, or nothing more ever will be. */
class Room {
  #onRoom: () => void = () => undefined;

  constructor(stream: ServerStream) {
    const tell = (): void => this.#onRoom();
    stream.onDrain(tell);
    stream.onClose(tell);
  }

  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#onRoom = resolve;
    });
  }
}

/** Serves one call with a stream in either direction. */
export function serveStream(
  stream: ServerStream,
  method: MethodPlan,
  handler: StreamHandler,
  options: CallOptions,
): void {
  const call = new Http2StreamCall<unknown, unknown>(stream, method, options);
  try {
    handler(call as never);
  } catch (error) {
    call.end(toStatus(error, options.log));
  }
  call.begin();
}

class Http2StreamCall<Q, R> implements StreamCall<Q, R> {
  readonly headers: RequestHeaders;
  private readonly stream: ServerStream;
  private readonly method: MethodPlan;
  private readonly options: CallOptions;
  private readonly reader: FrameReader;
  private listener: ((request: Q) => void) | undefined;
  private halfClosed: (() => void) | undefined;
  private ended = false;
  /** Frames of this turn, not written yet. */
  private outbox: Buffer[] = [];
  private outboxBytes = 0;

  constructor(stream: ServerStream, method: MethodPlan, options: CallOptions) {
    this.stream = stream;
    this.headers = stream.head.headers;
    this.method = method;
    this.options = options;
    this.reader = new FrameReader(options.maxMessageBytes);
  }

  /** Takes what the client sends; once the handler has said who listens. */
  begin(): void {
    this.stream.listen({
      onData: (bytes) => this.take(bytes),
      onEnd: () => this.halfClosed?.(),
    });
  }

  /** Headers leave with the first message, as a stock member's do: one packet, which is lost or arrives as a whole. */
  private write(frames: Buffer, onTaken?: () => void): void {
    if (!this.stream.hasAnswered) this.stream.respond(OK_HEAD);
    this.stream.write(frames, onTaken);
  }

  commonName(): string | undefined {
    return commonNameOf(this.stream.socket);
  }

  get backlogBytes(): number {
    return this.stream.queuedBytes + this.outboxBytes;
  }

  private take(chunk: Buffer): void {
    if (this.ended) return;
    try {
      for (const message of this.reader.push(chunk)) {
        this.listener?.(this.method.request.decode(message) as Q);
      }
    } catch (error) {
      this.end(toStatus(error, this.options.log));
    }
  }

  send(message: Loose<R>): void {
    if (this.ended || this.stream.isClosed) return;
    const type = this.method.response as MessageType<R>;
    this.collect(sealFrame(type.encode(message, FRAME_HEAD_BYTES)));
  }

  sendFrames(frames: Buffer, onTaken?: () => void): void {
    if (this.ended || this.stream.isClosed) return;
    if (onTaken === undefined && frames.length < LIMITS.outboxBytes) {
      this.collect(frames);
      return;
    }
    this.flush();
    this.write(frames, onTaken);
  }

  /** What is sent in one go is written together: each write costs more than most messages do. */
  private collect(frames: Buffer): void {
    if (this.outbox.length === 0) queueMicrotask(() => this.flush());
    this.outbox.push(frames);
    this.outboxBytes += frames.length;
    if (this.outboxBytes >= LIMITS.outboxBytes) this.flush();
  }

  private flush(): void {
    const frames = this.outbox;
    if (frames.length === 0) return;
    this.outbox = [];
    this.outboxBytes = 0;
    if (this.stream.isClosed) return;
    const [only] = frames;
    this.write(only !== undefined && frames.length === 1 ? only : Buffer.concat(frames));
  }

  end(error?: EtcdError): void {
    if (this.ended || this.stream.isClosed) return;
    this.flush();
    this.ended = true;
    const trailers = trailersOf(error);
    if (this.stream.hasAnswered) this.stream.end(undefined, writeFields(trailers));
    else this.stream.respond([...OK_FIELDS, ...trailers], true);
  }

  onMessage(listener: (request: Q) => void): void {
    this.listener = listener;
  }

  onHalfClose(listener: () => void): void {
    this.halfClosed = listener;
  }

  onDrain(listener: () => void): void {
    this.stream.onDrain(listener);
  }

  onClose(listener: () => void): void {
    this.stream.onClose(listener);
  }
}
