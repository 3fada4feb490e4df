/**
 * Which paths there are, and which methods they take. The stock server answers 404 where no route has the path and 405
 * where one has, but not the method; it has no routes for HEAD and OPTIONS but those of the proxies.
 */
import { type KindDef, lookup, methodNotAllowed, pathNotFound } from '@kubets/api';
import type { RequestInfo } from '../ports.ts';
import { isSwitchedOff } from '../registry/kind-rules.ts';

const READ = ['GET'];
const UPGRADED = ['GET', 'POST'];
const ALL = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];

/** Methods of the subresources that speak raw HTTP. */
const STREAMS: Readonly<Record<string, readonly string[]>> = lookup({
  log: READ,
  exec: UPGRADED,
  attach: UPGRADED,
  portforward: UPGRADED,
  proxy: ALL,
});

/** Verbs of paths that end with an object's name, and of those that do not. */
const OF_ONE: readonly string[] = ['get', 'update', 'patch', 'delete'];
const OF_MANY: readonly string[] = ['list', 'create', 'deletecollection'];

/** A request line as the routes see it: what it means, its method, whether its path begins with `watch/`. */
export interface RouteQuestion {
  readonly info: RequestInfo;
  readonly method: string;
  /** One of the subresources that speak raw HTTP. */
  readonly isStream: boolean;
}

/**
 * Checks the path and the method of a request for a built-in kind.
 * @throws ApiError NotFound, MethodNotAllowed
 */
export function checkRoute(def: KindDef, { info, method, isStream }: RouteQuestion): void {
  const isRaw = isStream && info.subresource === 'proxy';
  if (info.rest.length > 0 && !isRaw) throw pathNotFound();
  if (isOutOfPlace(def, info)) throw pathNotFound();
  if (isStream) {
    if (!STREAMS[info.subresource]?.includes(method)) throw methodNotAllowed();
    return;
  }
  if (isWatchPath(info)) checkWatch(def, info, method);
  else if (info.subresource === '') checkPlain(def, info);
  else if (!def.subresourceDefs.has(info.subresource) || isSwitchedOff(def, info.subresource)) {
    throw pathNotFound();
  }
  if (method === 'HEAD' || method === 'OPTIONS') throw methodNotAllowed();
}

/** The path's parts behind the version. */
const partsOf = ({ path, apiGroup }: RequestInfo): string[] =>
  path
    .replace(/\/$/, '')
    .split('/')
    .slice(apiGroup === '' ? 3 : 4);

/** `/api/v1/watch/…`, the older way to watch. */
const isWatchPath = (info: RequestInfo): boolean => {
  const [first, ...rest] = partsOf(info);
  return first === 'watch' && rest.length > 0;
};

/** Whether the path ends with a name; a name may also come from a field selector. */
function isNamed(info: RequestInfo): boolean {
  if (info.name === '' || info.subresource !== '') return info.subresource !== '';
  const parts = partsOf(info).slice(isWatchPath(info) ? 1 : 0);
  const isInNamespace = info.namespace !== '' && parts.length > 2;
  return parts.length === (isInNamespace ? 4 : 2);
}

function isOutOfPlace(def: KindDef, info: RequestInfo): boolean {
  const { namespace, name } = info;
  const isNamespace = def.group === '' && def.resource === 'namespaces';
  if (isNamespace) return namespace !== '' && namespace !== name;
  if (!def.namespaced) return namespace !== '';
  return namespace === '' && (isNamed(info) || !def.verbs.includes('list'));
}

function checkPlain(def: KindDef, info: RequestInfo): void {
  const verbs = isNamed(info) ? OF_ONE : OF_MANY;
  if (!def.verbs.some((verb) => verbs.includes(verb))) throw pathNotFound();
}

function checkWatch(def: KindDef, { subresource }: RequestInfo, method: string): void {
  if (subresource !== '' || !def.verbs.includes('watch')) throw pathNotFound();
  if (method !== 'GET') throw methodNotAllowed();
}
