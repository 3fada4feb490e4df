/** A connection to one member, and the calls made on it: gRPC over `node:http2`, without a general client's layers. */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from 'node:http2';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type ClientTls, type Clock, errorMessage } from '@kubets/platform';
import { CODE } from '../errors.ts';
import { decodeStatusMessage } from '../server/frames.ts';
import { keepAlive } from './keep-alive.ts';
import { SESSION_MEMORY_MB } from './limits.ts';

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
  /** @param onTaken the connection has taken the frame, or never will */
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
  const socket = socketTo(new URL(url), tls);
  // A session whose greeting was refused in the middle of a write would wait for that write for ever.
  socket.once('error', () => socket.destroy());
  const session = connect(url, {
    createConnection: () => socket,
    maxSessionMemory: SESSION_MEMORY_MB,
    settings: { enablePush: false },
  });
  // Its calls hear of it.
  session.on('error', () => undefined);
  keepAlive(session, clock);
  return {
    call: (path, listener) => {
      // The session itself may say nothing of its end.
      const lost = (): void => call.lost();
      const call = new Http2Call(session, path, {
        onOpen: () => listener.onOpen(),
        onOver: (status) => {
          socket.off('close', lost);
          listener.onOver(status);
        },
      });
      socket.once('close', lost);
      return call;
    },
    close: () => {
      session.destroy();
      socket.destroy();
    },
  };
}

function socketTo({ protocol, hostname, port }: URL, tls: ClientTls | undefined): Socket {
  const host = hostname.replace(/^\[|\]$/g, '');
  if (protocol !== 'https:') {
    return connectTcp({ host, port: Number(port || 80), noDelay: true });
  }
  const socket = connectTls({
    ...{ host, port: Number(port || 443), ALPNProtocols: ['h2'] },
    ...(isIP(host) === 0 && { servername: host }),
    ...(tls !== undefined && { ca: tls.ca, cert: tls.cert, key: tls.key }),
  });
  socket.setNoDelay(true);
  return socket;
}

class Http2Call implements PeerCall {
  readonly #stream: ClientHttp2Stream;
  readonly #listener: CallListener;
  #status: CallStatus | undefined;
  #why = 'the connection is gone';
  #over = false;

  constructor(session: ClientHttp2Session, path: string, listener: CallListener) {
    this.#listener = listener;
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    this.#stream = stream;
    stream.on('response', (headers) => this.#answered(headers));
    stream.on('trailers', (trailers: IncomingHttpHeaders) => this.#ended(trailers));
    stream.on('error', (error) => {
      this.#why = errorMessage(error);
    });
    stream.on('close', () => this.#finish());
    // The answers of these calls say nothing.
    stream.resume();
  }

  #answered(headers: IncomingHttpHeaders): void {
    const status: unknown = headers[':status'];
    if (status !== 200) {
      this.#status = { code: CODE.unavailable, details: `an answer with HTTP status ${status}` };
      this.#finish();
    } else if (headers['grpc-status'] !== undefined) this.#ended(headers);
    else this.#listener.onOpen();
  }

  #ended(trailers: IncomingHttpHeaders): void {
    this.#status = {
      code: Number(trailers['grpc-status'] ?? CODE.unknown),
      details: decodeStatusMessage(String(trailers['grpc-message'] ?? '')),
    };
    this.#finish();
  }

  /** The connection is gone. */
  lost(): void {
    this.#finish();
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    const status = this.#status ?? { code: CODE.unavailable, details: this.#why };
    // The other side may still wait for more.
    this.#stream.close(constants.NGHTTP2_CANCEL);
    this.#listener.onOver(status);
  }

  write(frame: Buffer, onTaken?: () => void): void {
    if (this.#over) return;
    this.#stream.write(frame, onTaken);
  }

  end(): void {
    this.#stream.end();
  }

  cancel(): void {
    this.#stream.close(constants.NGHTTP2_CANCEL);
  }
}
