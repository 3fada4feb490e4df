/**
 * The request path of the REST door, stage by stage. Whatever a stage throws becomes the Status of the answer.
 */
import {
  ApiError,
  type GroupVersionResource,
  type KindDef,
  type KindRegistry,
  pathNotFound,
  serviceUnavailable,
  unauthorized,
} from '@kubets/api';
import type { Clock, Logger } from '@kubets/platform';
import type { Auditor } from '../audit/auditor.ts';
import type { AuditRecord, RequestFacts } from '../audit/record.ts';
import { sourceIpsOf } from '../audit/source-ips.ts';
import { PlainTextError } from '../auth/impersonation.ts';
import { authorizationOf } from '../auth/socket-token.ts';
import type { CrossOrigin } from '../cross-origin.ts';
import type { Gate, Pass } from '../gate.ts';
import { type Heartbeats, isHeartbeat } from '../heartbeats.ts';
import type { RequestManner, ServerMetrics } from '../metrics.ts';
import type {
  AnyRequest,
  AnyResponse,
  Authenticator,
  Authorizer,
  ExtensionRoute,
  ExtensionRoutes,
  Impersonator,
  PathHandler,
  RequestInfo,
  StreamHandler,
  UserInfo,
  VirtualResource,
} from '../ports.ts';
import { authorizeRequest } from '../registry/access.ts';
import { goneSignal, isGone } from './gone.ts';
import { type Representation, representationOf } from './negotiate.ts';
import type { Peers } from './peer.ts';
import { requestInfoOf } from './request-info.ts';
import { inTime, limitMsOf } from './request-limit.ts';
import type { ResourceHandler } from './resource-handler.ts';
import { bytesOf, sendError, statusOf } from './respond.ts';
import { checkRoute } from './routes.ts';
import { separateHeadersOf } from './separate-headers.ts';
import { checkUrlTimeout } from './url-timeout.ts';
import { serveVirtual } from './virtual-handler.ts';

export interface RestDeps {
  readonly authenticator: Authenticator;
  readonly impersonator: Impersonator;
  readonly authorizer: Authorizer;
  readonly kinds: KindRegistry;
  readonly resources: ResourceHandler;
  readonly virtuals: readonly VirtualResource[];
  readonly streams: readonly StreamHandler[];
  readonly paths: readonly PathHandler[];
  /** Versions other servers have. */
  readonly extensions?: ExtensionRoutes;
  readonly metrics: ServerMetrics;
  readonly gate: Gate;
  /** Absent: heartbeats are served as they come. */
  readonly heartbeats?: Heartbeats;
  /** What a request may take at most that is not open-ended. */
  readonly longestMs: number;
  /** Absent: browsers show answers to pages of this server alone. */
  readonly crossOrigin?: CrossOrigin | undefined;
  /** The HSTS header of every answer. */
  readonly strictTransport?: string | undefined;
  /** Absent: nothing is written down. */
  readonly auditor?: Auditor | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborted when draining begins. */
  readonly signal: AbortSignal;
  readonly newId: () => string;
}

/** A request, read and asked for by somebody known who may. */
interface Admitted {
  readonly info: RequestInfo;
  readonly user: UserInfo;
  readonly query: URLSearchParams;
}

/** What is known of a request on its way. */
interface Scope {
  readonly info: RequestInfo;
  readonly query: URLSearchParams;
  readonly auditId: string;
  readonly warnings: string[];
  audit: AuditRecord | undefined;
  /** Whether it waits for a seat, or has been refused one. */
  isBeforeGate: boolean;
}

const SWITCHING = 101;
const NOT_MODIFIED = 304;
const PLAIN: Representation = { as: 'object', metaVersion: 'v1', format: 'json', pretty: false };

export class RestHandler {
  readonly #o: RestDeps;

  constructor(deps: RestDeps) {
    this.#o = deps;
  }

  /** Answers one request. Never rejects. */
  async handle(request: AnyRequest, response: AnyResponse, peers: Peers): Promise<void> {
    const { clock, metrics, log, heartbeats } = this.#o;
    const startedMs = clock.monotonicMs();
    if (heartbeats && isHeartbeat(request.method, request.url)) await heartbeats.turn();
    const { info, query } = readLine(request);
    const { verb, path } = info;
    metrics.begin(info, startedMs);
    const auditId = auditIdOf(request) ?? this.#o.newId();
    const scope = scopeOf(info, query, auditId);
    let isLate = false;
    try {
      response.setHeader('audit-id', auditId);
      const { strictTransport } = this.#o;
      if (strictTransport) response.setHeader('strict-transport-security', strictTransport);
      const limitMs = limitMsOf(info, query, this.#o.longestMs);
      const work = this.#serve(scope, { request, response, peers });
      const onLate = (): void => {
        isLate = true;
      };
      await (limitMs === undefined ? work : inTime(work, { limitMs, clock, onLate }));
      this.#close(scope, response);
    } catch (error) {
      this.#noteFailure(scope, error);
      const form = errorForm(request, query);
      await this.#fail(response, error, scope, form).catch((again: unknown) => {
        // A client that has gone cannot be told anything.
        log.debug({ verb, path, err: again }, 'the answer could not be sent');
        response.destroy();
      });
    }
    const tookMs = clock.monotonicMs() - startedMs;
    const { statusCode } = response;
    metrics.end(info, statusCode, tookMs, mannerOf(info, request, query), bytesOf(response));
    if (scope.isBeforeGate || isLate) metrics.terminated(info, statusCode);
    log.debug({ verb, path, status: statusCode, tookMs }, 'request');
  }

  /** Everything between the head of a request and its answer. */
  async #serve(
    scope: Scope,
    o: { request: AnyRequest; response: AnyResponse; peers: Peers },
  ): Promise<void> {
    const { info, query } = scope;
    const { request, response } = o;
    const { gate, authorizer, crossOrigin } = this.#o;
    if (crossOrigin?.(request, response)) return;
    const user = await this.#identify(request, scope, o.peers);
    let pass: Pass | undefined;
    try {
      if (!this.#isOpenEnded(info)) {
        scope.isBeforeGate = true;
        const entered = gate.enter({ user, info, query, response });
        pass = entered instanceof Promise ? await entered : entered;
        scope.isBeforeGate = false;
      }
      await authorizeRequest(authorizer, user, info, scope.audit);
      const isOpen = info.verb === 'watch' || this.#streamOf(info) !== undefined;
      if (isOpen) this.#noteOpen(info, response);
      await this.#dispatch({ info, user, query }, request, response, scope);
    } finally {
      if (pass !== undefined) gate.leave(pass);
    }
  }

  /** A watch or stream is open until its response closes, however it ends. */
  #noteOpen(info: RequestInfo, response: AnyResponse): void {
    const over = this.#o.metrics.opened(info);
    if (isGone(response)) over();
    else response.once('close', over);
  }

  /** Answers an HTTP/1.1 upgrade; resolves when the handler owns the socket. @throws ApiError */
  async upgrade(
    request: AnyRequest,
    peers: Peers,
  ): Promise<{ admitted: Admitted; handler: Pick<StreamHandler, 'upgrade'> }> {
    const { info, query } = readLine(request);
    const auditId = auditIdOf(request) ?? this.#o.newId();
    const scope = scopeOf(info, query, auditId);
    const { metrics, clock } = this.#o;
    const startedMs = clock.monotonicMs();
    const end = (code: number): void =>
      metrics.end(info, code, clock.monotonicMs() - startedMs, 'plain');
    metrics.begin(info, startedMs);
    try {
      const user = await this.#identify(request, scope, peers);
      await authorizeRequest(this.#o.authorizer, user, info, scope.audit);
      const route = this.#o.extensions?.find(info.path);
      if (route?.isAvailable === false) throw serviceUnavailable('service unavailable');
      const handler = route ?? this.#streamOf(info);
      if (handler?.upgrade === undefined) throw pathNotFound();
      const { audit } = scope;
      const over = metrics.opened(info);
      audit?.started(SWITCHING);
      const close = (): void => {
        over();
        audit?.complete({ code: SWITCHING });
      };
      // The client may have gone while it was asked who it is: a socket says so once only.
      if (request.socket.destroyed) close();
      else request.socket.once('close', close);
      end(SWITCHING);
      return { admitted: { info, user, query }, handler };
    } catch (error) {
      this.#noteFailure(scope, error);
      end(statusOf(error).code);
      throw error;
    }
  }

  /** Who asks, or whom they act as; from here on the request is written down if it is to be. */
  async #identify(request: AnyRequest, scope: Scope, peers: Peers): Promise<UserInfo> {
    const { authenticator, impersonator, auditor, metrics, clock } = this.#o;
    const headers = separateHeadersOf(request);
    let caller: UserInfo | undefined;
    try {
      const { path } = scope.info;
      const authorization = authorizationOf(request.headers);
      caller = await authenticator.authenticate({ ...peers, authorization, headers, path });
      if (caller === undefined) throw unauthorized();
      const { expiresMs } = peers.peer ?? {};
      if (expiresMs !== undefined) metrics.certificate(expiresMs - clock.now());
    } catch (error) {
      if (auditor) scope.audit = auditor.begin(undefined, this.#factsOf(request, scope));
      throw error;
    }
    if (auditor) scope.audit = auditor.begin(caller, this.#factsOf(request, scope));
    const user = await impersonator.impersonate(caller, headers);
    if (user !== caller) scope.audit?.actsAs(user);
    return user;
  }

  #factsOf(request: AnyRequest, { info, auditId }: Scope): RequestFacts {
    return {
      id: auditId,
      info,
      requestUri: request.url ?? '/',
      userAgent: String(request.headers['user-agent'] ?? ''),
      sourceIps: sourceIpsOf(request),
      receivedMs: this.#o.clock.now(),
    };
  }

  /** A watch is complete when its client has gone, everything else when it is answered. */
  #close({ audit, info }: Scope, response: AnyResponse): void {
    if (audit === undefined) return;
    const complete = (): void => audit.complete({ code: response.statusCode });
    if (info.verb !== 'watch' && this.#streamOf(info) === undefined) complete();
    else if (goneSignal(response).aborted) complete();
    else response.once('close', complete);
  }

  #noteFailure({ audit }: Scope, error: unknown): void {
    if (audit === undefined) return;
    const { status, code } = statusOf(error);
    if (error instanceof ApiError || error instanceof PlainTextError)
      audit.complete({ code, status });
    else audit.panicked({ code, status });
  }

  async #dispatch(
    admitted: Admitted,
    request: AnyRequest,
    response: AnyResponse,
    { warnings, audit }: Scope,
  ): Promise<void> {
    const { info, user, query } = admitted;
    if (info.verb !== 'watch') checkUrlTimeout(query);
    const route = this.#o.extensions?.find(info.path);
    if (route !== undefined) return this.#extend(route, admitted, request, response);
    if (!info.isResourceRequest) return this.#path(admitted, request, response);
    const { signal, kinds, virtuals } = this.#o;
    const stream = this.#streamOf(info);
    const def = kinds.forResource(gvrOf(info));
    if (def !== undefined && def.rules?.unstructured !== true) {
      const method = request.method ?? 'GET';
      checkRoute(def, { info, method, isStream: stream !== undefined });
    }
    if (stream !== undefined) {
      const either = AbortSignal.any([signal, goneSignal(response)]);
      return stream.handle({ info, user, query, request, signal: either }, response);
    }
    const virtual = virtuals.find((each) => isFor(each, info));
    const representation = representationOf(request.headers.accept, {
      ...tastesOf(request, query),
      stream: virtual === undefined && info.verb === 'watch',
      unstructured: def?.rules?.unstructured === true,
      tableless: isTableless(info, virtual !== undefined),
    });
    const isServed = virtual?.verbs.includes(info.verb) ?? true;
    const farewell = isServed ? (virtual?.warning ?? def?.rules?.warning) : undefined;
    if (farewell) {
      warnings.push(farewell);
      this.#o.metrics.deprecated(info, def?.rules?.removedRelease);
    }
    if (virtual !== undefined) {
      const nowMs = this.#o.clock.now();
      const r = { info, user, query, request, response, representation, warnings, audit, nowMs };
      return serveVirtual(virtual, kinds, r);
    }
    if (def === undefined) return this.#unknownResource(info, response);
    if (def.rules?.unstructured && isElsewhere(def, info)) return notFoundText(response);
    const { resources, authorizer } = this.#o;
    const mayCreate = (): Promise<void> =>
      authorizeRequest(authorizer, user, { ...info, verb: 'create' });
    return resources.handle({
      ...{ info, def, user, query, request, response, representation, warnings, audit, signal },
      mayCreate,
    });
  }

  #extend(
    route: ExtensionRoute,
    { info, user, query }: Admitted,
    request: AnyRequest,
    response: AnyResponse,
  ): Promise<void> {
    if (!route.isAvailable) {
      plainText(response, 503, 'service unavailable\n');
      return Promise.resolve();
    }
    const signal = AbortSignal.any([this.#o.signal, goneSignal(response)]);
    return route.handle({ info, user, query, request, signal }, response);
  }

  /** A group nobody serves is no API path at all; a resource nobody serves is a Status. */
  #unknownResource(info: RequestInfo, response: AnyResponse): Promise<void> {
    const { apiGroup } = info;
    const isFixed = (def: KindDef): boolean =>
      def.group === apiGroup && def.rules?.unstructured !== true;
    const isKnown = apiGroup === '' || this.#o.kinds.all().some(isFixed);
    if (isKnown) throw pathNotFound();
    return notFoundText(response);
  }

  async #path(admitted: Admitted, request: AnyRequest, response: AnyResponse): Promise<void> {
    const { info, user, query } = admitted;
    const method = request.method ?? 'GET';
    for (const handler of this.#o.paths) {
      const found = await handler.handle({ info, user, method, query, headers: request.headers });
      if (found === undefined) continue;
      response.statusCode = found.status;
      response.setHeader('cache-control', 'no-cache, private');
      for (const [name, value] of Object.entries(found.headers)) response.setHeader(name, value);
      if (found.status !== NOT_MODIFIED) {
        response.setHeader('content-length', String(Buffer.byteLength(found.body)));
      }
      if (method === 'HEAD') response.end();
      else response.end(found.body);
      return;
    }
    if (info.path.startsWith('/api/')) throw pathNotFound();
    await notFoundText(response);
  }

  /** Streams last as long as their clients like, and so do watches of other servers: they take no seat. */
  #isOpenEnded(info: RequestInfo): boolean {
    if (this.#streamOf(info) !== undefined) return true;
    return info.verb === 'watch' && this.#o.extensions?.find(info.path) !== undefined;
  }

  #streamOf(info: RequestInfo): StreamHandler | undefined {
    if (!info.isResourceRequest || info.subresource === '') return undefined;
    return this.#o.streams.find(
      ({ group, resource, subresource }) =>
        group === info.apiGroup && resource === info.resource && subresource === info.subresource,
    );
  }

  async #fail(
    response: AnyResponse,
    error: unknown,
    { warnings, info }: Scope,
    representation: Representation,
  ): Promise<void> {
    const { code, expected } = statusOf(error);
    const { verb, path } = info;
    if (!expected) this.#o.log.warn({ verb, path, code, err: error }, 'request failed');
    if (response.headersSent || goneSignal(response).aborted) {
      response.destroy();
      return;
    }
    if (error instanceof PlainTextError) {
      plainText(response, error.code, `Internal Server Error: "${path}": ${error.message}\n`);
      return;
    }
    await sendError(response, error, { representation, warnings });
  }
}

function scopeOf(info: RequestInfo, query: URLSearchParams, auditId: string): Scope {
  return { info, query, auditId, warnings: [], audit: undefined, isBeforeGate: false };
}

/** What decides about a representation besides the Accept header. */
function tastesOf(request: AnyRequest, query: URLSearchParams) {
  return { pretty: query.get('pretty'), userAgent: request.headers['user-agent'] };
}

/** How an error is written: as the client likes its answers, or in JSON when it takes nothing we have. */
function errorForm(request: AnyRequest, query: URLSearchParams): Representation {
  try {
    const { accept } = request.headers;
    return representationOf(accept, { ...tastesOf(request, query), isError: true });
  } catch {
    return PLAIN;
  }
}

/** The request line. Not by `new URL`, which would take `//x/y` for a host. */
function readLine(request: AnyRequest): { info: RequestInfo; query: URLSearchParams } {
  const [path = '/', ...rest] = (request.url ?? '/').split('?');
  const query = new URLSearchParams(rest.join('?'));
  return { info: requestInfoOf(request.method ?? 'GET', path, query), query };
}

function gvrOf(info: RequestInfo): GroupVersionResource {
  return { group: info.apiGroup, version: info.apiVersion, resource: info.resource };
}

/** Custom resources are found only where their scope has them; lists and watches may span namespaces. */
function isElsewhere(def: KindDef, info: RequestInfo): boolean {
  if (!def.namespaced) return info.namespace !== '';
  return info.namespace === '' && info.verb !== 'list' && info.verb !== 'watch';
}

/** Reviews, tokens, bindings and evictions are made, and never shown in rows. */
function isTableless({ verb, subresource }: RequestInfo, isComputed: boolean): boolean {
  if (verb !== 'create') return false;
  return isComputed || subresource === 'binding' || subresource === 'eviction';
}

function isFor(virtual: VirtualResource, info: RequestInfo): boolean {
  return (
    virtual.group === info.apiGroup &&
    virtual.version === info.apiVersion &&
    virtual.resource === info.resource &&
    virtual.subresource === info.subresource
  );
}

const WRITES: ReadonlySet<string> = new Set([
  'create',
  'update',
  'patch',
  'delete',
  'deletecollection',
]);

function mannerOf(
  { verb }: RequestInfo,
  request: AnyRequest,
  query: URLSearchParams,
): RequestManner {
  if (!WRITES.has(verb)) return 'plain';
  const isApply =
    verb === 'patch' &&
    request.headers['content-type']?.startsWith('application/apply-patch') === true;
  if (query.has('dryRun')) return isApply ? 'dry-apply' : 'dry-run';
  return isApply ? 'apply' : 'plain';
}

/** Clients, and proxies before us, may have named the request already. */
function auditIdOf(request: AnyRequest): string | undefined {
  const given = request.headers['audit-id'];
  return typeof given === 'string' && /^[\w-]{1,64}$/.test(given) ? given : undefined;
}

function notFoundText(response: AnyResponse): Promise<void> {
  plainText(response, 404, '404 page not found\n');
  return Promise.resolve();
}

function plainText(response: AnyResponse, status: number, text: string): void {
  response.statusCode = status;
  response.setHeader('content-type', 'text/plain; charset=utf-8');
  response.setHeader('x-content-type-options', 'nosniff');
  response.end(text);
}
