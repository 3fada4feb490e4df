/** The head of a request out of its header fields (RFC 9113, section 8.3.1). */

import { FIELD_BYTES } from './header-table.ts';
import type { HeaderField } from './hpack.ts';

/** Names are lower case. Of a header that may come once the first counts; of others the values are joined, as HTTP/1 has it. */
export type RequestHeaders = Readonly<Record<string, string | undefined>>;

export interface RequestHead {
  readonly method: string;
  /** Path and query; empty for CONNECT. */
  readonly path: string;
  readonly scheme: string;
  readonly authority: string;
  readonly headers: RequestHeaders;
  /** The values, each for itself, of headers that came more than once; undefined when none did. */
  readonly repeated: Readonly<Record<string, readonly string[]>> | undefined;
  /** What the body is to have; undefined when the client does not say. */
  readonly contentLength: number | undefined;
}

const ONCE: ReadonlySet<string> = new Set([
  ...['age', 'authorization', 'content-type', 'etag', 'expires', 'from', 'host'],
  ...['if-modified-since', 'if-unmodified-since', 'last-modified', 'location', 'max-forwards'],
  ...['proxy-authorization', 'referer', 'retry-after', 'server', 'user-agent'],
]);
/** They belong to one connection of HTTP/1 and have no meaning here (section 8.2.2). */
const OF_CONNECTIONS: ReadonlySet<string> = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'],
]);
const PSEUDO: ReadonlySet<string> = new Set([':method', ':path', ':scheme', ':authority']);
/** RFC 9110, section 5.6.2, without upper case. */
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

const NUL = 0;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

function isPlain(value: string): boolean {
  for (let i = 0; i < value.length; i += 1) {
    const code = value.charCodeAt(i);
    if (code > CARRIAGE_RETURN) continue;
    if (code === NUL || code === LINE_FEED || code === CARRIAGE_RETURN) return false;
  }
  return true;
}

/** Gathers the fields of one request. */
export class HeadBuilder {
  readonly #pseudo: Record<string, string> = Object.create(null);
  readonly #headers: Record<string, string> = Object.create(null);
  #repeated: Record<string, string[]> | undefined;
  #hasHeaders = false;
  #isMalformed = false;
  #bytes = 0;

  /** Bytes of the fields as limits count them (section 6.5.2). */
  get bytes(): number {
    return this.#bytes;
  }

  readonly take = (field: HeaderField): void => {
    const [name, value] = field;
    this.#bytes += name.length + value.length + FIELD_BYTES;
    if (!isPlain(value)) this.#isMalformed = true;
    else if (name.charCodeAt(0) === 0x3a) this.#takePseudo(name, value);
    else this.#takeHeader(name, value);
  };

  #takePseudo(name: string, value: string): void {
    if (this.#hasHeaders || !PSEUDO.has(name) || this.#pseudo[name] !== undefined) {
      this.#isMalformed = true;
    }
    this.#pseudo[name] = value;
  }

  #takeHeader(name: string, value: string): void {
    this.#hasHeaders = true;
    const former = this.#headers[name];
    if (former === undefined) {
      if (!NAME.test(name) || OF_CONNECTIONS.has(name)) this.#isMalformed = true;
      if (name === 'te' && value !== 'trailers') this.#isMalformed = true;
      this.#headers[name] = value;
    } else if (name === 'content-length') {
      if (former !== value) this.#isMalformed = true;
    } else if (!ONCE.has(name)) {
      this.#repeated ??= Object.create(null) as Record<string, string[]>;
      const values = this.#repeated[name];
      if (values === undefined) this.#repeated[name] = [former, value];
      else values.push(value);
      this.#headers[name] = `${former}${name === 'cookie' ? '; ' : ', '}${value}`;
    }
  }

  /** @returns undefined for a request that breaks the rules */
  build(): RequestHead | undefined {
    const { ':method': method, ':path': path = '', ':scheme': scheme = '' } = this.#pseudo;
    if (this.#isMalformed || method === undefined) return undefined;
    if (method !== 'CONNECT' && (path === '' || scheme === '')) return undefined;
    const length = this.#headers['content-length'];
    if (length !== undefined && !/^\d{1,15}$/.test(length)) return undefined;
    return {
      method,
      path,
      scheme,
      authority: this.#pseudo[':authority'] ?? '',
      headers: this.#headers,
      repeated: this.#repeated,
      contentLength: length === undefined ? undefined : Number(length),
    };
  }
}
