/**
 * The vocabulary of the apiserver: what the stages of a request hand to each other. Read first.
 *
 * A request runs TLS → authentication → impersonation → authorisation → (virtual, stream or path handler) or decode →
 * mutating admission → defaulting, validation → validating admission → store → encode. Every stage reports a refusal by
 * throwing an `ApiError`, which the edge (REST or gRPC) turns into its `Status`.
 */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { GroupVersionResource, KindDef, KubeObject } from '@kubets/api';
import type { Http2Request, Http2Response } from './rest/http2-messages.ts';

/** Who asks. */
export interface UserInfo {
  readonly name: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** The apiserver acting for itself (bootstrap, controllers inside it): passes authorisation and admission's user checks. */
export const LOOPBACK_USER: UserInfo = {
  name: 'system:apiserver',
  uid: '',
  groups: ['system:masters', 'system:authenticated'],
  extra: {},
};

/** What a request path and method mean. Empty strings where a part is absent. */
export interface RequestInfo {
  readonly isResourceRequest: boolean;
  /** URL path without query. */
  readonly path: string;
  /** get, list, watch, create, update, patch, delete, deletecollection; for non-resource paths the lower-case method. */
  readonly verb: string;
  readonly apiGroup: string;
  readonly apiVersion: string;
  /** For the namespaces resource itself this is the namespace's own name, as RBAC wants it. */
  readonly namespace: string;
  readonly resource: string;
  readonly subresource: string;
  readonly name: string;
  /** Path segments after the subresource (proxy paths). */
  readonly rest: readonly string[];
  /** Of a list, a watch or a deletion of many: what it is narrowed down to, as sent. */
  readonly fieldSelector?: string | undefined;
  readonly labelSelector?: string | undefined;
}

/** What the connection and the headers say about the caller. */
export interface Credentials {
  /** The `authorization` header, or the bearer token of a WebSocket subprotocol as `Bearer …`. */
  readonly authorization: string | undefined;
  /** From a client certificate that the TLS layer verified against the client CA. */
  readonly peer:
    | {
        readonly commonName: string;
        readonly organizations: readonly string[];
        readonly fingerprint?: string;
        readonly expiresMs?: number;
      }
    | undefined;
  /** From a certificate of the CA of front proxies: what it says in headers about the user counts. */
  readonly proxy?: { readonly commonName: string } | undefined;
  /** The values of a header that came several times are a list: joined, they could not be told from one with commas. */
  readonly headers?: IncomingHttpHeaders;
  /** What is asked for, where callers may be let in without a name for some paths only. */
  readonly path?: string;
}

/**
 * Finds out who asks. Resolves with `undefined` only if anonymous requests are switched off and no credential was sent
 * (the edge answers 401); throws an `ApiError` 401 for a credential that is wrong. Adds `system:authenticated` itself.
 */
export interface Authenticator {
  authenticate(credentials: Credentials): Promise<UserInfo | undefined>;
}

/** Replaces the user when `Impersonate-*` headers ask for it and the caller may; throws 403 / 400 otherwise. */
export interface Impersonator {
  /** @param headers with the values of one that came several times as a list */
  impersonate(user: UserInfo, headers: IncomingHttpHeaders): Promise<UserInfo>;
}

/** One question to the authoriser. */
export interface AuthorizationAttributes {
  readonly user: UserInfo;
  readonly verb: string;
  readonly isResourceRequest: boolean;
  readonly apiGroup: string;
  readonly apiVersion: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  readonly path: string;
  /** Of a list, a watch or a deletion of many: what it is narrowed down to, as sent. */
  readonly fieldSelector?: string | undefined;
  readonly labelSelector?: string | undefined;
}

/** `denied` stops later authorisers; plain not-allowed is "no opinion". */
export interface Decision {
  readonly allowed: boolean;
  readonly denied?: boolean;
  readonly reason: string;
  /** Somebody who was to be asked could not be: what is not allowed then is no plain refusal. */
  readonly error?: string;
}

export interface Authorizer {
  /** A promise only where somebody else has to be asked. */
  authorize(attributes: AuthorizationAttributes): Promise<Decision> | Decision;
}

/** What the stages of a request tell the audit log. Absent when the request is not written down. */
export interface AuditTrail {
  /** The first value of a key stays. What tells of the request's body is for those levels only that keep it. */
  annotate(key: string, value: string, of?: 'body'): void;
  decided(decision: Decision): void;
  /** The body of the request: JSON text, other text as it came, or an object. */
  requested(body: string | object): void;
  /** The answer, if it is wanted: an object or JSON bytes. */
  answered(body: Buffer | object): void;
  /** Whether the answer is wanted. */
  keepsAnswer(): boolean;
  /** A watch or stream has begun to answer. */
  started(code: number): void;
}

export type AdmissionOperation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';

/** What admission sees. `admit` may change `object` in place; `validate` must not. */
export interface AdmissionAttributes {
  readonly operation: AdmissionOperation;
  /** The resource's kind; for a subresource with a kind of its own (Binding, Eviction, Scale) still the parent's. */
  readonly kind: KindDef;
  readonly resource: GroupVersionResource;
  readonly subresource: string;
  readonly namespace: string;
  /** Empty while a generated name is not known yet. */
  readonly name: string;
  /** The new object (absent for DELETE); defaulted. */
  readonly object: KubeObject | undefined;
  /** The stored object (UPDATE, DELETE). */
  readonly oldObject: KubeObject | undefined;
  /** The fields of CreateOptions, UpdateOptions or DeleteOptions as sent. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly dryRun: boolean;
  readonly user: UserInfo;
  /** The write as it was asked for, where these show it in another version of its kind. */
  readonly original?: AdmissionAttributes;
  /** Adds a `Warning: 299 - "text"` header to the answer. */
  addWarning(text: string): void;
  /** Adds to the audit event of the request, if there is one. */
  addAuditAnnotation?(key: string, value: string, of?: 'body'): void;
}

/**
 * Mutating admission is one round over the plugins, or two when one of them changed what others had seen already: what a
 * webhook adds late is filled in by those that come before it.
 */
export interface AdmissionRound {
  readonly number: 0 | 1;
  /** Has all plugins called once more after the first round. */
  repeat(): void;
  /** What plugins keep for the second round, by their names. */
  readonly notes: Map<string, unknown>;
}

/** One admission rule. Refuses by throwing an `ApiError`. Called for every write; decides itself what concerns it. */
export interface AdmissionPlugin {
  readonly name: string;
  /** Plural names of the only resources, of whatever group, that concern it; absent: any may. */
  readonly only?: readonly string[];
  /** Has a say in streams to pods, Services and nodes, too: the operation CONNECT. */
  readonly connects?: boolean;
  /** May be called twice for a write, the second time on what the first round made of it. Without a round there is one. */
  admit?(attributes: AdmissionAttributes, round?: AdmissionRound): Promise<void> | void;
  validate?(attributes: AdmissionAttributes): Promise<void> | void;
}

/** The enabled plugins in order. */
export interface AdmissionChain {
  /** Throws, or rejects, when the write is refused; a promise only where one of the plugins has to wait. */
  admit(attributes: AdmissionAttributes): Promise<void> | void;
  validate(attributes: AdmissionAttributes): Promise<void> | void;
}

/** Called exactly once after a write hook: `true` when the object was stored, `false` when the write failed. */
export type FinishWrite = (stored: boolean) => Promise<void> | void;

/** The circumstances of a write, for hooks. */
export interface WriteScope {
  readonly user: UserInfo;
  readonly dryRun: boolean;
  readonly subresource: string;
}

/**
 * Work that belongs to writing one resource and needs the store (cluster IP and node port allocation). `beginCreate` runs
 * after mutating admission and before validation, `beginUpdate` likewise on every attempt of an update (which may be retried
 * after a conflict: the finish of the failed attempt is called first). Both may change `object` in place. For a dry run
 * nothing durable may happen.
 */
export interface WriteHook {
  readonly group: string;
  readonly resource: string;
  beginCreate?(object: KubeObject, scope: WriteScope): Promise<FinishWrite | undefined>;
  beginUpdate?(
    object: KubeObject,
    old: KubeObject,
    scope: WriteScope,
  ): Promise<FinishWrite | undefined>;
  /** After the object is gone from the store; never for a dry run. Errors are logged, not shown. */
  afterDelete?(object: KubeObject): Promise<void> | void;
}

/** Names one object. `namespace` is '' for cluster-scoped resources. */
export interface ObjectRef extends GroupVersionResource {
  readonly namespace: string;
  readonly name: string;
}

/** One change a cache saw. Its objects are parsed when they are asked for: who needs no former state should not ask. */
export interface CacheChange<T extends KubeObject = KubeObject> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  /** '' for cluster-scoped kinds. */
  readonly namespace: string;
  readonly name: string;
  readonly object: T;
  readonly old: T | undefined;
}

/**
 * A resource in memory, at most a moment behind the store. Objects are shared: never change them. Objects are parsed from
 * bytes on access, so keep what you need (an index) instead of listing again and again on a request path.
 */
export interface CacheView<T extends KubeObject = KubeObject> {
  synced(): boolean;
  whenSynced(): Promise<void>;
  get(namespace: string, name: string): T | undefined;
  /** All objects, or those of one namespace, in key order. */
  list(namespace?: string): readonly T[];
  /** Whether it is known that there are none at all. */
  isEmpty(): boolean;
  /** Calls back with what is there (as ADDED, once synced) and then with every change, in order. Returns its undo. */
  onChange(listener: (change: CacheChange<T>) => void): () => void;
}

/** A value beside the API's objects (allocation maps, apiserver leases). `revision` 0n: absent. */
export interface RawValue {
  readonly value: Buffer | undefined;
  readonly revision: bigint;
}

/** Raw keys under `/registry/`; for state which is no API object (`/registry/ranges/…`, `/registry/masterleases/…`). */
export interface RawStore {
  /** A linearizable read. */
  get(key: string): Promise<RawValue>;
  list(prefix: string): Promise<readonly { key: string; value: Buffer; revision: bigint }[]>;
  /** Writes if the key's revision is still `expected` (0n: absent). Resolves with the new revision, or undefined if not. */
  compareAndSwap(
    key: string,
    value: Buffer,
    expected: bigint,
    o?: { ttlSeconds?: number },
  ): Promise<bigint | undefined>;
  delete(key: string): Promise<void>;
}

/**
 * Objects as the apiserver's own parts use them: the same registry path (defaulting, validation, admission, hooks) with
 * `LOOPBACK_USER`. Errors are `ApiError`s (`notFound`, `alreadyExists`, `conflict`, …).
 */
export interface ResourceStore {
  /** Reads from the store itself (linearizable). */
  get<T extends KubeObject>(ref: ObjectRef): Promise<T>;
  list<T extends KubeObject>(
    gvr: GroupVersionResource,
    namespace?: string,
  ): Promise<{ items: T[]; resourceVersion: string }>;
  create<T extends KubeObject>(gvr: GroupVersionResource, object: T): Promise<T>;
  /** Fails with a conflict if `metadata.resourceVersion` is set and not the newest. */
  update<T extends KubeObject>(
    gvr: GroupVersionResource,
    object: T,
    subresource?: string,
  ): Promise<T>;
  delete(ref: ObjectRef): Promise<void>;
  /** Starts the resource's watch cache if it is not running. */
  cache<T extends KubeObject>(gvr: GroupVersionResource): CacheView<T>;
  readonly raw: RawStore;
}

/** A request to a resource that is computed, not stored. */
export interface VirtualRequest {
  readonly info: RequestInfo;
  readonly user: UserInfo;
  readonly query: URLSearchParams;
  /** The decoded body of a create (checked against the schema and defaulted when the kind is known). */
  readonly object: KubeObject | undefined;
  readonly dryRun: boolean;
  /** Adds a `Warning` header to the answer, where the door has such. */
  warn?(text: string): void;
}

/** Answers for resources such as TokenReview, or subresources such as serviceaccounts/token. */
export interface VirtualResource {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  /** '' for the resource itself. */
  readonly subresource: string;
  readonly verbs: readonly string[];
  /** Group, version and kind of the body, when it is not the resource's own kind ("authentication.k8s.io/v1 TokenRequest"). */
  readonly bodyKind?: { readonly apiVersion: string; readonly kind: string };
  /** Told to everybody who asks for it. */
  readonly warning?: string;
  handle(request: VirtualRequest): Promise<{ code: number; object: object }>;
}

export type AnyRequest = IncomingMessage | Http2Request;
export type AnyResponse = ServerResponse | Http2Response;

/** A subresource that speaks raw HTTP (log, exec, attach, portforward, proxy). Authorised before the call. */
export interface StreamRequest {
  readonly info: RequestInfo;
  readonly user: UserInfo;
  readonly query: URLSearchParams;
  readonly request: AnyRequest;
  /** Aborted when the client goes away or the server drains. */
  readonly signal: AbortSignal;
}

export interface StreamHandler {
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  /** A plain request. May throw an `ApiError` before writing anything to the response. */
  handle(request: StreamRequest, response: AnyResponse): Promise<void>;
  /**
   * An HTTP/1.1 `Upgrade` request: the handler owns the socket (the server has written nothing yet). May throw an `ApiError`
   * before writing to the socket; the edge then writes the error response and closes.
   */
  upgrade?(request: StreamRequest, socket: Duplex, head: Buffer): Promise<void>;
}

/** A non-resource path (/version, /healthz, /openapi/v3, /apis …). */
export interface PathRequest {
  readonly info: RequestInfo;
  readonly user: UserInfo;
  readonly method: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
}

export interface PathResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | string;
}

/** Tried in order; the first that does not resolve with `undefined` answers. */
export interface PathHandler {
  readonly name: string;
  /** Must be cheap: called for every non-resource request. Resolves with `undefined` when the path is not its own. */
  handle(request: PathRequest): Promise<PathResponse | undefined>;
}

/** A part that runs in the background once the server serves; `stop` ends it. */
export interface BackgroundTask {
  readonly name: string;
  start(): void;
  stop(): Promise<void>;
}

/** Where requests for a version that another server has go. Authorised before the call. */
export interface ExtensionRoute {
  /** Whether the server is known to answer. */
  readonly isAvailable: boolean;
  handle(request: StreamRequest, response: AnyResponse): Promise<void>;
  upgrade(request: StreamRequest, socket: Duplex, head: Buffer): Promise<void>;
}

/** The versions that extension servers have. `find` must be cheap: called for every request. */
export interface ExtensionRoutes {
  find(path: string): ExtensionRoute | undefined;
}
