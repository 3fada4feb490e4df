/**
 * Unary gRPC calls to one endpoint over `node:http2`. A general gRPC client takes a call through a dozen layers of its own,
 * which for the small calls a store gets costs several times what the call itself does.
 */

import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { type ClientTls, type Clock, errorMessage, type Timer } from '@kubets/platform';
import type { MethodPlan } from '../codec/index.ts';
import { CODE, EtcdError, statusError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { FRAME_HEAD_BYTES, FrameReader, sealFrame } from '../server/frames.ts';

export interface UnaryChannelOptions {
  /** `host:port`. */
  readonly name: string;
  /** Absent: plain text. */
  readonly tls: ClientTls | undefined;
  readonly clock: Clock;
}

/** One call. */
export interface Call {
  readonly method: MethodPlan;
  readonly request: unknown;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Sent along, such as a token. */
  readonly headers?: OutgoingHttpHeaders | undefined;
}

/** The answer, or what went wrong, as a value: an error thrown costs more than the call. */
export type Answer =
  | { readonly value: unknown }
  /** `isUnsent`: the other side has seen nothing of the call. */
  | { readonly error: EtcdError; readonly isUnsent?: boolean };

const CONTENT = { 'content-type': 'application/grpc', te: 'trailers' } as const;

export class UnaryChannel {
  readonly #o: UnaryChannelOptions;
  #session: ClientHttp2Session | undefined;
  #isReady = false;
  #connecting: Promise<EtcdError | undefined> | undefined;
  /** When the other side was heard of last. */
  #heardMs = 0;
  #ping: Timer | undefined;
  #running = 0;
  #closed = false;

  constructor(options: UnaryChannelOptions) {
    this.#o = options;
  }

  /** Whether a call can be sent at once. */
  get isReady(): boolean {
    const session = this.#session;
    return this.#isReady && session !== undefined && !session.closed && !session.destroyed;
  }

  /** Waits for a connection. @returns why there is none */
  reach(timeoutMs: number): Promise<EtcdError | undefined> {
    if (this.isReady) return Promise.resolve(undefined);
    if (this.#closed) return Promise.resolve(this.#unreachable('the client is closed'));
    this.#connecting ??= this.#connect(timeoutMs).finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  /** Sends once; call {@link reach} before. Never rejects. */
  send(call: Call): Promise<Answer> {
    const session = this.#session;
    if (session === undefined || !this.isReady) {
      return Promise.resolve({ error: this.#unreachable('it was lost'), isUnsent: true });
    }
    this.#lookAfter(session);
    if (this.#running === 0) session.ref();
    this.#running += 1;
    return new Promise((resolve) => {
      const exchange = new Exchange(this.#o.clock, call, (answer) => {
        this.#running -= 1;
        if ('value' in answer) this.#heardMs = this.#o.clock.monotonicMs();
        if (this.#running === 0 && !session.destroyed) session.unref();
        resolve(answer);
      });
      exchange.start(session);
    });
  }

  /** Breaks off whatever is under way. */
  close(): void {
    this.#closed = true;
    this.#session?.destroy();
    this.#lost(this.#session);
  }

  #connect(timeoutMs: number): Promise<EtcdError | undefined> {
    const { name, tls, clock } = this.#o;
    return new Promise((resolve) => {
      const session = connect(`${tls === undefined ? 'http' : 'https'}://${name}`, {
        ...(tls !== undefined && { ca: tls.ca, cert: tls.cert, key: tls.key }),
        maxSessionMemory: LIMITS.clientSessionMemoryMb,
        settings: { enablePush: false, initialWindowSize: LIMITS.clientWindowBytes },
      });
      this.#lost(this.#session);
      this.#session = session;
      const timer = clock.setTimeout(() => session.destroy(), timeoutMs);
      let why = 'it did not answer in time';
      // Whoever takes a connection need not be a server: its first words show that it is one.
      session.once('remoteSettings', () => {
        timer.cancel();
        session.setLocalWindowSize(LIMITS.clientWindowBytes);
        session.unref();
        this.#isReady = true;
        this.#heardMs = clock.monotonicMs();
        resolve(undefined);
      });
      session.on('error', (error) => {
        why = errorMessage(error);
      });
      // What runs may still be answered; new calls need a new connection.
      session.on('goaway', () => this.#lost(session));
      session.once('close', () => {
        timer.cancel();
        this.#lost(session);
        resolve(this.#unreachable(why));
      });
    });
  }

  /** A connection may have died without a word while it was not in use: a ping that nobody answers shows it. */
  #lookAfter(session: ClientHttp2Session): void {
    const { clock } = this.#o;
    if (this.#ping !== undefined) return;
    if (clock.monotonicMs() - this.#heardMs < LIMITS.clientQuietMs) return;
    const ping = clock.setTimeout(() => session.destroy(), LIMITS.clientPingAnswerMs);
    this.#ping = ping;
    session.ping(() => {
      ping.cancel();
      if (this.#ping === ping) this.#ping = undefined;
    });
  }

  #lost(session: ClientHttp2Session | undefined): void {
    if (this.#session !== session) return;
    this.#session = undefined;
    this.#isReady = false;
    this.#ping?.cancel();
    this.#ping = undefined;
  }

  #unreachable(why: string): EtcdError {
    return statusError(CODE.unavailable, `no connection to etcd at ${this.#o.name}: ${why}`);
  }
}

/** One request and its answer. */
class Exchange {
  readonly #call: Call;
  readonly #finish: (answer: Answer) => void;
  readonly #reader = new FrameReader(LIMITS.clientAnswerBytes);
  readonly #timer: Timer;
  #stream: ClientHttp2Stream | undefined;
  #message: Buffer | undefined;
  #status: IncomingHttpHeaders | undefined;
  #ended = false;
  #done = false;

  constructor(clock: Clock, call: Call, finish: (answer: Answer) => void) {
    this.#call = call;
    this.#finish = finish;
    this.#timer = clock.setTimeout(() => {
      this.#giveUp(statusError(CODE.deadlineExceeded, 'the time of the call is over'));
    }, call.timeoutMs);
  }

  start(session: ClientHttp2Session): void {
    const { method, request, headers, signal } = this.#call;
    signal?.addEventListener('abort', this.#abort, { once: true });
    let stream: ClientHttp2Stream;
    try {
      const frame = sealFrame(method.request.encode(request as never, FRAME_HEAD_BYTES));
      stream = session.request({
        ...{ ':method': 'POST', ':path': method.path },
        ...CONTENT,
        ...headers,
      });
      stream.end(frame);
    } catch (cause) {
      // The connection closes, or the request cannot be written down.
      const error = statusError(CODE.unavailable, errorMessage(cause));
      this.#conclude({ error, isUnsent: true });
      return;
    }
    this.#stream = stream;
    stream.on('response', (head) => this.#head(head));
    stream.on('data', (chunk: Buffer) => this.#take(chunk));
    stream.on('trailers', (trailers: IncomingHttpHeaders) => {
      this.#status = trailers;
      if (this.#ended) this.#answer();
    });
    stream.on('end', () => {
      this.#ended = true;
      if (this.#status !== undefined) this.#answer();
    });
    stream.on('error', (error) => {
      this.#conclude({ error: statusError(CODE.unavailable, errorMessage(error)) });
    });
    stream.on('close', () => this.#answer());
  }

  #abort = (): void => {
    this.#giveUp(statusError(CODE.cancelled, 'the caller gave the request up'));
  };

  #giveUp(error: EtcdError): void {
    this.#stream?.close(constants.NGHTTP2_CANCEL);
    this.#conclude({ error });
  }

  #head(head: IncomingHttpHeaders): void {
    if (head['grpc-status'] !== undefined) this.#status = head;
    const status = head[':status'] as unknown;
    if (status === 200) return;
    this.#giveUp(statusError(CODE.unavailable, `an answer with HTTP status ${status}`));
  }

  #take(chunk: Buffer): void {
    if (this.#done) return;
    try {
      this.#message = this.#reader.push(chunk)[0] ?? this.#message;
    } catch (error) {
      const what = error instanceof EtcdError ? error : statusError(CODE.internal, String(error));
      this.#giveUp(what);
    }
  }

  #answer(): void {
    if (this.#done) return;
    const code = Number(this.#status?.['grpc-status'] ?? CODE.unavailable);
    if (code !== CODE.ok) {
      const text = this.#status?.['grpc-message'];
      const details = text === undefined ? 'the connection broke' : decoded(String(text));
      this.#conclude({ error: EtcdError.fromWire(code, details) });
      return;
    }
    if (this.#message === undefined) {
      this.#conclude({ error: statusError(CODE.internal, 'the answer holds no message') });
      return;
    }
    try {
      this.#conclude({ value: this.#call.method.response.decode(this.#message) });
    } catch (error) {
      this.#conclude({ error: statusError(CODE.internal, errorMessage(error)) });
    }
  }

  #conclude(answer: Answer): void {
    if (this.#done) return;
    this.#done = true;
    this.#timer.cancel();
    this.#call.signal?.removeEventListener('abort', this.#abort);
    this.#finish(answer);
  }
}

/** A status message as it was before it was written into a header. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Not every server encodes it; then it is what it is.
    return text;
  }
}
