import { methodNotAllowed, pathNotFound } from '@kubets/api';
import { type Clock, yamlLibrary } from '@kubets/platform';
import type { PathHandler, PathRequest, PathResponse } from '../ports.ts';
import { discoveryProtobuf } from './discovery-protobuf.ts';
import {
  accepted,
  type Document,
  DocumentCache,
  documentResponse,
  JSON_TYPE,
  objectResponse,
  PROTOBUF_TYPE,
  prettyResponse,
  withoutSlash,
} from './document.ts';
import { OPENAPI_V2_PROTOBUF, openApiV2Protobuf } from './openapi-v2-protobuf.ts';
import { OPENAPI_V3_PROTOBUF, openApiV3Protobuf } from './openapi-v3-protobuf.ts';
import type { DiscoverySource } from './source.ts';

const AGGREGATED_GROUP = 'apidiscovery.k8s.io';
const AGGREGATED_KIND = 'APIGroupDiscoveryList';
/** Forms of discovery, and of their names in Accept headers those that mean JSON. */
const FORMS: ReadonlySet<string> = new Set([JSON_TYPE, 'application/yaml', PROTOBUF_TYPE]);
const isAny = (type: string): boolean => type === '*/*' || type === 'application/*';
/** Upstream compresses what it has encoded when it is larger. */
const COMPRESSED_OBJECT_BYTES = 128 * 1024;
/** Upstream's OpenAPI v2 goes through a handler that compresses what fills more than a packet. */
const COMPRESSED_V2_BYTES = 1_400;

/** `/api`, `/apis` and everything below that is no resource. */
export function discoveryPaths(source: DiscoverySource): PathHandler {
  const cache = new DocumentCache(() => source.signature());

  function root(request: PathRequest, which: 'api' | 'apis'): PathResponse {
    const asked = aggregatedForm(request.headers.accept);
    const vary = { vary: 'Accept' };
    if (asked === undefined) {
      const plain = which === 'api' ? source.apiVersions() : source.groupList();
      const response = objectResponse(request, plain);
      return { ...response, headers: { ...response.headers, ...vary } };
    }
    const { version, form } = asked;
    const name = `${which}/${version}`;
    const document = cache.get(name, () => source.aggregated(which, version));
    const shown = cache.get(`${name}/${form}`, () => inForm(document, form), document);
    const type = `${form};g=${AGGREGATED_GROUP};v=${version};as=${AGGREGATED_KIND}`;
    return documentResponse(request, shown, {
      headers: { ...vary, 'content-type': type, 'cache-control': 'public' },
      compressedAboveBytes: COMPRESSED_OBJECT_BYTES,
    });
  }

  return {
    name: 'discovery',
    async handle(request) {
      const [, first = '', ...rest] = withoutSlash(request.info.path).split('/');
      if (first !== 'api' && first !== 'apis') return undefined;
      if (rest.length === 0) {
        // Upstream's aggregator answers `/apis` whatever the method; `/api` is a route of its own.
        if (first === 'api' && request.method !== 'GET') throw methodNotAllowed();
        return root(request, first);
      }
      if (first === 'api')
        return rest.length === 1 ? version(source, request, ['', rest[0] ?? '']) : undefined;
      const [group = '', name] = rest;
      if (rest.length === 1) return found(request, source.group(group));
      return rest.length === 2 ? version(source, request, [group, name ?? '']) : undefined;
    },
  };
}

const found = (request: PathRequest, document: object | undefined): PathResponse | undefined =>
  document && objectResponse(request, document);

function version(
  source: DiscoverySource,
  request: PathRequest,
  [group, name]: readonly [string, string],
): PathResponse | undefined {
  const { method } = request;
  const list = source.resourceList(group, name);
  if (list && method !== 'GET') throw methodNotAllowed();
  if (list) return objectResponse(request, list);
  if (group === '' || source.group(group)) throw pathNotFound();
  return undefined;
}

/** A form of the aggregated document. */
interface AggregatedForm {
  readonly version: 'v2' | 'v2beta1';
  readonly form: string;
}

/** The aggregated form the client likes best; undefined when it likes the plain one better. */
function aggregatedForm(accept: string | undefined): AggregatedForm | undefined {
  for (const { type, params } of accepted(accept)) {
    if (!FORMS.has(type) && !isAny(type)) continue;
    if (!['g', 'v', 'as'].some((name) => params.has(name))) return undefined;
    if (params.get('g') !== AGGREGATED_GROUP || params.get('as') !== AGGREGATED_KIND) continue;
    const version = params.get('v');
    const form = FORMS.has(type) ? type : JSON_TYPE;
    if (version === 'v2' || version === 'v2beta1') return { version, form };
  }
  return undefined;
}

/** A document that is JSON in another form. */
function inForm({ body }: Document, form: string): Buffer {
  if (form === JSON_TYPE) return body;
  const value = JSON.parse(body.toString()) as object;
  if (form === PROTOBUF_TYPE) return discoveryProtobuf(value) ?? body;
  return Buffer.from(yamlLibrary().stringify(value));
}

const YEAR_MS = 365 * 24 * 60 * 60 * 1_000;
const V3_TYPES: ReadonlySet<string> = new Set([
  OPENAPI_V3_PROTOBUF,
  // Older clients put an @ where newer ones have a dot.
  OPENAPI_V3_PROTOBUF.replace('v3.', 'v3@'),
]);

/** OpenAPI documents end without a line feed. */
const jsonBytes = (value: object): Buffer => Buffer.from(JSON.stringify(value));

/** `/openapi/v3` with one document a group version, and `/openapi/v2`. */
export function openApiPaths(source: DiscoverySource, clock: Clock): PathHandler {
  const cache = new DocumentCache(() => source.signature());
  const pathOf = (group: string, name: string): string =>
    group === '' ? `api/${name}` : `apis/${group}/${name}`;
  const documentAt = (group: string, name: string): Document =>
    cache.get(pathOf(group, name), () => jsonBytes(source.openApiV3(group, name)));

  function index(request: PathRequest): PathResponse {
    const document = cache.get('index', () => {
      const paths: Record<string, { serverRelativeURL: string }> = {};
      for (const { group, version: name } of source.groupVersions()) {
        const { etag } = documentAt(group, name);
        const path = pathOf(group, name);
        paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${etag}` };
      }
      for (const one of source.extensionVersions?.() ?? []) {
        const { openApi } = one;
        if (openApi === undefined) continue;
        paths[pathOf(one.group, one.version)] = { serverRelativeURL: openApi };
      }
      const names = Object.keys(paths).sort();
      return jsonBytes({ paths: Object.fromEntries(names.map((name) => [name, paths[name]])) });
    });
    return documentResponse(request, document, { headers: { vary: 'Accept' } });
  }

  function one(request: PathRequest, path: string): PathResponse {
    const known = source.groupVersions().find((gv) => pathOf(gv.group, gv.version) === path);
    if (!known) return { status: 404, headers: {}, body: '' };
    const vary = { vary: 'Accept' };
    const type = v3Type(request.headers.accept);
    if (type === undefined) return { status: 406, headers: vary, body: '' };
    const json = documentAt(known.group, known.version);
    const hash = request.query.get('hash') ?? '';
    if (hash !== '' && hash !== json.etag) return movedTo(request, json, path);
    const document =
      type === JSON_TYPE
        ? json
        : cache.get(`${path}/protobuf`, () => openApiV3Protobuf(parsed(json)), json);
    // A path with the right hash always means the same content.
    const lasting = hash !== '' && {
      'cache-control': 'public, immutable',
      expires: new Date(clock.now() + YEAR_MS).toUTCString().replace('GMT', 'UTC'),
    };
    return documentResponse(request, document, {
      headers: { 'content-type': type, ...vary, ...lasting },
    });
  }

  return {
    name: 'openapi',
    async handle(request) {
      const path = withoutSlash(request.info.path);
      if (path === '/openapi/v3') return index(request);
      if (path.startsWith('/openapi/v3/')) return one(request, path.slice('/openapi/v3/'.length));
      if (path !== '/openapi/v2') return undefined;
      const type = v2Type(request.headers.accept);
      if (type === undefined) return { status: 406, headers: { vary: 'Accept' }, body: '' };
      const json = cache.get('v2', () => jsonBytes(source.openApiV2()));
      const document =
        type === JSON_TYPE
          ? json
          : cache.get('v2-protobuf', () => openApiV2Protobuf(parsed(json)), json);
      return documentResponse(request, document, {
        headers: { 'content-type': type, vary: 'Accept-Encoding, Accept' },
        compressedAboveBytes: COMPRESSED_V2_BYTES,
      });
    },
  };
}

const parsed = ({ body }: Document): object => JSON.parse(body.toString()) as object;

/** Sends a client with an old hash to the newest. */
function movedTo(request: PathRequest, { etag }: Document, path: string): PathResponse {
  const location = `/openapi/v3/${path}?hash=${etag}`;
  const body = request.method === 'GET' ? `<a href="${location}">Moved Permanently</a>.\n\n` : '';
  const type = body === '' ? undefined : { 'content-type': 'text/html; charset=utf-8' };
  return { status: 301, headers: { location, vary: 'Accept', etag: `"${etag}"`, ...type }, body };
}

/** The form of an OpenAPI v3 document the client likes best; undefined when it takes neither. */
function v3Type(accept: string | undefined): string | undefined {
  for (const { type } of accepted(accept)) {
    if (type === JSON_TYPE || isAny(type)) return JSON_TYPE;
    if (V3_TYPES.has(type)) return OPENAPI_V3_PROTOBUF;
  }
  return undefined;
}

/** The form of the OpenAPI v2 document the client likes best; undefined when it takes neither. */
function v2Type(accept: string | undefined): string | undefined {
  for (const { type } of accepted(accept)) {
    if (type === JSON_TYPE || isAny(type)) return JSON_TYPE;
    // Older clients put an @ where newer ones have a dot.
    if (type.replace('@', '.') === OPENAPI_V2_PROTOBUF) return OPENAPI_V2_PROTOBUF;
  }
  return undefined;
}

const FIXED_PATHS = [
  '/.well-known/openid-configuration',
  '/api',
  '/apis',
  '/apis/',
  '/metrics',
  '/metrics/slis',
  '/openapi/v2',
  '/openapi/v3',
  '/openapi/v3/',
  '/openid/v1/jwks',
  '/version',
];

/** `/`: the list of paths; `more` are those beyond the fixed ones and the groups. */
export function rootPath(source: DiscoverySource, more: readonly string[] = []): PathHandler {
  return {
    name: 'root',
    async handle({ info }) {
      if (info.path !== '/') return undefined;
      const versions = [...source.groupVersions(), ...(source.extensionVersions?.() ?? [])];
      const groups = versions.flatMap(({ group, version: name }) =>
        group === '' ? [`/api/${name}`] : [`/apis/${group}`, `/apis/${group}/${name}`],
      );
      return prettyResponse({ paths: [...new Set([...FIXED_PATHS, ...groups, ...more])].sort() });
    },
  };
}
