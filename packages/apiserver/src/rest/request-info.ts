/** What a method and a path mean: the grammar of the API's URLs. */
import { lookup } from '@kubets/api';
import type { RequestInfo } from '../ports.ts';

const VERBS: Readonly<Record<string, string>> = lookup({
  GET: 'get',
  HEAD: 'get',
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
});

/** Words after `namespaces/NAME` that are subresources of the namespace, not resources in it. */
const NAMESPACE_SUBRESOURCES: ReadonlySet<string> = new Set(['status', 'finalize']);

/** Reads a request line. Never throws: what is no resource path is a non-resource request. */
export function requestInfoOf(method: string, path: string, query: URLSearchParams): RequestInfo {
  const plain = nonResource(method, path);
  const parts = path.replace(/^\//, '').replace(/\/$/, '').split('/').map(decodedSegment);
  const [root] = parts;
  if (root === 'api' && parts.length >= 3) {
    return resourceInfo(plain, { group: '', version: parts[1] ?? '', rest: parts.slice(2) }, query);
  }
  if (root === 'apis' && parts.length >= 4) {
    const [, group = '', version = '', ...rest] = parts;
    return resourceInfo(plain, { group, version, rest }, query);
  }
  return plain;
}

function nonResource(method: string, path: string): RequestInfo {
  return {
    isResourceRequest: false,
    path,
    verb: method.toLowerCase(),
    apiGroup: '',
    apiVersion: '',
    namespace: '',
    resource: '',
    subresource: '',
    name: '',
    rest: [],
  };
}

interface GroupPath {
  readonly group: string;
  readonly version: string;
  readonly rest: readonly string[];
}

function resourceInfo(plain: RequestInfo, at: GroupPath, query: URLSearchParams): RequestInfo {
  const method = plain.verb.toUpperCase();
  let verb = VERBS[method] ?? plain.verb;
  let parts = at.rest;
  if (parts[0] === 'watch' && parts.length > 1) {
    verb = 'watch';
    parts = parts.slice(1);
  }
  let namespace = '';
  if (parts[0] === 'namespaces' && parts.length > 1) {
    namespace = parts[1] ?? '';
    if (parts.length > 2 && !NAMESPACE_SUBRESOURCES.has(parts[2] ?? '')) parts = parts.slice(2);
  }
  const [resource = '', name = '', subresource = '', ...rest] = parts;
  const info: RequestInfo = {
    ...plain,
    isResourceRequest: true,
    apiGroup: at.group,
    apiVersion: at.version,
    verb,
    namespace,
    resource,
    name,
    subresource,
    rest,
  };
  return name === '' ? collection(info, query) : info;
}

/** A request without a name is about the collection, and may still select one object. */
function collection(info: RequestInfo, query: URLSearchParams): RequestInfo {
  const fieldSelector = query.get('fieldSelector') ?? '';
  const byName = /(?:^|,)metadata\.name==?([^,=]+)(?:,|$)/.exec(fieldSelector);
  const name = byName?.[1] ?? '';
  const labelSelector = query.get('labelSelector') ?? '';
  const selected = {
    ...{ ...info, name },
    ...(fieldSelector !== '' && { fieldSelector }),
    ...(labelSelector !== '' && { labelSelector }),
  };
  if (info.verb === 'get') return { ...selected, verb: isWatch(query) ? 'watch' : 'list' };
  if (info.verb === 'watch') return selected;
  if (info.verb === 'delete') return { ...selected, verb: 'deletecollection' };
  return info;
}

/** `watch`, `watch=1`, `watch=true`: anything but a plain no. */
function isWatch(query: URLSearchParams): boolean {
  const value = query.get('watch');
  return value !== null && value !== '0' && value.toLowerCase() !== 'false';
}

/** A part of a path as it was meant; as it is when it cannot be read. */
export function decodedSegment(part: string): string {
  if (!part.includes('%')) return part;
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
