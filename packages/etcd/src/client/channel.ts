/**
 * gRPC calls to one endpoint, all over one connection: what the store says about a write as an answer and as an event comes
 * in one piece, and wakes us once. A general gRPC client takes a call through a dozen layers of its own, and a general HTTP/2
 * client makes a stream with two sides of each: for the small calls a store gets, either costs several times what the call
 * itself does.
 */

import type { Socket } from 'node:net';
import { type ClientTls, type Clock, errorMessage, type Timer } from '@kubets/platform';
import {
  ClientConnection,
  type HeaderFields,
  type Outgoing,
  roomFor,
  writeBlock,
} from '@kubets/platform/http2';
import type { MethodPlan } from '../codec/index.ts';
import { CODE, type EtcdError, statusError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { FRAME_HEAD_BYTES, sealFrame } from '../server/frames.ts';
import { dialHttp2 } from './dial.ts';
import { MessageStream, type MessageStreamEvents } from './message-stream.ts';
import { type Answer, type Call, Exchange } from './unary-exchange.ts';

export type { Answer, Call } from './unary-exchange.ts';

/** A stream under way. */
export interface StreamCall {
  /** Sends one more message. @returns false when it was not taken: the stream does not run, or too much waits */
  write(request: unknown): boolean;
  /** Gives it up; nothing more is told. */
  cancel(): void;
}

export interface ChannelOptions {
  /** `host:port`. */
  readonly name: string;
  /** Absent: plain text. */
  readonly tls: ClientTls | undefined;
  readonly clock: Clock;
}

/** A connection and what it runs over. */
interface Session {
  readonly socket: Socket;
  readonly connection: ClientConnection;
  running: number;
  /** Of those that run, the ones that may be silent for long. */
  streams: number;
}

/** What a stream tells, and what is sent along with its request. */
export interface StreamEvents extends MessageStreamEvents {
  readonly headers?: HeaderFields;
}

/** A connection that nothing runs on does not keep the process alive. */
function begin(session: Session): void {
  if (session.running === 0) session.socket.ref();
  session.running += 1;
}

function end(session: Session): void {
  session.running -= 1;
  if (session.running === 0) session.socket.unref();
}

export class Channel {
  readonly #o: ChannelOptions;
  /** Headers of calls that send none of their own, by path: the methods of the store. */
  readonly #blocks = new Map<string, Buffer>();
  #session: Session | undefined;
  #connecting: Promise<EtcdError | undefined> | undefined;
  /** When the other side was heard of last. */
  #heardMs = 0;
  #ping: Timer | undefined;
  #watch: Timer | undefined;
  #closed = false;

  constructor(options: ChannelOptions) {
    this.#o = options;
  }

  /** Whether a call can be sent at once. */
  get isReady(): boolean {
    return this.#session?.connection.isOpen === true;
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
    let outgoing: Outgoing;
    try {
      outgoing = this.#outgoing(call);
    } catch (cause) {
      // The request cannot be written down.
      const error = statusError(CODE.unavailable, errorMessage(cause));
      return Promise.resolve({ error, isUnsent: true });
    }
    this.#lookAfter(session);
    begin(session);
    return new Promise((resolve) => {
      const exchange = new Exchange(this.#o.clock, call, (answer) => {
        if ('value' in answer) this.#heardMs = this.#o.clock.monotonicMs();
        end(session);
        resolve(answer);
      });
      exchange.start(session.connection, outgoing);
    });
  }

  /**
   * Opens a stream with a first message; call {@link reach} before. The connection is looked after for as long as it runs.
   * @returns undefined when there is no connection
   */
  stream(method: MethodPlan, request: unknown, events: StreamEvents): StreamCall | undefined {
    const session = this.#session;
    if (session === undefined || !this.isReady) return undefined;
    const { headers, onMessage, onEnd } = events;
    const outgoing = { ...this.#outgoing({ method, request, headers }), isOpen: true };
    begin(session);
    session.streams += 1;
    const heard = (bytes: Buffer): void => {
      this.#heardMs = this.#o.clock.monotonicMs();
      onMessage(bytes);
    };
    const stream = new MessageStream({ onMessage: heard, onEnd }, () => {
      session.streams -= 1;
      end(session);
    });
    stream.start(session.connection, outgoing);
    this.#lookAfterStreams(session);
    return {
      write: (next) =>
        stream.write(sealFrame(method.request.encode(next as never, FRAME_HEAD_BYTES))),
      cancel: () => stream.cancel(),
    };
  }

  /** Breaks off whatever is under way. */
  close(): void {
    this.#closed = true;
    this.#session?.connection.destroy('the client is closed');
  }

  #outgoing({ method, request, headers }: Omit<Call, 'timeoutMs'>): Outgoing {
    const block = headers === undefined ? this.#plainBlock(method) : this.#block(method, headers);
    const room = roomFor(block) + FRAME_HEAD_BYTES;
    const framed = method.request.encode(request as never, room);
    sealFrame(framed.subarray(room - FRAME_HEAD_BYTES));
    return { block, framed };
  }

  #plainBlock(method: MethodPlan): Buffer {
    const known = this.#blocks.get(method.path);
    if (known !== undefined) return known;
    const block = this.#block(method, {});
    this.#blocks.set(method.path, block);
    return block;
  }

  #block({ path }: MethodPlan, headers: HeaderFields): Buffer {
    const { name, tls } = this.#o;
    return writeBlock({
      ':method': 'POST',
      ':scheme': tls === undefined ? 'http' : 'https',
      ':authority': name,
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    });
  }

  #connect(timeoutMs: number): Promise<EtcdError | undefined> {
    const { clock } = this.#o;
    return new Promise((resolve) => {
      const socket = this.#dial();
      const onReady = (): void => {
        timer.cancel();
        socket.unref();
        this.#heardMs = clock.monotonicMs();
        resolve(undefined);
      };
      const onClosed = (why: string): void => {
        timer.cancel();
        this.#lost(session);
        resolve(this.#unreachable(why));
      };
      // What runs may still be answered; new calls need a new connection.
      const onGoAway = (): void => this.#lost(session);
      const limits = { windowBytes: LIMITS.clientWindowBytes };
      const connection = new ClientConnection(socket, { onReady, onGoAway, onClosed }, limits);
      const session: Session = { socket, connection, running: 0, streams: 0 };
      this.#lost(this.#session);
      this.#session = session;
      const late = (): void => connection.destroy('it did not answer in time');
      const timer = clock.setTimeout(late, timeoutMs);
    });
  }

  #dial(): Socket {
    const { name, tls } = this.#o;
    const at = name.lastIndexOf(':');
    const host = name.slice(0, at).replace(/^\[(.*)\]$/, '$1');
    const port = Number(name.slice(at + 1));
    return dialHttp2({ host, port }, tls);
  }

  /** A connection may have died without a word while it was not in use: a ping that nobody answers shows it. */
  #lookAfter({ connection }: Session): void {
    const { clock } = this.#o;
    if (this.#ping !== undefined) return;
    if (clock.monotonicMs() - this.#heardMs < LIMITS.clientQuietMs) return;
    const silent = (): void => connection.destroy('it does not answer a ping');
    const ping = clock.setTimeout(silent, LIMITS.clientPingAnswerMs);
    this.#ping = ping;
    connection.ping(() => {
      ping.cancel();
      if (this.#ping === ping) this.#ping = undefined;
    });
  }

  /** Nobody asks anything while a stream is silent, so it is looked after from time to time. */
  #lookAfterStreams(session: Session): void {
    if (this.#watch !== undefined) return;
    this.#watch = this.#o.clock.setTimeout(() => {
      this.#watch = undefined;
      if (this.#session !== session || session.streams === 0) return;
      this.#lookAfter(session);
      this.#lookAfterStreams(session);
    }, LIMITS.clientQuietMs);
  }

  #lost(session: Session | undefined): void {
    if (this.#session !== session) return;
    this.#session = undefined;
    this.#ping?.cancel();
    this.#ping = undefined;
    this.#watch?.cancel();
    this.#watch = undefined;
  }

  #unreachable(why: string): EtcdError {
    return statusError(CODE.unavailable, `no connection to etcd at ${this.#o.name}: ${why}`);
  }
}
