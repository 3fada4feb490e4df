/** A client of the Kubernetes API over one HTTP/2 connection. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { BenchError } from '../errors.ts';

const WINDOW_BYTES = 64 * 1024 * 1024;

/** Where a server is, and who asks. */
export interface Access {
  readonly url: string;
  readonly token?: string;
  /** A client certificate, when there is no token. */
  readonly certificate?: { readonly cert: string; readonly key: string };
}

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
  /** From the request to the first bytes of the body. */
  readonly firstByteMs: number;
}

export class RestClient {
  readonly #session: ClientHttp2Session;
  readonly #headers: Record<string, string>;

  constructor(access: Access) {
    this.#session = connect(access.url, {
      // The figures are about speed; a server under test has any certificate.
      rejectUnauthorized: false,
      ...access.certificate,
      settings: { initialWindowSize: WINDOW_BYTES },
    });
    this.#session.setMaxListeners(0);
    this.#session.on('error', () => undefined);
    this.#session.on('connect', () => this.#session.setLocalWindowSize(WINDOW_BYTES));
    this.#headers = {
      accept: 'application/json',
      ...(access.token !== undefined && { authorization: `Bearer ${access.token}` }),
    };
  }

  /** Resolves with whatever the server answers. @throws BenchError when the connection breaks */
  ask(
    method: string,
    path: string,
    body?: object,
    contentType = 'application/json',
  ): Promise<Answer> {
    const startedMs = performance.now();
    return new Promise((resolve, reject) => {
      const head = {
        ...{ ':method': method, ':path': path },
        ...this.#headers,
        ...(body !== undefined && { 'content-type': contentType }),
      };
      // Without being told, a DELETE ends with its headers.
      const stream = this.#session.request(head, { endStream: body === undefined });
      const chunks: Buffer[] = [];
      let status = 0;
      let firstByteMs = Number.NaN;
      stream.on('response', (headers) => {
        status = headers[':status'] ?? 0;
      });
      stream.on('data', (chunk: Buffer) => {
        if (chunks.length === 0) firstByteMs = performance.now() - startedMs;
        chunks.push(chunk);
      });
      stream.on('error', (error) => reject(new BenchError(`${method} ${path}: ${error.message}`)));
      stream.on('close', () => {
        if (status === 0) reject(new BenchError(`${method} ${path}: the connection broke`));
        resolve({ status, body: Buffer.concat(chunks), firstByteMs });
      });
      if (body !== undefined) stream.end(JSON.stringify(body));
    });
  }

  /** A merge patch. */
  patch(path: string, body: object): Promise<Answer> {
    return this.ask('PATCH', path, body, 'application/merge-patch+json');
  }

  /** The parsed answer. @throws BenchError unless the status is one of these, 2xx by default */
  async json<T>(method: string, path: string, body?: object, also: number[] = []): Promise<T> {
    const answer = await this.ask(method, path, body);
    const { status } = answer;
    if ((status < 200 || status > 299) && !also.includes(status)) {
      const text = answer.body.toString('utf8').slice(0, 500);
      throw new BenchError(`${method} ${path}: ${status} ${text}`);
    }
    return JSON.parse(answer.body.toString('utf8')) as T;
  }

  /** Opens a watch. */
  watch(path: string, onBytes: (bytes: Buffer) => void): ClientHttp2Stream {
    const stream = this.#session.request({ ':path': path, ...this.#headers });
    stream.on('data', onBytes);
    stream.on('error', () => undefined);
    return stream;
  }

  /** The text of an answer, for `/metrics`. */
  async text(path: string): Promise<string> {
    return (await this.ask('GET', path)).body.toString('utf8');
  }

  close(): void {
    this.#session.destroy();
  }
}

/** The value of a metric without labels; NaN when it is not there. */
export function metricIn(text: string, name: string): number {
  const found = new RegExp(`^${name} ([0-9.e+-]+)$`, 'm').exec(text)?.[1];
  return found === undefined ? Number.NaN : Number(found);
}
