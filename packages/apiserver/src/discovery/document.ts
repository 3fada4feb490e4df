import { createHash } from 'node:crypto';
import { yamlLibrary } from '@kubets/platform';
import type { PathRequest, PathResponse } from '../ports.ts';
import { representationOf } from '../rest/negotiate.ts';

/** A document as it goes over the wire, with the tag that names its content. */
export interface Document {
  readonly body: Buffer;
  readonly etag: string;
}

/** Serialises a document; bytes are taken as they are. */
export function documentOf(value: object): Document {
  const body = Buffer.isBuffer(value) ? value : Buffer.from(`${JSON.stringify(value)}\n`);
  const etag = createHash('sha512').update(body).digest('hex').toUpperCase();
  return { body, etag };
}

/**
 * An object without a tag, in the form the client takes: JSON or YAML. Who wants protobuf gets JSON, since these have no
 * messages here. @throws ApiError 406 when it takes neither
 */
export function objectResponse({ query, headers }: PathRequest, value: object): PathResponse {
  const asked = { pretty: query.get('pretty'), userAgent: headers['user-agent'] };
  const { format, pretty } = representationOf(headers.accept, { ...asked, isError: true });
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

/** A document, or 304 when the client has it already. */
export function documentResponse(
  request: PathRequest,
  document: Document,
  headers: Record<string, string>,
): PathResponse {
  const quoted = `"${document.etag}"`;
  const all = { ...headers, etag: quoted };
  const known = (request.headers['if-none-match'] ?? '').split(',').map((tag) => tag.trim());
  if (known.includes(quoted)) return { status: 304, headers: all, body: '' };
  return { status: 200, headers: all, body: document.body };
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

  get(name: string, make: () => object): Document {
    const now = this.#signature();
    if (now !== this.#made) this.#documents.clear();
    this.#made = now;
    const known = this.#documents.get(name);
    if (known) return known;
    const made = documentOf(make());
    this.#documents.set(name, made);
    return made;
  }
}

/** A path without its trailing slash; the root stays `/`. */
export function withoutSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

/** The media types of an Accept header, in order, with their parameters. */
export function acceptedTypes(
  accept: string | undefined,
): { type: string; parameters: Record<string, string> }[] {
  if (!accept) return [{ type: '*/*', parameters: {} }];
  return accept.split(',').map((one) => {
    const [type = '', ...rest] = one.split(';').map((part) => part.trim());
    const pairs = rest.map((part) => part.split('=', 2) as [string, string]);
    return { type: type.toLowerCase(), parameters: Object.fromEntries(pairs) };
  });
}
