/** A connection to one member, and the calls made on it: gRPC over HTTP/2 of the project's own. */
import type { Socket } from 'node:net';
import { type ClientTls, type Clock, invariant } from '@kubets/platform';
import {
  ClientConnection,
  type HeaderFields,
  roomFor,
  type StreamEvents,
  type Ticket,
  writeBlock,
} from '@kubets/platform/http2';
import { dialHttp2 } from '../client/dial.ts';
import { CODE } from '../errors.ts';
import { decodeStatusMessage } from '../server/frames.ts';
import { keepAlive } from './keep-alive.ts';
import { ANSWER_WINDOW_BYTES } from './limits.ts';

/** How a call ended. */
export interface CallStatus {
  /** gRPC's. */
  readonly code: number;
  readonly details: string;
}

export interface CallListener {
  /** The other side has taken the call. */
  onOpen(): void;
  /** The call is over, whoever ended it. Once, and never within the making of the call. */
  onOver(status: CallStatus): void;
}

/** A call in which this side sends frames and the other one answers in the end. */
export interface PeerCall {
  /**
   * One frame at a time; the first may come before the connection is there.
   * @param onTaken the frame is on its way; not called when the call is over before
   */
  write(frame: Buffer, onTaken?: () => void): void;
  /** Nothing more will be sent. */
  end(): void;
  /** Breaks off. */
  cancel(): void;
}

export interface PeerLink {
  /** @throws Error when the connection is gone */
  call(path: string, listener: CallListener): PeerCall;
  /** Breaks off all calls. */
  close(): void;
}

/** Connects; a failure is told to the calls. */
export function linkTo(url: string, clock: Clock, tls: ClientTls | undefined): PeerLink {
  return new Link(new URL(url), clock, tls);
}

class Link implements PeerLink {
  readonly #url: URL;
  readonly #connection: ClientConnection;
  /** Calls made before there was a connection. */
  #early: Call[] = [];
  #isReady = false;
  #end: string | undefined;

  constructor(url: URL, clock: Clock, tls: ClientTls | undefined) {
    this.#url = url;
    this.#connection = new ClientConnection(
      socketTo(url, tls),
      {
        onReady: () => this.#ready(),
        // What runs goes on until the other side is gone.
        onGoAway: () => undefined,
        onClosed: (why) => {
          stopPings();
          this.#closed(why);
        },
      },
      { windowBytes: ANSWER_WINDOW_BYTES },
    );
    const stopPings = keepAlive(this.#connection, clock);
  }

  call(path: string, listener: CallListener): PeerCall {
    const isGone = this.#end !== undefined || (this.#isReady && !this.#connection.isOpen);
    if (isGone) throw new Error(this.#end ?? 'the other side is going away');
    const call = new Call(this.#connection, this.#blockOf(path), listener);
    if (this.#isReady) call.start();
    else this.#early.push(call);
    return call;
  }

  close(): void {
    this.#connection.destroy('the connection was given up');
  }

  #blockOf(path: string): Buffer {
    return writeBlock({
      ':method': 'POST',
      ':scheme': this.#url.protocol.slice(0, -1),
      ':authority': this.#url.host,
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
  }

  #ready(): void {
    this.#isReady = true;
    for (const call of this.#early.splice(0)) call.start();
  }

  #closed(why: string): void {
    this.#end = why;
    for (const call of this.#early.splice(0)) call.onReset(why);
  }
}

function socketTo({ protocol, hostname, port }: URL, tls: ClientTls | undefined): Socket {
  const host = hostname.replace(/^\[|\]$/g, '');
  const isSecure = protocol === 'https:';
  const place = { host, port: Number(port || (isSecure ? 443 : 80)) };
  return dialHttp2(place, isSecure ? (tls ?? {}) : undefined);
}

class Call implements PeerCall, StreamEvents {
  readonly #connection: ClientConnection;
  readonly #block: Buffer;
  readonly #listener: CallListener;
  #ticket: Ticket | undefined;
  /** Sent before there was a connection. */
  #first: { readonly frame: Buffer; readonly onTaken: (() => void) | undefined } | undefined;
  #hasEnded = false;
  #isOver = false;
  #status: CallStatus | undefined;

  constructor(connection: ClientConnection, block: Buffer, listener: CallListener) {
    this.#connection = connection;
    this.#block = block;
    this.#listener = listener;
  }

  start(): void {
    if (this.#isOver) return;
    const block = this.#block;
    const framed = Buffer.alloc(roomFor(block));
    this.#ticket = this.#connection.request({ block, framed, isOpen: true }, this);
    const first = this.#first;
    this.#first = undefined;
    if (first !== undefined) this.write(first.frame, first.onTaken);
    if (this.#hasEnded) this.end();
  }

  write(frame: Buffer, onTaken?: () => void): void {
    if (this.#isOver) return;
    if (this.#ticket !== undefined) this.#connection.writePiece(this.#ticket, frame, onTaken);
    else {
      invariant(this.#first === undefined, 'one frame waits for the connection', {});
      this.#first = { frame, onTaken };
    }
  }

  end(): void {
    this.#hasEnded = true;
    if (this.#ticket !== undefined) this.#connection.end(this.#ticket);
  }

  cancel(): void {
    if (this.#ticket !== undefined) this.#connection.cancel(this.#ticket);
    const details = 'the call was given up';
    queueMicrotask(() => this.#finish({ code: CODE.unavailable, details }));
  }

  onHeaders(fields: HeaderFields): void {
    const { ':status': status, 'grpc-status': code } = fields;
    if (code !== undefined) {
      const details = decodeStatusMessage(fields['grpc-message'] ?? '');
      this.#status = { code: Number(code), details };
    } else if (status !== '200') {
      this.#status = { code: CODE.unavailable, details: `an answer with HTTP status ${status}` };
    } else this.#listener.onOpen();
  }

  /** The answers of these calls say nothing. */
  onData(): void {}

  onEnd(): void {
    const details = 'the call ended without a status';
    this.#finish(this.#status ?? { code: CODE.unavailable, details });
  }

  onReset(why: string): void {
    this.#finish(this.#status ?? { code: CODE.unavailable, details: why });
  }

  #finish(status: CallStatus): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#listener.onOver(status);
  }
}
