/**
 * The vocabulary of the package: what a component may ask of the cluster's API, whoever answers. {@link ApiClient}
 * answers over gRPC, {@link FakeApi} from memory; components depend on these interfaces only.
 */
import type { KubeObject } from '@kubets/api';

/** Selects and pages a list. */
export interface ListOptions {
  /** kubectl's `-l` text; empty: everything. */
  readonly labelSelector?: string;
  /** kubectl's `--field-selector` text; empty: everything. */
  readonly fieldSelector?: string;
  /** Empty or absent: as new as the last acknowledged write. "0": whatever is in memory. */
  readonly resourceVersion?: string;
  /** Most objects in one answer; absent: all. */
  readonly limit?: number;
  /** From the answer before. */
  readonly continue?: string;
  /** Lists below one object, which only extension servers have: `things/NAME/PARTS`. */
  readonly below?: { readonly name: string; readonly subresource: string };
  /** What else an extension server is asked, as parameters of the query. */
  readonly parameters?: Readonly<Record<string, string>>;
}

export interface ListResult<T> {
  readonly items: T[];
  /** The version the list is of: a watch from here misses nothing. */
  readonly resourceVersion: string;
  /** Present when `limit` cut the list. */
  readonly continue?: string;
}

/** Selects what a watch shows. */
export interface WatchOptions {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Events after this version. Absent, empty or "0": the present state first, as ADDED events. */
  readonly resourceVersion?: string;
}

export type WatchEventType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';

/** One change. A BOOKMARK carries nothing but `metadata.resourceVersion`. Do not change the object: it is shared. */
export interface WatchEvent<T> {
  readonly type: WatchEventType;
  readonly object: T;
}

/** One stream of changes. It is not resumed when it breaks: that is {@link Informer}'s work. */
export interface WatchHandle {
  /**
   * Settles when the stream has ended: undefined when it was stopped or ended in order, else why (an ApiError: 410
   * Expired when the start version is gone, a TransportError when the connection broke). Never rejects.
   */
  readonly done: Promise<Error | undefined>;
  stop(): void;
}

/** The part of meta/v1 DeleteOptions in use. */
export interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  readonly dryRun?: readonly string[];
}

export type PatchType = 'json' | 'merge' | 'strategic';

export interface PatchOptions {
  readonly subresource?: string;
}

/** Where an object, or the subresource of one, is to be made. */
export interface Place {
  readonly namespace?: string;
  /** Empty or absent: the name in the object counts. */
  readonly name?: string;
  readonly subresource?: string;
}

/**
 * One resource of the API. Namespace and name are separate; cluster-scoped objects have the namespace ''.
 * Every method rejects with an ApiError: the server's Status, or a TransportError when no answer came. A write that
 * rejects with an ambiguous TransportError may or may not have happened; callers look again (level-triggered).
 */
export interface ResourceApi<T extends KubeObject> {
  get(namespace: string, name: string): Promise<T>;
  /** @param namespace '' lists all namespaces */
  list(namespace: string, options?: ListOptions): Promise<ListResult<T>>;
  create(object: T): Promise<T>;
  /**
   * Creates, for callers with many of them who do not want the object back: those of one turn may travel together. Each is
   * carried out, and fails, by itself; nothing is promised about their order.
   */
  submit(object: object, place: Place): Promise<void>;
  /** Replaces; the status is left as it is where the kind has a status subresource. */
  update(object: T): Promise<T>;
  /** Replaces the status only. */
  updateStatus(object: T): Promise<T>;
  patch(
    namespace: string,
    name: string,
    type: PatchType,
    body: object,
    options?: PatchOptions,
  ): Promise<T>;
  /** @returns the object as last seen (it may go on existing, marked), or a Status */
  delete(namespace: string, name: string, options?: DeleteOptions): Promise<KubeObject>;
  /** Batches arrive in version order. */
  watch(
    namespace: string,
    options: WatchOptions,
    onEvents: (events: readonly WatchEvent<T>[]) => void,
  ): WatchHandle;
  createSubresource<R extends KubeObject = KubeObject>(
    namespace: string,
    name: string,
    subresource: string,
    object: object,
  ): Promise<R>;
  getSubresource<R extends KubeObject = KubeObject>(
    namespace: string,
    name: string,
    subresource: string,
  ): Promise<R>;
  updateSubresource<R extends KubeObject = KubeObject>(
    namespace: string,
    name: string,
    subresource: string,
    object: object,
  ): Promise<R>;
}

/** Every resource of the API. */
export interface Api {
  /**
   * @param groupVersion `v1`, `apps/v1`, …
   * @param resource plural, lower case: `pods`
   */
  resource<T extends KubeObject>(groupVersion: string, resource: string): ResourceApi<T>;
  /**
   * What a version has, the subresources included; extension servers' versions as well.
   * Rejects with an ApiError: 404 for a version nobody has, 500 while its server does not answer, 405 from apiservers that
   * are too old to know.
   */
  discover(groupVersion: string): Promise<DiscoveredList>;
}

/** An APIResourceList. */
export interface DiscoveredList {
  readonly resources: readonly DiscoveredResource[];
}

/** An APIResource. */
export interface DiscoveredResource {
  /** Plural; subresources as `plural/subresource`. */
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
}

/** The key of an object in informers and queues: `namespace/name`, or `name` for cluster-scoped objects. */
export function keyOf(object: KubeObject): string {
  const { namespace, name } = object.metadata;
  return namespace === undefined || namespace === '' ? (name ?? '') : `${namespace}/${name}`;
}

/** The reverse of {@link keyOf}. */
export function splitKey(key: string): { namespace: string; name: string } {
  const slash = key.indexOf('/');
  if (slash < 0) return { namespace: '', name: key };
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
