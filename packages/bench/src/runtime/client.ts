/** A gRPC client over one HTTP/2 connection: prebuilt frames out, raw messages in. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { BenchError } from '../errors.ts';
import type { Request } from '../etcd/requests.ts';
import { FrameSplitter } from '../wire.ts';

const HEADERS = { ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers' };
const WINDOW_BYTES = 64 * 1024 * 1024;

/** A stream in both directions. */
export interface Duplex {
  send(frame: Buffer): void;
  /** Reads nothing more: what the other end sends stays there once the window is full. */
  pause(): void;
  resume(): void;
  close(): void;
}

export class Client {
  readonly #session: ClientHttp2Session;

  /** @param endpoint `host:port` @param windowBytes what the other end may send ahead */
  constructor(endpoint: string, windowBytes: number = WINDOW_BYTES) {
    this.#session = connect(`http://${endpoint}`, {
      settings: { initialWindowSize: windowBytes },
    });
    // Calls fail by themselves; without a listener the event would end the process.
    this.#session.on('error', () => undefined);
    this.#session.on('connect', () => this.#session.setLocalWindowSize(windowBytes));
  }

  /** @returns the answer's message @throws BenchError for every status but OK, and when it takes too long */
  call(request: Request, timeoutMs = 120_000): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const stream = this.#session.request({ ...HEADERS, ':path': request.path });
      const timer = setTimeout(() => fail(`no answer in ${timeoutMs} ms`), timeoutMs);
      let status: string | undefined;
      let answer: Buffer | undefined;
      const fail = (why: string): void => {
        clearTimeout(timer);
        stream.close();
        reject(new BenchError(`${request.path}: ${why}`));
      };
      const splitter = new FrameSplitter();
      const noteStatus = (headers: Record<string, unknown>): void => {
        const found = headers['grpc-status'];
        if (found !== undefined)
          status = `${String(found)} ${String(headers['grpc-message'] ?? '')}`;
      };
      stream.on('response', noteStatus);
      stream.on('trailers', noteStatus);
      stream.on('data', (chunk: Buffer) => {
        splitter.push(chunk, (message) => {
          answer = message;
        });
      });
      stream.on('error', (error) => fail(error.message));
      stream.on('close', () => {
        clearTimeout(timer);
        if (status?.startsWith('0') && answer !== undefined) resolve(answer);
        else fail(status ?? 'the connection broke');
      });
      stream.end(request.body);
    });
  }

  /** Opens a stream. */
  open(path: string, onMessage: (message: Buffer) => void): Duplex {
    const stream: ClientHttp2Stream = this.#session.request({ ...HEADERS, ':path': path });
    const splitter = new FrameSplitter();
    stream.on('data', (chunk: Buffer) => splitter.push(chunk, onMessage));
    stream.on('error', () => undefined);
    return {
      send: (bytes) => void stream.write(bytes),
      pause: () => void stream.pause(),
      resume: () => void stream.resume(),
      close: () => stream.close(),
    };
  }

  close(): void {
    this.#session.destroy();
  }
}

/** Runs work over all items, so many at a time. */
export async function forEachLimited<T>(
  items: Iterable<T>,
  limit: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const queue = items[Symbol.iterator]();
  const runner = async (): Promise<void> => {
    for (let next = queue.next(); next.done !== true; next = queue.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: limit }, runner));
}
