/** Requests for stored resources: from a checked request to the registry and back to bytes. */
import {
  ApiError,
  isExpired,
  type KindDef,
  lookup,
  managerOfUserAgent,
  methodNotAllowed,
  methodNotSupported,
  notFound,
  parseJson,
  pathNotFound,
  returnsDeleted,
  unclassified,
  unsupportedMediaType,
} from '@kubets/api';
import type { Clock, Random, Tally } from '@kubets/platform';
import type { AnyRequest, AnyResponse, AuditTrail, RequestInfo, UserInfo } from '../ports.ts';
import type { ObjectResult, Target, WriteContext } from '../registry/context.ts';
import {
  type DeleteOptions,
  deletedStatus,
  deleteOptionsFrom,
} from '../registry/delete-options.ts';
import { isSwitchedOff } from '../registry/kind-rules.ts';
import type { ListOptions } from '../registry/list-options.ts';
import { type PatchType, parsePatch, strictErrorsOf } from '../registry/patch.ts';
import type { ListResult } from '../registry/read.ts';
import type { Registry } from '../registry/registry.ts';
import { appliedBody, mediaTypeOf, objectBody, readBytes } from './body.ts';
import { type EncodeContext, encodeList, encodeObject, includeOf, plainBytes } from './encode.ts';
import { isGone } from './gone.ts';
import type { Representation } from './negotiate.ts';
import { deleteOptionsOf, listOptionsOf, refuseExport, writeOptionsOf } from './options.ts';
import { type ReplyOptions, sendBytes, sendPieces } from './respond.ts';
import { WatchStream } from './watch-stream.ts';

/** One request that has passed authentication and authorisation. */
export interface ResourceRequest {
  readonly info: RequestInfo;
  readonly def: KindDef;
  readonly user: UserInfo;
  readonly query: URLSearchParams;
  readonly request: AnyRequest;
  readonly response: AnyResponse;
  readonly representation: Representation;
  readonly warnings: string[];
  readonly audit?: AuditTrail | undefined;
  /** Throws unless the user may also create the object: a PUT may turn out to be a create. */
  mayCreate(): Promise<void>;
  /** Aborted when the server drains. */
  readonly signal: AbortSignal;
}

export interface ResourceHandlerDeps {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly random: Random;
  /** A watch that names no time ends after this long, up to twice as much. */
  readonly minWatchMs: number;
  /** What counts the events of a kind's watches. */
  readonly watchEvents: (def: KindDef) => Tally;
}

const PATCH_TYPES: Readonly<Record<string, PatchType>> = lookup({
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
});

export class ResourceHandler {
  readonly #o: ResourceHandlerDeps;

  constructor(deps: ResourceHandlerDeps) {
    this.#o = deps;
  }

  /** Answers the request. Rejects with an `ApiError` while nothing has been written. */
  handle(r: ResourceRequest): Promise<void> {
    checkVerb(r);
    switch (r.info.verb) {
      case 'get':
        return this.#get(r);
      case 'list':
        return this.#list(r);
      case 'watch':
        return this.#watch(r);
      case 'create':
        return this.#create(r);
      case 'update':
        return this.#update(r);
      case 'patch':
        return this.#patch(r);
      case 'delete':
        return this.#delete(r);
      case 'deletecollection':
        return this.#deleteCollection(r);
      default:
        return Promise.reject(methodNotAllowed());
    }
  }

  async #get(r: ResourceRequest): Promise<void> {
    refuseExport(r.query);
    const found = await this.#o.registry.get(targetOf(r), r.query.get('resourceVersion') ?? '');
    if (r.audit?.keepsAnswer()) r.audit.answered(plainBytes(r.def, found));
    await sendBytes(r.response, encodeObject(r.def, found, this.#encoding(r)), reply(r, 200));
  }

  async #list(r: ResourceRequest): Promise<void> {
    const list = await this.#o.registry.list(targetOf(r), listOptionsOf(r.query));
    noteList(r, list);
    await sendPieces(r.response, encodeList(list, this.#encoding(r)), reply(r, 200));
  }

  async #watch(r: ResourceRequest): Promise<void> {
    const { registry, clock, random, minWatchMs } = this.#o;
    const { def, response, signal } = r;
    const options = watchOptionsOf(r);
    const includeObject = r.query.get('includeObject') ?? '';
    if (r.representation.as === 'table') includeOf(includeObject);
    const events = this.#o.watchEvents(def);
    const stream = new WatchStream({
      def,
      response,
      encode: { representation: { ...r.representation, pretty: false }, includeObject },
      timeoutSeconds: options.timeoutSeconds,
      minWatchMs,
      clock,
      random,
      signal,
      onFrame: () => events.inc(),
    });
    try {
      const stop = await registry.watch(targetOf(r), options, stream);
      stream.begin();
      r.audit?.started(200);
      stream.onStop(stop);
    } catch (error) {
      if (!isExpired(error)) throw error;
      stream.fail(error);
    }
  }

  async #create(r: ResourceRequest): Promise<void> {
    const options = writeOptionsOf(r.query, 'CreateOptions');
    const read = objectBody(typeOf(r), await readBytes(r.request), r.def.kind);
    r.audit?.requested(read.json);
    const { validation } = options;
    const ctx = writeContext(r, options, options.sent);
    const made = await this.#o.registry.create(targetOf(r), { ...read, validation }, ctx);
    await this.#sendResult(r, made);
  }

  async #update(r: ResourceRequest): Promise<void> {
    const options = writeOptionsOf(r.query, 'UpdateOptions');
    const read = objectBody(typeOf(r), await readBytes(r.request), r.def.kind);
    r.audit?.requested(read.json);
    const { validation } = options;
    const ctx = writeContext(r, options, options.sent);
    const made = await this.#o.registry.update(targetOf(r), { ...read, validation }, ctx);
    await this.#sendResult(r, made);
  }

  async #patch(r: ResourceRequest): Promise<void> {
    const mediaType = mediaTypeOf(r.request.headers['content-type']);
    if (mediaType === APPLY_TYPE) return this.#apply(r);
    const type = PATCH_TYPES[mediaType];
    if (r.def.rules?.unstructured && (type === undefined || type === 'strategic')) {
      throw unsupportedMediaType(UNSTRUCTURED_PATCHES);
    }
    if (type === undefined) throw unsupportedPatch();
    const options = writeOptionsOf(r.query, 'PatchOptions');
    const text = (await readBytes(r.request)).toString('utf8');
    r.audit?.requested(text);
    const patch = parsePatch(type, text);
    const { validation } = options;
    const strictErrors = validation === 'Ignore' ? [] : strictErrorsOf(type, text, patch);
    const ctx = writeContext(r, options, options.sent);
    const change = { type, patch, validation, strictErrors };
    const made = await this.#o.registry.patch(targetOf(r), change, ctx);
    await this.#sendResult(r, made);
  }

  async #apply(r: ResourceRequest): Promise<void> {
    const options = writeOptionsOf(r.query, 'PatchOptions', true);
    const { force, validation } = options;
    const ctx = writeContext(r, options, options.sent);
    const config = appliedBody(await readBytes(r.request), validation, (text) => ctx.warn(text));
    r.audit?.requested(config);
    const made = await this.#o.registry.apply(targetOf(r), { config, force }, ctx);
    await this.#sendResult(r, made);
  }

  async #delete(r: ResourceRequest): Promise<void> {
    const { options, dryRun } = deleteOptionsOf(r.query, await this.#deleteBody(r));
    const { def } = r;
    const ctx = writeContext(r, { dryRun }, options);
    const gone = await this.#o.registry.delete(targetOf(r), options, ctx);
    const isWhole = !gone.removed || returnsDeleted(def);
    const answer = isWhole ? gone.object : deletedStatus(def, gone.object);
    warnOfOrphans(r, options);
    if (r.audit?.keepsAnswer()) r.audit.answered(plainBytes(def, answer));
    // Who asks for dependents to go, in the old way, is told that the object has yet to.
    const status = !gone.removed && options.orphanDependents === false ? 202 : 200;
    await sendBytes(r.response, encodeObject(def, answer, this.#encoding(r)), reply(r, status));
  }

  async #deleteCollection(r: ResourceRequest): Promise<void> {
    const list = listOptionsOf(r.query);
    const { options, dryRun } = deleteOptionsOf(r.query, await this.#deleteBody(r));
    const ctx = writeContext(r, { dryRun }, options);
    const both = { list, delete: options };
    const gone = await this.#o.registry.deleteCollection(targetOf(r), both, ctx);
    noteList(r, gone);
    await sendPieces(r.response, encodeList(gone, this.#encoding(r)), reply(r, 200));
  }

  async #deleteBody(r: ResourceRequest): Promise<DeleteOptions | undefined> {
    const bytes = await readBytes(r.request);
    if (bytes.length === 0) return undefined;
    const { json: body } = objectBody(typeOf(r), bytes, 'DeleteOptions');
    r.audit?.requested(body);
    return deleteOptionsFrom(typeof body === 'string' ? deleteJson(body) : body);
  }

  #sendResult(r: ResourceRequest, made: ObjectResult): Promise<void> {
    const shown = made.entry ?? made.object;
    if (r.audit?.keepsAnswer()) r.audit.answered(plainBytes(made.def, shown));
    const bytes = encodeObject(made.def, shown, this.#encoding(r));
    return sendBytes(r.response, bytes, reply(r, made.created ? 201 : 200));
  }

  #encoding(r: ResourceRequest): EncodeContext {
    const includeObject = r.query.get('includeObject') ?? '';
    return { representation: r.representation, includeObject, nowMs: this.#o.clock.now() };
  }
}

/** The options of a watch; the older path `/watch/…/NAME` names one object without a selector. */
function watchOptionsOf({ info, query }: ResourceRequest): ListOptions {
  const options = listOptionsOf(query);
  if (info.name === '' || options.fieldSelector) return options;
  return { ...options, fieldSelector: `metadata.name=${info.name}` };
}

/** Tells the audit log of a list, if it wants it whole. */
function noteList(r: ResourceRequest, list: ListResult): void {
  if (!r.audit?.keepsAnswer()) return;
  r.audit.answered(Buffer.concat([...encodeList(list, PLAIN)]));
}

/** As the audit log has it: JSON of the whole, whatever the client asked for. */
const PLAIN: EncodeContext = {
  representation: { as: 'object', metaVersion: 'v1', format: 'json', pretty: false },
  includeObject: '',
  nowMs: 0,
};

/** @throws ApiError 500 without a reason, as the stock server answers to a body of a delete that is no JSON */
function deleteJson(text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    throw unclassified(error instanceof Error ? error.message : String(error));
  }
}

const typeOf = ({ request }: ResourceRequest): string | undefined =>
  request.headers['content-type'];

function targetOf(r: ResourceRequest): Target {
  const { info, def } = r;
  const namespace = def.namespaced ? info.namespace : '';
  return { def, namespace, name: info.name, subresource: info.subresource };
}

function writeContext(
  r: ResourceRequest,
  o: { dryRun: boolean; fieldManager?: string },
  options: object = {},
): WriteContext {
  const fieldManager =
    o.fieldManager || managerOfUserAgent(String(r.request.headers['user-agent'] ?? ''));
  return {
    user: r.user,
    dryRun: o.dryRun,
    fieldManager,
    options: options as Readonly<Record<string, unknown>>,
    audit: r.audit,
    mayCreate: () => r.mayCreate(),
    isOver: () => r.response.headersSent || isGone(r.response),
    warn: (text) => {
      if (!r.warnings.includes(text)) r.warnings.push(text);
    },
  };
}

function reply(r: ResourceRequest, status: number): ReplyOptions {
  const { representation, warnings, request } = r;
  const gzip = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''));
  return { status, representation, warnings, gzip, headOnly: request.method === 'HEAD' };
}

/** @throws ApiError 404 and 405 as the stock server's routes do */
function checkVerb(r: ResourceRequest): void {
  const { info, def } = r;
  const { verb, subresource, namespace, name } = info;
  if (subresource !== '') {
    const sub = def.subresourceDefs.get(subresource);
    if (sub === undefined && def.rules?.unstructured) throw notFound(def, name);
    if (sub === undefined || isSwitchedOff(def, subresource)) throw pathNotFound();
    if (sub.verbs.includes(verb)) return;
    throw def.rules?.unstructured ? methodNotSupported(def, verb) : methodNotAllowed();
  }
  const named = verb === 'get' || verb === 'update' || verb === 'patch' || verb === 'delete';
  if (
    named !== isNamed(r) &&
    !(verb === 'list' || verb === 'watch' || verb === 'deletecollection')
  ) {
    throw methodNotAllowed();
  }
  if (!def.verbs.includes(verb)) throw methodNotAllowed();
  const inNamespace = namespace !== '' || !def.namespaced;
  if (!inNamespace && (verb === 'create' || verb === 'deletecollection')) throw methodNotAllowed();
  if (!inNamespace && name !== '' && named) throw pathNotFound();
  if (def.namespaced || def.resource === 'namespaces') return;
  if (namespace !== '') throw pathNotFound();
}

/** Whether the path itself names an object (a field selector does not count). */
function isNamed(r: ResourceRequest): boolean {
  const { verb, name } = r.info;
  return name !== '' && verb !== 'list' && verb !== 'watch' && verb !== 'deletecollection';
}

/** Without a fixed structure there is nothing a strategic merge could go by. */
const UNSTRUCTURED_PATCHES = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/apply-patch+yaml',
];

const APPLY_TYPE = 'application/apply-patch+yaml';

function unsupportedPatch(): ApiError {
  const message = '415: Unsupported Media Type';
  return new ApiError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason: 'UnsupportedMediaType',
    details: {},
    code: 415,
  });
}

function warnOfOrphans(r: ResourceRequest, options: DeleteOptions): void {
  const isJob = r.def.group === 'batch' && r.def.resource === 'jobs';
  if (!isJob || options.propagationPolicy !== undefined || options.orphanDependents !== undefined) {
    return;
  }
  r.warnings.push(
    'child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning',
  );
}
