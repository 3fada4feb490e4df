import { methodNotAllowed, notAcceptable, pathNotFound } from '@kubets/api';
import type { PathHandler, PathRequest, PathResponse } from '../ports.ts';
import {
  acceptedTypes,
  DocumentCache,
  documentResponse,
  objectResponse,
  prettyResponse,
  withoutSlash,
} from './document.ts';
import { OPENAPI_V2_PROTOBUF, openApiV2Protobuf } from './openapi-v2-protobuf.ts';
import type { DiscoverySource } from './source.ts';

const AGGREGATED_GROUP = 'apidiscovery.k8s.io';
const AGGREGATED_KIND = 'APIGroupDiscoveryList';
const JSON_TYPE = 'application/json';

/** `/api`, `/apis` and everything below that is no resource. */
export function discoveryPaths(source: DiscoverySource): PathHandler {
  const cache = new DocumentCache(() => source.signature());

  function root(request: PathRequest, which: 'api' | 'apis'): PathResponse {
    const version = aggregatedVersion(request.headers.accept);
    const vary = { vary: 'Accept' };
    if (version === undefined) {
      const plain = which === 'api' ? source.apiVersions() : source.groupList();
      const response = objectResponse(request, plain);
      return { ...response, headers: { ...response.headers, ...vary } };
    }
    const document = cache.get(`${which}/${version}`, () => source.aggregated(which, version));
    const type = `${JSON_TYPE};g=${AGGREGATED_GROUP};v=${version};as=${AGGREGATED_KIND}`;
    return documentResponse(request, document, { ...vary, 'content-type': type });
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

/** The newest aggregated form the client asks for; undefined when it wants the plain one. */
function aggregatedVersion(accept: string | undefined): 'v2' | 'v2beta1' | undefined {
  for (const { type, parameters } of acceptedTypes(accept)) {
    if (type !== JSON_TYPE && type !== '*/*' && type !== 'application/*') continue;
    if (parameters.g === undefined) return undefined;
    if (parameters.g !== AGGREGATED_GROUP || parameters.as !== AGGREGATED_KIND) continue;
    if (parameters.v === 'v2' || parameters.v === 'v2beta1') return parameters.v;
  }
  return undefined;
}

const YEAR_SECONDS = 31_536_000;

/** `/openapi/v3` with one document a group version, and `/openapi/v2`. */
export function openApiPaths(source: DiscoverySource): PathHandler {
  const cache = new DocumentCache(() => source.signature());
  const pathOf = (group: string, name: string): string =>
    group === '' ? `api/${name}` : `apis/${group}/${name}`;

  function index(request: PathRequest): PathResponse {
    const document = cache.get('index', () => {
      const paths: Record<string, { serverRelativeURL: string }> = {};
      for (const { group, version: name } of source.groupVersions()) {
        const path = pathOf(group, name);
        const { etag } = cache.get(path, () => source.openApiV3(group, name));
        paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${etag}` };
      }
      for (const one of source.extensionVersions?.() ?? []) {
        const { openApi } = one;
        if (openApi === undefined) continue;
        paths[pathOf(one.group, one.version)] = { serverRelativeURL: openApi };
      }
      return { paths };
    });
    return documentResponse(request, document, { 'content-type': JSON_TYPE, vary: 'Accept' });
  }

  function one(request: PathRequest, path: string): PathResponse | undefined {
    const known = source.groupVersions().find((gv) => pathOf(gv.group, gv.version) === path);
    if (!known) return undefined;
    const document = cache.get(path, () => source.openApiV3(known.group, known.version));
    const hash = request.query.get('hash');
    if (hash !== null && hash !== document.etag) {
      const location = `/openapi/v3/${path}?hash=${document.etag}`;
      return { status: 301, headers: { location }, body: '' };
    }
    // A path with the right hash always means the same content.
    const caching =
      hash === null ? 'no-cache, private' : `public, immutable, max-age=${YEAR_SECONDS}`;
    const headers = { 'content-type': JSON_TYPE, 'cache-control': caching, vary: 'Accept' };
    return documentResponse(request, document, headers);
  }

  return {
    name: 'openapi',
    async handle(request) {
      const path = withoutSlash(request.info.path);
      if (path === '/openapi/v3') return index(request);
      if (path.startsWith('/openapi/v3/')) return one(request, path.slice('/openapi/v3/'.length));
      if (path !== '/openapi/v2') return undefined;
      const type = v2Type(request.headers.accept);
      const make = () => source.openApiV2();
      const document =
        type === JSON_TYPE
          ? cache.get('v2', make)
          : cache.get('v2-protobuf', () => openApiV2Protobuf(make()));
      return documentResponse(request, document, { 'content-type': type, vary: 'Accept' });
    },
  };
}

/** The form of the OpenAPI v2 document the client likes best. @throws ApiError 406 when it takes neither */
function v2Type(accept: string | undefined): string {
  for (const { type } of acceptedTypes(accept)) {
    if ([JSON_TYPE, '*/*', 'application/*'].includes(type)) return JSON_TYPE;
    // Older clients put an @ where newer ones have a dot.
    if (type.replace('@', '.') === OPENAPI_V2_PROTOBUF) return OPENAPI_V2_PROTOBUF;
  }
  const known = `application/json, ${OPENAPI_V2_PROTOBUF}`;
  throw notAcceptable(`only the following media types are accepted: ${known}`);
}

const FIXED_PATHS = [
  '/.well-known/openid-configuration',
  '/api',
  '/apis',
  '/healthz',
  '/livez',
  '/metrics',
  '/metrics/slis',
  '/openapi/v2',
  '/openapi/v3',
  '/openid/v1/jwks',
  '/readyz',
  '/version',
];

/** `/`: the list of paths. */
export function rootPath(source: DiscoverySource): PathHandler {
  return {
    name: 'root',
    async handle({ info }) {
      if (info.path !== '/') return undefined;
      const versions = [...source.groupVersions(), ...(source.extensionVersions?.() ?? [])];
      const groups = versions.flatMap(({ group, version: name }) =>
        group === '' ? [`/api/${name}`] : [`/apis/${group}`, `/apis/${group}/${name}`],
      );
      return prettyResponse({ paths: [...new Set([...FIXED_PATHS, ...groups])].sort() });
    },
  };
}
