/** Requests for resources that are computed: decode, compute, encode. */
import {
  badRequest,
  defaultObject,
  findType,
  formatTime,
  isJsonObject,
  type JsonObject,
  type KindDef,
  type KindRegistry,
  type KubeObject,
  managerOfUserAgent,
  methodNotAllowed,
  parseApiVersion,
  parseJson,
  tableFor,
  trackUpdate,
} from '@kubets/api';
import type {
  AnyRequest,
  AnyResponse,
  AuditTrail,
  RequestInfo,
  UserInfo,
  VirtualResource,
} from '../ports.ts';
import { typeNameOf } from '../protobuf/decode.ts';
import { type BodyOptions, checkNamespace, readOfKind } from '../registry/body.ts';
import { objectBody, readBytes } from './body.ts';
import { includeOf, write } from './encode.ts';
import type { Representation } from './negotiate.ts';
import { writeOptionsOf } from './options.ts';
import { sendBytes } from './respond.ts';

export interface VirtualHttpRequest {
  readonly info: RequestInfo;
  readonly user: UserInfo;
  readonly query: URLSearchParams;
  readonly request: AnyRequest;
  readonly response: AnyResponse;
  readonly representation: Representation;
  readonly warnings: string[];
  readonly audit?: AuditTrail | undefined;
  readonly nowMs: number;
}

/** @throws ApiError */
export async function serveVirtual(
  virtual: VirtualResource,
  kinds: KindRegistry,
  r: VirtualHttpRequest,
): Promise<void> {
  const { info, user, query, request } = r;
  if (!virtual.verbs.includes(info.verb)) throw methodNotAllowed();
  const hasBody = info.verb === 'create';
  const { dryRun, validation, fieldManager } = writeOptionsOf(query, 'CreateOptions');
  const def = bodyDef(virtual, kinds);
  const body = hasBody
    ? objectBody(request.headers['content-type'], await readBytes(request), def?.kind ?? '')
    : undefined;
  if (body !== undefined) r.audit?.requested(body.json);
  const warn = (text: string): void => void r.warnings.push(text);
  const object =
    body === undefined
      ? undefined
      : virtualBody(virtual, kinds, body.json, {
          ...{ validation, warn, namespace: info.namespace },
          ...(body.repeatedKeys && { repeatedKeys: body.repeatedKeys }),
        });
  if (object !== undefined && def !== undefined) {
    defaultObject(def, object);
    const agent = String(request.headers['user-agent'] ?? '');
    const manager = fieldManager || managerOfUserAgent(agent);
    const now = formatTime(r.nowMs);
    trackUpdate({ def, subresource: virtual.subresource, manager, now }, undefined, object);
  }
  const answer = await virtual.handle({ info, user, query, object, dryRun, warn });
  r.audit?.answered(answer.object);
  const table = tableOf(virtual, kinds, answer.object, r);
  const representation = { ...r.representation, as: table ? 'table' : 'object' } as const;
  const bytes = write(table ?? answer.object, representation);
  const { warnings } = r;
  await sendBytes(r.response, bytes, {
    status: answer.code,
    representation,
    warnings,
    gzip: false,
  });
}

/** The Table a reader asked for, of the one object or the list's items. @throws ApiError BadRequest */
function tableOf(
  virtual: VirtualResource,
  kinds: KindRegistry,
  answer: object,
  { info, query, representation, nowMs }: VirtualHttpRequest,
): object | undefined {
  const isRead = info.verb === 'get' || info.verb === 'list';
  const def = isRead && representation.as === 'table' ? kinds.forResource(virtual) : undefined;
  if (def === undefined) return undefined;
  const objects = info.verb === 'list' ? (answer as { items: KubeObject[] }).items : [answer];
  const includeObject = includeOf(query.get('includeObject') ?? '');
  const { metaVersion } = representation;
  return tableFor(def, objects as KubeObject[], { nowMs, includeObject, metaVersion });
}

/** The object of a create on a computed resource, checked against its kind where the schema has that. */
export function virtualBody(
  virtual: VirtualResource,
  kinds: KindRegistry,
  json: string | object,
  o: BodyOptions & { readonly namespace: string; warn?(text: string): void },
): KubeObject {
  const def = bodyDef(virtual, kinds);
  if (def === undefined) {
    const parsed = typeof json === 'string' ? parseJson(json) : json;
    if (!isJsonObject(parsed)) throw badRequest('the body of the request is no object');
    return { metadata: {}, ...parsed };
  }
  const object = readOfKind(def, json as string | JsonObject, o);
  checkNamespace(object, o.namespace);
  return object;
}

/** The kind of the body: the resource's own, or the one a subresource speaks. */
function bodyDef(virtual: VirtualResource, kinds: KindRegistry): KindDef | undefined {
  const def = kinds.forResource(virtual);
  const { bodyKind } = virtual;
  if (bodyKind === undefined || def === undefined) return def;
  const { apiVersion, kind } = bodyKind;
  const typeName = typeNameOf(apiVersion, kind);
  if (findType(typeName) === undefined) return undefined;
  return { ...def, ...parseApiVersion(apiVersion), apiVersion, kind, typeName };
}
