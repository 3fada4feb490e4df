/** gRPC calls over HTTP/2 streams, as handlers see them. */

import {
  constants,
  type Http2Session,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { TLSSocket } from 'node:tls';
import { errorMessage, type Logger } from '@kubets/platform';
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
} from './frames.ts';

/** What tells who a call comes from. */
export interface Caller {
  readonly headers: IncomingHttpHeaders;
  /** The common name of the client's certificate; undefined without one. */
  commonName(): string | undefined;
}

const commonNames = new WeakMap<Http2Session, string>();

function commonNameOf(session: Http2Session | undefined): string | undefined {
  if (!(session?.socket instanceof TLSSocket)) return undefined;
  const known = commonNames.get(session);
  if (known !== undefined) return known;
  // A certificate may have several names: then it names nobody.
  const name = session.socket.authorized && session.socket.getPeerCertificate().subject?.CN;
  if (typeof name !== 'string') return undefined;
  commonNames.set(session, name);
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

const OK_HEADERS = { ':status': 200, 'content-type': 'application/grpc' } as const;
/** The same as a list, which costs less to send. */
const OK_RAW_HEADERS = [':status', '200', 'content-type', 'application/grpc'];
/** gRPC has no use for a date, and making one up for every answer costs time and bytes. */
const RESPOND = { waitForTrailers: true, sendDate: false } as const;
const OK_TRAILERS = { 'grpc-status': '0', 'grpc-message': '' } as const;

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

function trailersOf(error: EtcdError) {
  return {
    'grpc-status': String(error.code),
    'grpc-message': encodeStatusMessage(error.message),
  };
}

/** Answers a stream that has not been answered yet with an error only. */
export function refuse(stream: ServerHttp2Stream, error: EtcdError): void {
  if (stream.destroyed || stream.closed) return;
  if (stream.headersSent) {
    // An answer has begun: all that is left is to break it off.
    stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    return;
  }
  stream.respond({ ...OK_HEADERS, ...trailersOf(error) }, { endStream: true });
  stream.close(constants.NGHTTP2_NO_ERROR);
}

function closeWith(stream: ServerHttp2Stream, trailers: OutgoingHttpHeaders): void {
  stream.on('wantTrailers', () => {
    if (!stream.destroyed) stream.sendTrailers(trailers);
  });
}

/** A method and who answers it. */
export interface UnaryRoute {
  readonly method: MethodPlan;
  readonly handler: UnaryHandler;
}

/** Serves one unary call. */
export function serveUnary(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  route: UnaryRoute,
  options: CallOptions,
): void {
  const reader = new FrameReader(options.maxMessageBytes);
  let message: Buffer | undefined;
  let failed = false;
  const fail = (error: unknown): void => {
    failed = true;
    refuse(stream, toStatus(error, options.log));
  };
  stream.on('data', (chunk: Buffer) => {
    if (failed) return;
    try {
      message = reader.push(chunk)[0] ?? message;
    } catch (error) {
      fail(error);
    }
  });
  stream.on('end', () => {
    if (failed) return;
    if (message === undefined) fail(statusError(CODE.internal, 'no request message'));
    else answer(stream, headers, route, message).catch(fail);
  });
}

async function answer(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  { method, handler }: UnaryRoute,
  raw: Buffer,
): Promise<void> {
  const response = await handler(method.request.decode(raw) as never, {
    raw,
    caller: { headers, commonName: () => commonNameOf(stream.session) },
    onClose: (listener) => stream.on('close', listener),
  });
  if (stream.destroyed || stream.closed) return;
  if (isChunked(response)) {
    await sendChunks(stream, response);
    return;
  }
  const frame = sealFrame(method.response.encode(response as object, FRAME_HEAD_BYTES));
  stream.respond(OK_RAW_HEADERS, RESPOND);
  closeWith(stream, OK_TRAILERS);
  stream.end(frame);
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
async function sendChunks(stream: ServerHttp2Stream, answer: ChunkedAnswer): Promise<void> {
  stream.respond(OK_RAW_HEADERS, RESPOND);
  closeWith(stream, OK_TRAILERS);
  stream.write(frameHead(answer.bytes));
  for (const chunk of answer.chunks()) {
    stream.write(chunk, () => giveFrameBuffer(chunk));
    if (stream.writableLength > LIMITS.rangeBacklogBytes) await roomIn(stream);
    if (stream.destroyed || stream.closed) return;
  }
  stream.end();
}

/** Resolves when everything written was taken, or nothing more ever will be. */
function roomIn(stream: ServerHttp2Stream): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off('drain', done);
      stream.off('close', done);
      resolve();
    };
    stream.on('drain', done);
    stream.on('close', done);
  });
}

/** Serves one call with a stream in either direction. */
export function serveStream(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  method: MethodPlan,
  handler: StreamHandler,
  options: CallOptions,
): void {
  const call = new Http2StreamCall<unknown, unknown>(stream, headers, method, options);
  try {
    handler(call as never);
  } catch (error) {
    call.end(toStatus(error, options.log));
  }
}

class Http2StreamCall<Q, R> implements StreamCall<Q, R> {
  readonly headers: IncomingHttpHeaders;
  private readonly stream: ServerHttp2Stream;
  private readonly method: MethodPlan;
  private readonly options: CallOptions;
  private readonly reader: FrameReader;
  private listener: ((request: Q) => void) | undefined;
  private ended = false;
  /** Frames of this turn, not written yet. */
  private outbox: Buffer[] = [];
  private outboxBytes = 0;

  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    method: MethodPlan,
    options: CallOptions,
  ) {
    this.stream = stream;
    this.headers = headers;
    this.method = method;
    this.options = options;
    this.reader = new FrameReader(options.maxMessageBytes);
    stream.on('data', (chunk: Buffer) => this.take(chunk));
  }

  /** Headers leave with the first message, as a stock member's do: one packet, which is lost or arrives as a whole. */
  private write(frames: Buffer, onTaken?: () => void): void {
    if (!this.stream.headersSent) this.stream.respond(OK_RAW_HEADERS, RESPOND);
    this.stream.write(frames, onTaken);
  }

  commonName(): string | undefined {
    return commonNameOf(this.stream.session);
  }

  get backlogBytes(): number {
    return this.stream.writableLength + this.outboxBytes;
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
    if (this.ended || this.stream.destroyed) return;
    const type = this.method.response as MessageType<R>;
    this.collect(sealFrame(type.encode(message, FRAME_HEAD_BYTES)));
  }

  sendFrames(frames: Buffer, onTaken?: () => void): void {
    if (this.ended || this.stream.destroyed) return;
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
    if (this.stream.destroyed) return;
    const [only] = frames;
    this.write(only !== undefined && frames.length === 1 ? only : Buffer.concat(frames));
  }

  end(error?: EtcdError): void {
    if (this.ended || this.stream.destroyed) return;
    this.flush();
    this.ended = true;
    const trailers = error === undefined ? OK_TRAILERS : trailersOf(error);
    if (!this.stream.headersSent) {
      this.stream.respond({ ...OK_HEADERS, ...trailers }, { endStream: true });
      this.stream.close(constants.NGHTTP2_NO_ERROR);
      return;
    }
    closeWith(this.stream, trailers);
    this.stream.end();
  }

  onMessage(listener: (request: Q) => void): void {
    this.listener = listener;
  }

  onHalfClose(listener: () => void): void {
    this.stream.on('end', listener);
  }

  onDrain(listener: () => void): void {
    this.stream.on('drain', listener);
  }

  onClose(listener: () => void): void {
    this.stream.on('close', listener);
  }
}
