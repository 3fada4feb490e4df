/**
 * The component door: one generic gRPC service over every kind. Same stages as REST: authenticate, authorise, registry,
 * encode; objects travel as JSON bytes.
 */
import type {
  handleServerStreamingCall,
  handleUnaryCall,
  ServerUnaryCall,
  ServerWritableStream,
} from '@grpc/grpc-js';
import {
  badRequest,
  type KindRegistry,
  managerOfUserAgent,
  parseExact,
  pathNotFound,
  returnsDeleted,
  unauthorized,
} from '@kubets/api';
import { type Clock, type Logger, peerIdentity } from '@kubets/platform';
import type { Auditor } from '../audit/auditor.ts';
import type { CacheEntry } from '../cache/entry.ts';
import type { Gate } from '../gate.ts';
import { type Heartbeats, isHeartbeatCall } from '../heartbeats.ts';
import { MANY_ITEMS } from '../limits.ts';
import type { ServerMetrics } from '../metrics.ts';
import type {
  AuditTrail,
  Authenticator,
  Authorizer,
  RequestInfo,
  UserInfo,
  VirtualResource,
} from '../ports.ts';
import { authorizeRequest } from '../registry/access.ts';
import type { Target, WriteContext } from '../registry/context.ts';
import { deletedStatus, deleteOptionsFrom } from '../registry/delete-options.ts';
import { parsePatch } from '../registry/patch.ts';
import type { Registry } from '../registry/registry.ts';
import { plainBytes } from '../rest/encode.ts';
import { statusOf } from '../rest/respond.ts';
import { virtualBody } from '../rest/virtual-handler.ts';
import { checkSubresource, infoOf, pathInfoOf, userAgentOf } from './call-facts.ts';
import { grpcError } from './errors.ts';
import type { ExtensionCalls, ExtensionVersion } from './extension-calls.ts';
import { listChunks } from './list-chunks.ts';
import type {
  CreateManyReply,
  CreateManyRequest,
  DeleteRequest,
  DiscoverRequest,
  GetRequest,
  ListChunk,
  ListRequest,
  ObjectReply,
  PatchRequest,
  Ref,
  WatchBatch,
  WatchRequest,
  WriteRequest,
  WriteResult,
} from './messages.ts';
import { PATCH_TYPES } from './messages.ts';
import { Session } from './session.ts';
import { GrpcWatch } from './watch-call.ts';
import { writeAll } from './write-all.ts';

export interface ResourcesDeps {
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  readonly kinds: KindRegistry;
  readonly registry: Registry;
  readonly virtuals: readonly VirtualResource[];
  readonly metrics: ServerMetrics;
  readonly gate: Gate;
  /** Absent: heartbeats are served as they come. */
  readonly heartbeats?: Heartbeats;
  /** Versions other servers have; absent: there are none. */
  readonly extensions?: ExtensionCalls;
  /** The APIResourceList of a version this server has. */
  readonly resourceList: (group: string, version: string) => object | undefined;
  /** Absent: nothing is written down. */
  readonly auditor?: Auditor | undefined;
  readonly newId: () => string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborted when draining begins. */
  readonly signal: AbortSignal;
}

const NO_BYTES = Buffer.alloc(0);

type AnyCall = ServerUnaryCall<unknown, unknown> | ServerWritableStream<unknown, unknown>;

/** A caller who may do what they ask. */
interface Entered {
  readonly info: RequestInfo;
  readonly user: UserInfo;
  readonly userAgent: string;
  readonly audit: AuditTrail | undefined;
}

interface Admitted extends Entered {
  readonly target: Target;
}

interface Asked {
  readonly info: RequestInfo | undefined;
  readonly session: Session;
  readonly limit?: number;
}

/** A request that is under way, for the figures. */
interface Trace {
  readonly info: RequestInfo | undefined;
  readonly startedMs: number;
  readonly isDry: boolean;
}

/** What all requests for objects have in common. */
interface AnyAsk {
  readonly ref?: Ref | null;
  readonly dry_run?: boolean;
}

/** The service's handlers, by their names in the proto file. */
export interface ResourcesHandlers {
  Get: handleUnaryCall<GetRequest, ObjectReply>;
  List: handleServerStreamingCall<ListRequest, ListChunk>;
  Watch: handleServerStreamingCall<WatchRequest, WatchBatch>;
  Create: handleUnaryCall<WriteRequest, ObjectReply>;
  CreateMany: handleUnaryCall<CreateManyRequest, CreateManyReply>;
  Update: handleUnaryCall<WriteRequest, ObjectReply>;
  Patch: handleUnaryCall<PatchRequest, ObjectReply>;
  Delete: handleUnaryCall<DeleteRequest, ObjectReply>;
  Discover: handleUnaryCall<DiscoverRequest, ObjectReply>;
  [name: string]: unknown;
}

export class ResourcesService {
  readonly #o: ResourcesDeps;
  /** What grpc-js calls. */
  readonly handlers: ResourcesHandlers;

  constructor(deps: ResourcesDeps) {
    this.#o = deps;
    this.handlers = {
      Get: this.#unary('get', (a, request) => this.#get(a, request)),
      Create: this.#unary('create', (a, request) => this.#create(a, request)),
      Update: this.#unary('update', (a, request) => this.#update(a, request)),
      Patch: this.#unary('patch', (a, request) => this.#patch(a, request)),
      Delete: this.#unary('delete', (a, request) => this.#delete(a, request)),
      Discover: (call, callback) => {
        this.#discover(call).then(
          (object) => callback(null, { object }),
          (error: unknown) => callback(grpcError(error)),
        );
      },
      CreateMany: (call, callback) => {
        this.#createMany(call).then(
          (reply) => callback(null, reply),
          (error: unknown) => callback(grpcError(error)),
        );
      },
      List: (call) => void this.#list(call),
      Watch: (call) => void this.#watch(call),
    };
  }

  #unary<R extends { ref?: Ref | null }>(
    verb: string,
    work: (admitted: Admitted, request: R) => Promise<Buffer>,
  ): handleUnaryCall<R, ObjectReply> {
    return (call, callback) => {
      const { request } = call;
      this.#serve(call, verb, request, (entered) =>
        this.#do(verb, { entered, request, work }),
      ).then(
        (object) => callback(null, { object }),
        (error: unknown) => callback(grpcError(error)),
      );
    };
  }

  /** Here, or at the server that has the version. */
  async #do<R extends { ref?: Ref | null }>(
    verb: string,
    o: { entered: Entered; request: R; work: (a: Admitted, request: R) => Promise<Buffer> },
  ): Promise<Buffer> {
    const { entered, request } = o;
    const { ref } = request;
    const far = this.#farOf(ref);
    if (!ref || !far) return o.work(this.#targeted(verb, entered, ref), request);
    return far.unary(verb, { ...entered, ref, request });
  }

  /** One request from its admission to its traces in audit log and metrics. */
  async #serve(
    call: AnyCall,
    verb: string,
    { ref, dry_run: isDry = false }: AnyAsk,
    work: (entered: Entered) => Promise<Buffer>,
  ): Promise<Buffer> {
    const info = ref ? infoOf(verb, ref) : undefined;
    const trace = this.#begin(info, isDry);
    const session = this.#session();
    const { heartbeats } = this.#o;
    if (heartbeats && info && isHeartbeatCall(info)) await heartbeats.turn();
    try {
      const object = await work(await this.#admit(call, { info, session }));
      session.audit?.answered(object);
      session.done();
      this.#end(trace, verb === 'create' ? 201 : 200);
      return object;
    } catch (error) {
      session.failed(error);
      this.#end(trace, statusOf(error).code, session.isTurnedAway);
      throw error;
    }
  }

  /** Nothing is shared between the items but the call: one that fails does not touch the others. */
  async #createMany(
    call: ServerUnaryCall<CreateManyRequest, CreateManyReply>,
  ): Promise<CreateManyReply> {
    const { items } = call.request;
    if (items.length > MANY_ITEMS) {
      throw badRequest(`a call may carry ${MANY_ITEMS} items, not ${items.length}`);
    }
    const one = async (item: WriteRequest): Promise<WriteResult> => {
      try {
        const work = (a: Admitted): Promise<Buffer> => this.#create(a, item);
        const make = (entered: Entered) => this.#do('create', { entered, request: item, work });
        await this.#serve(call, 'create', item, make);
        return { status: NO_BYTES };
      } catch (error) {
        return { status: Buffer.from(JSON.stringify(statusOf(error).status)) };
      }
    };
    return { results: await Promise.all(items.map(one)) };
  }

  /** What a version has is no secret: whoever may read the path of the version may know. */
  async #discover(call: ServerUnaryCall<DiscoverRequest, ObjectReply>): Promise<Buffer> {
    const { group, version } = call.request;
    const { extensions, authorizer, resourceList } = this.#o;
    const session = this.#session();
    const info = pathInfoOf(group === '' ? `/api/${version}` : `/apis/${group}/${version}`);
    try {
      const user = await this.#identify(call, info, { session, userAgent: userAgentOf(call) });
      await session.enter(user, info);
      await authorizeRequest(authorizer, user, info, session.audit);
      const far = extensions?.find({ group, version });
      const list = far ? far.discover() : resourceList(group, version);
      if (list === undefined) throw pathNotFound();
      session.done();
      return Buffer.from(JSON.stringify(list));
    } catch (error) {
      session.failed(error);
      throw error;
    }
  }

  #session(): Session {
    const { gate, auditor, newId, clock } = this.#o;
    return new Session({ gate, auditor, newId, now: () => clock.now() });
  }

  async #get({ target }: Admitted, _request: GetRequest): Promise<Buffer> {
    const found = await this.#o.registry.get(target, '');
    return plainBytes(target.def, found);
  }

  async #create(a: Admitted, request: WriteRequest): Promise<Buffer> {
    const json = request.object.toString('utf8');
    a.audit?.requested(json);
    const virtual = this.#virtualOf(a.info);
    if (virtual !== undefined) return this.#compute(virtual, a, request);
    const { target } = a;
    const body = { json, validation: 'Ignore' } as const;
    const made = await this.#o.registry.create(target, body, contextOf(a, request));
    return plainBytes(made.def, made.object);
  }

  async #update(a: Admitted, request: WriteRequest): Promise<Buffer> {
    const json = request.object.toString('utf8');
    a.audit?.requested(json);
    const body = { json, validation: 'Ignore' } as const;
    const { authorizer, registry } = this.#o;
    const mayCreate = (): Promise<void> =>
      authorizeRequest(authorizer, a.user, { ...a.info, verb: 'create' });
    const ctx = { ...contextOf(a, request), mayCreate };
    const made = await registry.update(a.target, body, ctx);
    return plainBytes(made.def, made.object);
  }

  async #patch(a: Admitted, request: PatchRequest): Promise<Buffer> {
    const type = PATCH_TYPES[request.type];
    if (type === undefined) throw badRequest(`unknown patch type ${request.type}`);
    const text = request.patch.toString('utf8');
    a.audit?.requested(text);
    const patch = parsePatch(type, text);
    const ctx = contextOf(a, request);
    const change = { type, patch, validation: 'Ignore' } as const;
    const made = await this.#o.registry.patch(a.target, change, ctx);
    return plainBytes(made.def, made.object);
  }

  async #delete(a: Admitted, request: DeleteRequest): Promise<Buffer> {
    const text = request.options.toString('utf8');
    if (text !== '') a.audit?.requested(text);
    const options = text === '' ? {} : deleteOptionsFrom(parseExact(text));
    const dryRun = (options.dryRun ?? []).length > 0;
    const ctx = { ...contextOf(a, { dry_run: dryRun }), options: { ...options } };
    const { def, object, removed } = await this.#o.registry.delete(a.target, options, ctx);
    if (!removed || returnsDeleted(def)) return plainBytes(def, object);
    return Buffer.from(JSON.stringify(deletedStatus(def, object)));
  }

  async #compute(virtual: VirtualResource, a: Admitted, request: WriteRequest): Promise<Buffer> {
    const { info, user } = a;
    const json = request.object.toString('utf8');
    const object = virtualBody(virtual, this.#o.kinds, json, {
      validation: 'Ignore',
      namespace: info.namespace,
    });
    const query = new URLSearchParams();
    const answer = await virtual.handle({ info, user, query, object, dryRun: request.dry_run });
    return Buffer.from(JSON.stringify(answer.object));
  }

  #list(call: ServerWritableStream<ListRequest, ListChunk>): Promise<void> {
    const { request } = call;
    const limit = Number(request.limit);
    return this.#stream(call, 'list', { ...request, limit }, async (entered, session) => {
      const far = this.#farOf(request.ref);
      if (far) await far.list({ ...entered, request }, call);
      else await this.#listHere(this.#targeted('list', entered, request.ref), call);
      session.done();
    });
  }

  async #listHere(
    { target }: Admitted,
    call: ServerWritableStream<ListRequest, ListChunk>,
  ): Promise<void> {
    const { request } = call;
    const list = await this.#o.registry.list(target, {
      labelSelector: request.label_selector,
      fieldSelector: request.field_selector,
      resourceVersion: request.resource_version,
      limit: Number(request.limit),
      continueToken: request.continue_token,
    });
    const bytes = (entry: CacheEntry): Buffer => plainBytes(target.def, entry);
    await writeAll(call, listChunks(list.entries, bytes, list));
  }

  #watch(call: ServerWritableStream<WatchRequest, WatchBatch>): Promise<void> {
    const { request } = call;
    return this.#stream(call, 'watch', request, async (entered, session) => {
      const over = this.#o.metrics.opened(entered.info);
      for (const event of ['cancelled', 'close']) call.once(event, over);
      const far = this.#farOf(request.ref);
      if (far) await far.watch({ ...entered, request }, call);
      else await this.#watchHere(this.#targeted('watch', entered, request.ref), call);
      session.leave();
      session.audit?.started(200);
      for (const event of ['cancelled', 'close']) call.once(event, () => session.done());
    });
  }

  async #watchHere(
    { target }: Admitted,
    call: ServerWritableStream<WatchRequest, WatchBatch>,
  ): Promise<void> {
    const { request } = call;
    const { registry, metrics, signal } = this.#o;
    const events = metrics.watchEvents(target.def);
    const onFrame = (): void => events.inc();
    const watch = new GrpcWatch({ call, def: target.def, signal, onFrame });
    const options = {
      labelSelector: request.label_selector,
      fieldSelector: request.field_selector,
      resourceVersion: request.resource_version,
      allowWatchBookmarks: request.allow_bookmarks,
    };
    watch.onStop(await registry.watch(target, options, watch));
  }

  /** One call with an answer of many messages, from its admission to its traces. */
  async #stream<R, T>(
    call: ServerWritableStream<R, T>,
    verb: string,
    request: { ref: Ref | null; limit?: number; field_selector: string },
    work: (entered: Entered, session: Session) => Promise<void>,
  ): Promise<void> {
    const { ref, limit, field_selector: fieldSelector } = request;
    const info = ref ? infoOf(verb, ref, fieldSelector) : undefined;
    const trace = this.#begin(info, false);
    const session = this.#session();
    try {
      const asked = { info, session, ...(limit !== undefined && { limit }) };
      await work(await this.#admit(call as AnyCall, asked), session);
      this.#end(trace, 200);
    } catch (error) {
      session.failed(error);
      call.emit('error', grpcError(error));
      this.#end(trace, statusOf(error).code, session.isTurnedAway);
    }
  }

  /** Who calls, and whether they may. */
  async #admit(call: AnyCall, { info, session, limit }: Asked): Promise<Entered> {
    if (info === undefined) throw badRequest('the request names no resource');
    const { authorizer } = this.#o;
    const userAgent = userAgentOf(call);
    const user = await this.#identify(call, info, { session, userAgent });
    await session.enter(user, info, limit);
    const { audit } = session;
    await authorizeRequest(authorizer, user, info, audit);
    return { info, user, userAgent, audit };
  }

  /** The version's kinds are another server's. */
  #farOf(ref: Ref | null | undefined): ExtensionVersion | undefined {
    return ref ? this.#o.extensions?.find(ref) : undefined;
  }

  /** @throws ApiError NotFound for what this server has not */
  #targeted(verb: string, entered: Entered, ref: Ref | null | undefined): Admitted {
    const def = ref && this.#o.kinds.forResource(ref);
    if (!ref || !def) throw pathNotFound();
    const namespace = def.namespaced ? ref.namespace : '';
    const target = { def, namespace, name: ref.name, subresource: ref.subresource };
    checkSubresource(target, verb);
    return { ...entered, target };
  }

  async #identify(
    call: AnyCall,
    info: RequestInfo,
    { session, userAgent }: { session: Session; userAgent: string },
  ): Promise<UserInfo> {
    const facts = () => ({ userAgent, peer: call.getPeer() });
    const [authorization] = call.metadata.get('authorization');
    try {
      const { authenticator, metrics, clock } = this.#o;
      const peer = peerIdentity(call);
      const user = await authenticator.authenticate({
        authorization: authorization?.toString(),
        peer,
      });
      if (user === undefined) throw unauthorized();
      if (peer?.expiresMs !== undefined) metrics.certificate(peer.expiresMs - clock.now());
      session.known(user, info, facts);
      return user;
    } catch (error) {
      if (session.audit === undefined) session.known(undefined, info, facts);
      throw error;
    }
  }

  #virtualOf(info: RequestInfo): VirtualResource | undefined {
    return this.#o.virtuals.find(
      ({ group, version, resource, subresource }) =>
        group === info.apiGroup &&
        version === info.apiVersion &&
        resource === info.resource &&
        subresource === info.subresource,
    );
  }

  #begin(info: RequestInfo | undefined, isDry: boolean): Trace {
    const startedMs = this.#o.clock.monotonicMs();
    if (info !== undefined) this.#o.metrics.begin(info, startedMs);
    return { info, startedMs, isDry };
  }

  #end({ info, startedMs, isDry }: Trace, code: number, isTurnedAway = false): void {
    if (info === undefined) return;
    const { metrics, clock, log } = this.#o;
    const tookMs = clock.monotonicMs() - startedMs;
    metrics.end(info, code, tookMs, isDry ? 'dry-run' : 'plain');
    if (isTurnedAway) metrics.terminated(info, code);
    const { verb, apiGroup, resource, namespace, name } = info;
    log.debug({ door: 'grpc', verb, apiGroup, resource, namespace, name, code, tookMs }, 'request');
  }
}

function contextOf(
  { user, userAgent, audit }: Admitted,
  request: { dry_run: boolean; field_manager?: string },
): WriteContext {
  // The library puts its own name behind that of the component.
  const [component = ''] = userAgent.split(' ', 1);
  const fieldManager = request.field_manager || managerOfUserAgent(component);
  return { user, dryRun: request.dry_run, fieldManager, options: {}, audit, warn: () => undefined };
}
