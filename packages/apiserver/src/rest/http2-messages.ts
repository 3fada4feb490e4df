/**
 * Requests and answers over HTTP/2 with the part of Node.js's own interface that the stages use, so that they serve both versions
 * of HTTP. Streams with all that belongs to them are made only for those who pass bodies on.
 */
import { EventEmitter } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import { Readable, Writable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { BodyListener, HeaderField, ServerStream } from '@kubets/platform/http2';
import { CODE } from '@kubets/platform/http2';

export class Http2Request {
  readonly #stream: ServerStream;
  readonly headers: IncomingHttpHeaders;

  constructor(stream: ServerStream) {
    this.#stream = stream;
    // Only `set-cookie` is a list in Node.js's type; requests have none.
    this.headers = stream.head.headers as IncomingHttpHeaders;
  }

  /** The headers, those that came several times as lists of their values. */
  get separateHeaders(): IncomingHttpHeaders {
    const { repeated } = this.#stream.head;
    if (repeated === undefined) return this.headers;
    return Object.assign(Object.create(null), this.headers, repeated);
  }

  get method(): string {
    return this.#stream.head.method;
  }

  get url(): string {
    return this.#stream.head.path;
  }

  /** The connection's. */
  get socket(): TLSSocket {
    return this.#stream.socket as TLSSocket;
  }

  /** Takes the body. Once. `onCut`: the client has gone before its end. */
  listen(body: BodyListener & { onCut(): void }): void {
    const stream = this.#stream;
    stream.listen(body);
    stream.onClose(() => {
      if (!stream.hasBody) body.onCut();
    });
  }

  /** The body as a stream, at the pace of whoever reads it. Once. */
  readable(): Readable {
    const stream = this.#stream;
    const readable = new Readable({ read: () => stream.resume() });
    this.listen({
      onData: (bytes) => {
        if (!readable.push(bytes)) stream.pause();
      },
      onEnd: () => readable.push(null),
      onCut: () => readable.destroy(new Error('the client went away before the body ended')),
    });
    return readable;
  }
}

/** Tells the `date` header; made anew once a second at most. */
export interface DateSource {
  text(): string;
}

export class Http2Response extends EventEmitter<{ close: []; drain: [] }> {
  statusCode = 200;
  /** Bytes of the body that were handed over. */
  sentBytes = 0;
  readonly #stream: ServerStream;
  readonly #date: DateSource;
  readonly #headers = new Map<string, string | readonly string[]>();

  constructor(stream: ServerStream, date: DateSource) {
    super();
    this.#stream = stream;
    this.#date = date;
    stream.onClose(() => this.emit('close'));
    stream.onDrain(() => this.emit('drain'));
  }

  /** Answered in whole, or the client has gone. */
  get isClosed(): boolean {
    return this.#stream.isClosed;
  }

  get headersSent(): boolean {
    return this.#stream.hasAnswered;
  }

  /** Bytes that wait until the client takes more. */
  get writableLength(): number {
    return this.#stream.queuedBytes;
  }

  /** @throws TypeError for a value that no header can have */
  setHeader(name: string, value: string | readonly string[]): void {
    for (const each of typeof value === 'string' ? [value] : value) {
      if (NOT_IN_HEADERS.test(each))
        throw new TypeError(`header ${name}: a character it cannot have`);
    }
    this.#headers.set(name.toLowerCase(), value);
  }

  flushHeaders(): void {
    this.#begin(false);
  }

  /** @returns whether it was sent; `drain` follows when not */
  write(bytes: Buffer): boolean {
    this.#begin(false);
    this.sentBytes += bytes.length;
    this.#stream.write(bytes);
    return this.#stream.queuedBytes === 0;
  }

  end(body?: Buffer | string): void {
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    const isEmpty = bytes === undefined || bytes.length === 0;
    if (isEmpty && !this.headersSent) this.#begin(true);
    else {
      this.#begin(false);
      this.sentBytes += bytes?.length ?? 0;
      this.#stream.end(bytes);
    }
  }

  /** Breaks the answer off. */
  destroy(): void {
    this.#stream.reset(CODE.internalError);
  }

  /** The answer as a stream, for whatever is piped into it. */
  toWritable(): Writable {
    const writable = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        if (this.write(chunk)) done();
        else this.once('drain', done);
      },
      final: (done) => {
        this.end();
        done();
      },
      destroy: (error, done) => {
        this.destroy();
        done(error);
      },
    });
    this.once('close', () => writable.destroy());
    return writable;
  }

  /** Whoever writes a body need not know that there is to be none. */
  #hasNoBody(): boolean {
    return this.#stream.head.method === 'HEAD' || BODILESS.has(this.statusCode);
  }

  #begin(isEnd: boolean): void {
    if (this.headersSent) return;
    const fields: HeaderField[] = [[':status', String(this.statusCode)]];
    for (const [name, value] of this.#headers) {
      if (typeof value === 'string') fields.push([name, value]);
      else for (const each of value) fields.push([name, each]);
    }
    fields.push(['date', this.#date.text()]);
    this.#stream.respond(fields, isEnd || this.#hasNoBody());
  }
}

/** RFC 9110, sections 15.3.5 and 15.4.5. */
const BODILESS: ReadonlySet<number> = new Set([204, 304]);
/** RFC 9110, section 5.5; what is above Latin-1 has no byte. */
const NOT_IN_HEADERS = /[^\t\x20-\x7e\x80-\xff]/;
