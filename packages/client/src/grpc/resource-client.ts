import { type KubeObject, parseApiVersion } from '@kubets/api';
import type { Clock, Logger } from '@kubets/platform';
import { CALL_DEADLINE_MS, LIST_DEADLINE_MS, READ_TRY_MS } from '../limits.ts';
import type {
  DeleteOptions,
  ListOptions,
  ListResult,
  PatchOptions,
  PatchType,
  Place,
  ResourceApi,
  WatchEvent,
  WatchHandle,
  WatchOptions,
} from '../ports.ts';
import type { Batcher } from './batcher.ts';
import type { Caller, CallLimits } from './caller.ts';
import type { Endpoint, EndpointPool } from './endpoints.ts';
import { readList } from './list.ts';
import { openWatch } from './watch.ts';
import { decodeObject, encodeObject, type UnaryMethod, type WireRef } from './wire.ts';

/** What the resources of one client share. */
export interface ClientParts {
  readonly pool: EndpointPool;
  readonly caller: Caller;
  readonly batcher: Batcher;
  readonly log: Logger;
  readonly clock: Clock;
}

/** Limits of a read of one thing. */
export const READ: CallLimits = { deadlineMs: CALL_DEADLINE_MS, tryMs: READ_TRY_MS, write: false };
const WRITE: CallLimits = { deadlineMs: CALL_DEADLINE_MS, write: true };
const LIST: CallLimits = { deadlineMs: LIST_DEADLINE_MS, write: false };
const PATCH_TYPES = { json: 'JSON', merge: 'MERGE', strategic: 'STRATEGIC_MERGE' } as const;

/** One resource, over the component door. */
export class ResourceClient<T extends KubeObject> implements ResourceApi<T> {
  readonly #parts: ClientParts;
  readonly #groupVersion: string;
  readonly #resource: string;

  constructor(parts: ClientParts, groupVersion: string, resource: string) {
    this.#parts = parts;
    this.#groupVersion = groupVersion;
    this.#resource = resource;
  }

  get(namespace: string, name: string): Promise<T> {
    return this.getSubresource<T>(namespace, name, '');
  }

  list(namespace: string, options: ListOptions = {}): Promise<ListResult<T>> {
    const request = {
      ref: this.#ref(namespace, options.below?.name, options.below?.subresource),
      label_selector: options.labelSelector ?? '',
      field_selector: options.fieldSelector ?? '',
      resource_version: options.resourceVersion ?? '',
      limit: options.limit ?? 0,
      continue_token: options.continue ?? '',
      parameters: options.parameters ?? {},
    };
    const { caller, pool, clock } = this.#parts;
    const once = (endpoint: Endpoint, deadlineMs: number) =>
      readList<T>(endpoint, pool.metadata(), { request, deadlineMs, clock });
    return caller.attempt(LIST, once, 'GET');
  }

  create(object: T): Promise<T> {
    return this.#write('Create', this.#refOf(object), object);
  }

  submit(object: object, place: Place): Promise<void> {
    const { namespace = '', name = '', subresource } = place;
    const ref = this.#ref(namespace, name, subresource);
    return this.#parts.batcher.add({ ref, object: encodeObject(object) });
  }

  update(object: T): Promise<T> {
    return this.#write('Update', this.#refOf(object), object);
  }

  updateStatus(object: T): Promise<T> {
    return this.#write('Update', this.#refOf(object, 'status'), object);
  }

  async patch(
    namespace: string,
    name: string,
    type: PatchType,
    body: object,
    options: PatchOptions = {},
  ): Promise<T> {
    const ref = this.#ref(namespace, name, options.subresource);
    const request = { ref, type: PATCH_TYPES[type], patch: encodeObject(body) };
    return decodeObject<T>((await this.#parts.caller.unary('Patch', request, WRITE)).object);
  }

  async delete(namespace: string, name: string, options: DeleteOptions = {}): Promise<KubeObject> {
    const wire = { apiVersion: 'v1', kind: 'DeleteOptions', ...options };
    const request = { ref: this.#ref(namespace, name), options: encodeObject(wire) };
    return decodeObject((await this.#parts.caller.unary('Delete', request, WRITE)).object);
  }

  watch(
    namespace: string,
    options: WatchOptions,
    onEvents: (events: readonly WatchEvent<T>[]) => void,
  ): WatchHandle {
    const request = {
      ref: this.#ref(namespace),
      label_selector: options.labelSelector ?? '',
      field_selector: options.fieldSelector ?? '',
      resource_version: options.resourceVersion ?? '',
      allow_bookmarks: true,
    };
    return openWatch<T>(this.#parts, request, onEvents);
  }

  createSubresource<R extends KubeObject = KubeObject>(
    namespace: string,
    name: string,
    subresource: string,
    object: object,
  ): Promise<R> {
    return this.#write('Create', this.#ref(namespace, name, subresource), object);
  }

  async getSubresource<R extends KubeObject = KubeObject>(
    namespace: string,
    name: string,
    subresource: string,
  ): Promise<R> {
    const request = { ref: this.#ref(namespace, name, subresource) };
    return decodeObject<R>((await this.#parts.caller.unary('Get', request, READ)).object);
  }

  updateSubresource<R extends KubeObject = KubeObject>(
    namespace: string,
    name: string,
    subresource: string,
    object: object,
  ): Promise<R> {
    return this.#write('Update', this.#ref(namespace, name, subresource), object);
  }

  async #write<R>(method: UnaryMethod, ref: WireRef, object: object): Promise<R> {
    const request = { ref, object: encodeObject(object) };
    return decodeObject<R>((await this.#parts.caller.unary(method, request, WRITE)).object);
  }

  #ref(namespace: string, name = '', subresource = ''): WireRef {
    const { group, version } = parseApiVersion(this.#groupVersion);
    return { group, version, resource: this.#resource, namespace, name, subresource };
  }

  #refOf(object: T, subresource = ''): WireRef {
    const { namespace = '', name = '' } = object.metadata;
    return this.#ref(namespace, name, subresource);
  }
}
