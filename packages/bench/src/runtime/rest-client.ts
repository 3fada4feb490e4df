/** A client of any Kubernetes API server over HTTP/2: many requests and watches on few connections. */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { RestFault } from '../errors.ts';
import { MAX_STREAMS, REQUEST_TIMEOUT_MS, REQUESTS_A_SESSION, WINDOW_BYTES } from '../limits.ts';
import type { Access } from '../rest/kubeconfig.ts';

export type Verb = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface Call {
  readonly verb: Verb;
  readonly path: string;
  readonly body?: object;
  /** Of the body; JSON unless said otherwise. */
  readonly type?: string;
  readonly timeoutMs?: number;
}

export interface WatchEvent {
  readonly type: string;
  readonly object: Record<string, unknown>;
}

export interface Watch {
  /** Settles when the stream has ended, with the last status code seen; never rejects. */
  readonly done: Promise<number>;
  stop(): void;
}

/** Told about every answer: its request, milliseconds, status (0: none came). */
export type OnAnswer = (call: Call, ms: number, status: number) => void;

interface Connection {
  readonly session: ClientHttp2Session;
  streams: number;
  limit: number;
}

/** Connections of one use, opened as streams need them. */
class Pool {
  readonly #access: Access;
  readonly #most: number;
  #connections: Connection[] = [];

  constructor(access: Access, most: number) {
    this.#access = access;
    this.#most = most;
  }

  take(): Connection {
    this.#connections = this.#connections.filter(
      ({ session }) => !session.closed && !session.destroyed,
    );
    const free = this.#connections.find(({ streams, limit }) => streams < limit);
    return free ?? this.#open();
  }

  close(): void {
    for (const { session } of this.#connections) session.destroy();
  }

  #open(): Connection {
    const { server, ca, cert, key } = this.#access;
    const session = connect(server, {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      settings: { initialWindowSize: WINDOW_BYTES },
      maxSessionMemory: 256,
    });
    const made: Connection = { session, streams: 0, limit: Math.min(MAX_STREAMS, this.#most) };
    session.setMaxListeners(0);
    // Streams fail by themselves; without a listener the event would end the process.
    session.on('error', () => session.destroy());
    session.on('goaway', () => session.close());
    session.on('connect', () => session.setLocalWindowSize(WINDOW_BYTES));
    session.on('remoteSettings', ({ maxConcurrentStreams = MAX_STREAMS }) => {
      made.limit = Math.max(1, Math.min(maxConcurrentStreams, this.#most));
    });
    this.#connections.push(made);
    return made;
  }
}

export class RestClient {
  readonly #requests: Pool;
  readonly #watches: Pool;
  readonly #headers: OutgoingHttpHeaders;
  readonly #onAnswer: OnAnswer;

  constructor(access: Access, onAnswer: OnAnswer = () => undefined) {
    this.#requests = new Pool(access, REQUESTS_A_SESSION);
    this.#watches = new Pool(access, MAX_STREAMS);
    this.#onAnswer = onAnswer;
    const { token } = access;
    this.#headers = {
      accept: 'application/json',
      'user-agent': 'kubets-bench',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
  }

  /** @throws RestFault for every status that is not 2xx, and when no answer came */
  async call<T = Record<string, unknown>>(call: Call): Promise<T> {
    const startMs = performance.now();
    const { status, body } = await this.#exchange(call);
    this.#onAnswer(call, performance.now() - startMs, status);
    if (status >= 200 && status < 300) return JSON.parse(body.toString()) as T;
    throw new RestFault(`${call.verb} ${call.path}: ${status} ${messageIn(body)}`, status);
  }

  /** As {@link call}, for its time alone: the answer is read and thrown away. */
  async drop(call: Call): Promise<void> {
    const startMs = performance.now();
    const { status } = await this.#exchange(call, false);
    this.#onAnswer(call, performance.now() - startMs, status);
    if (status < 200 || status >= 300) {
      throw new RestFault(`${call.verb} ${call.path}: ${status}`, status);
    }
  }

  /** The answer as it came, for what is not JSON. @throws RestFault as {@link call} does */
  async text(path: string): Promise<string> {
    const { status, body } = await this.#exchange({ verb: 'GET', path });
    if (status === 200) return body.toString();
    throw new RestFault(`GET ${path}: ${status} ${messageIn(body)}`, status);
  }

  /** @param onEvent undefined: events are received, as somebody has to who watches, but not looked at */
  watch(path: string, onEvent: ((event: WatchEvent) => void) | undefined): Watch {
    const connection = this.#watches.take();
    const stream = this.#stream(connection, { ':method': 'GET', ':path': path });
    const { promise: done, resolve } = Promise.withResolvers<number>();
    if (stream === undefined) {
      setImmediate(() => resolve(0));
      return { done, stop: () => undefined };
    }
    let status = 0;
    let rest = '';
    stream.on('response', (headers) => {
      status = headers[':status'] ?? 0;
    });
    if (onEvent === undefined) stream.resume();
    else stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => {
      if (onEvent === undefined) return;
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (line === '' || status !== 200) continue;
        const event = JSON.parse(line) as WatchEvent;
        if (event.type === 'ERROR') status = Number(event.object.code ?? 500);
        else onEvent(event);
      }
    });
    stream.on('error', () => undefined);
    stream.on('close', () => resolve(status));
    stream.end();
    return { done, stop: () => stream.close(constants.NGHTTP2_CANCEL) };
  }

  close(): void {
    this.#requests.close();
    this.#watches.close();
  }

  #stream(connection: Connection, headers: OutgoingHttpHeaders): ClientHttp2Stream | undefined {
    try {
      const stream = connection.session.request(
        { ...this.#headers, ...headers },
        { endStream: false },
      );
      connection.streams += 1;
      stream.once('close', () => {
        connection.streams -= 1;
      });
      return stream;
    } catch {
      // The connection went away a moment ago: as if no answer had come.
      return undefined;
    }
  }

  #exchange(call: Call, keep = true): Promise<{ status: number; body: Buffer }> {
    const payload = call.body === undefined ? undefined : Buffer.from(JSON.stringify(call.body));
    const stream = this.#stream(this.#requests.take(), {
      ':method': call.verb,
      ':path': call.path,
      ...(payload === undefined
        ? {}
        : {
            'content-type': call.type ?? 'application/json',
            'content-length': payload.length,
          }),
    });
    if (stream === undefined) {
      return new Promise((resolve) => {
        setImmediate(() => resolve({ status: 0, body: Buffer.alloc(0) }));
      });
    }
    return new Promise((resolve) => {
      let status = 0;
      let ended = false;
      const chunks: Buffer[] = [];
      const timeout = setTimeout(
        () => stream.close(constants.NGHTTP2_CANCEL),
        call.timeoutMs ?? REQUEST_TIMEOUT_MS,
      );
      stream.on('response', (headers) => {
        status = headers[':status'] ?? 0;
      });
      stream.on('data', (chunk: Buffer) => {
        if (keep) chunks.push(chunk);
      });
      stream.on('end', () => {
        ended = true;
      });
      stream.on('error', () => undefined);
      stream.on('close', () => {
        clearTimeout(timeout);
        resolve({ status: ended ? status : 0, body: Buffer.concat(chunks) });
      });
      stream.end(payload);
    });
  }
}

/** The message of a Status, or the beginning of whatever came. */
function messageIn(body: Buffer): string {
  const text = body.toString();
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    if (typeof message === 'string') return message;
  } catch {
    // Not a Status: shown as it is.
  }
  return text.slice(0, 200);
}
