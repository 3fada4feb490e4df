import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { yamlLibrary } from '@kubets/platform';
import type { PathRequest, PathResponse } from '../ports.ts';
import { type Clause, clausesOf, representationOf } from '../rest/negotiate.ts';
import { discoveryProtobuf } from './discovery-protobuf.ts';

export const JSON_TYPE = 'application/json';
export const PROTOBUF_TYPE = 'application/vnd.kubernetes.protobuf';

/** A document as it goes over the wire, with the tag that names its content. */
export interface Document {
  readonly body: Buffer;
  readonly etag: string;
}

/** Serialises a document; bytes are taken as they are. @param etag of the content these bytes are another form of */
export function documentOf(value: object, etag?: string): Document {
  const body = Buffer.isBuffer(value) ? value : Buffer.from(`${JSON.stringify(value)}\n`);
  return { body, etag: etag ?? createHash('sha512').update(body).digest('hex').toUpperCase() };
}

/** An object without a tag, in the form the client takes: JSON, YAML or protobuf. @throws ApiError 406 when it takes none */
export function objectResponse({ query, headers }: PathRequest, value: object): PathResponse {
  const asked = { pretty: query.get('pretty'), userAgent: headers['user-agent'] };
  const { format, pretty } = representationOf(headers.accept, { ...asked, isError: true });
  if (format === 'protobuf') {
    const body = discoveryProtobuf(value);
    if (body !== undefined)
      return { status: 200, headers: { 'content-type': PROTOBUF_TYPE }, body };
  }
  if (format !== 'yaml') return pretty ? prettyResponse(value) : jsonText(JSON.stringify(value));
  const body = yamlLibrary().stringify(value);
  return { status: 200, headers: { 'content-type': 'application/yaml' }, body };
}

/** A JSON answer that is always laid out for people, as upstream's of paths without objects are. */
export function prettyResponse(value: object): PathResponse {
  return jsonText(JSON.stringify(value, null, 2));
}

function jsonText(text: string): PathResponse {
  const headers = { 'content-type': 'application/json' };
  return { status: 200, headers, body: Buffer.from(text) };
}

/** What an answer with a document says beside its bytes. */
export interface DocumentOptions {
  readonly headers: Readonly<Record<string, string>>;
  /** Larger ones are compressed for clients that take it; undefined: none is. */
  readonly compressedAboveBytes?: number;
}

const compressed = new WeakMap<Document, Buffer>();

/** A document, or 304 when the client has it already. */
export function documentResponse(
  request: PathRequest,
  document: Document,
  { headers, compressedAboveBytes = Number.POSITIVE_INFINITY }: DocumentOptions,
): PathResponse {
  const quoted = `"${document.etag}"`;
  const { 'content-type': type = JSON_TYPE, ...rest } = headers;
  const all = { ...rest, etag: quoted };
  const known = (request.headers['if-none-match'] ?? '').split(',').map((tag) => tag.trim());
  if (known.some((tag) => tag === '*' || tag.replace(/^W\//, '') === quoted)) {
    return { status: 304, headers: all, body: '' };
  }
  const typed = { ...all, 'content-type': type };
  const takesGzip = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''));
  if (!takesGzip || document.body.length <= compressedAboveBytes) {
    return { status: 200, headers: typed, body: document.body };
  }
  const body = compressed.get(document) ?? gzipSync(document.body, { level: 1 });
  compressed.set(document, body);
  return { status: 200, headers: { ...typed, 'content-encoding': 'gzip' }, body };
}

/** Keeps documents until what they were made from changes. */
export class DocumentCache {
  readonly #signature: () => string;
  readonly #documents = new Map<string, Document>();
  #made = '';

  /** @param signature cheap text that changes whenever any document would */
  constructor(signature: () => string) {
    this.#signature = signature;
  }

  /** @param of the document of which this is another form: they have one tag */
  get(name: string, make: () => object, of?: Document): Document {
    const now = this.#signature();
    if (now !== this.#made) this.#documents.clear();
    this.#made = now;
    const known = this.#documents.get(name);
    if (known) return known;
    const made = documentOf(make(), of?.etag);
    this.#documents.set(name, made);
    return made;
  }
}

/** A path without its trailing slash; the root stays `/`. */
export function withoutSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

/** What an Accept header takes, best first; without one, everything. */
export function accepted(accept: string | undefined): readonly Clause[] {
  return clausesOf(accept === undefined || accept.trim() === '' ? '*/*' : accept);
}
