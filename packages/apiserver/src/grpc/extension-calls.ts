/**
 * The component door to kinds of extension servers: calls become HTTP requests in the caller's name, and their answers
 * messages again. Who may call was decided before.
 */
import type { IncomingMessage } from 'node:http';
import type { ServerWritableStream } from '@grpc/grpc-js';
import { type ApiError, internal, isJsonObject, type JsonObject, lookup } from '@kubets/api';
import { type Clock, errorMessage } from '@kubets/platform';
import { ProbeError, type Question, readJson } from '../aggregation/extension-server.ts';
import { LIMITS } from '../edge-limits.ts';
import type { UserInfo } from '../ports.ts';
import { refusal } from '../streaming/kubelet-client.ts';
import { relayEvents } from './extension-events.ts';
import { listChunks } from './list-chunks.ts';
import {
  type DeleteRequest,
  type ListChunk,
  type ListRequest,
  PATCH_TYPES,
  type PatchRequest,
  type Ref,
  type WatchBatch,
  type WatchRequest,
  type WriteRequest,
} from './messages.ts';
import { writeAll } from './write-all.ts';

/** Who calls. */
export interface Caller {
  readonly user: UserInfo;
  readonly userAgent: string;
}

/** A version of another server; `Extension` is one. */
export interface FarVersion {
  readonly group: string;
  readonly version: string;
  readonly resources: object | undefined;
  readonly server: { ask(question: Question): Promise<IncomingMessage> };
}

/** Who has them; `ApiServices` is one. */
export interface FarVersions {
  readonly isEmpty: boolean;
  find(group: string, version: string): FarVersion | undefined;
}

interface Sent {
  readonly method: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  readonly contentType?: string;
}

type Unary = Partial<WriteRequest & PatchRequest & DeleteRequest>;

const JSON_TYPE = 'application/json';
const PATCH_MEDIA = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
} as const;

const VERBS: Readonly<Record<string, (request: Unary) => Sent>> = lookup({
  get: () => ({ method: 'GET' }),
  create: (request) => write('POST', request),
  update: (request) => write('PUT', request),
  patch: ({ type = '', patch, ...request }) => {
    const known = PATCH_TYPES[type] ?? 'merge';
    const body = patch === undefined ? request : { ...request, object: patch };
    return { ...write('PATCH', body), contentType: PATCH_MEDIA[known] };
  },
  delete: ({ options }) => ({
    method: 'DELETE',
    ...(options?.length ? { body: options, contentType: JSON_TYPE } : {}),
  }),
});

function write(method: string, { object, field_manager, dry_run }: Unary): Sent {
  const query = {
    ...(field_manager ? { fieldManager: field_manager } : {}),
    ...(dry_run ? { dryRun: 'All' } : {}),
  };
  return { method, query, contentType: JSON_TYPE, ...(object && { body: object }) };
}

/** Where kinds of extension servers are found. */
export class ExtensionCalls {
  readonly #services: FarVersions;
  readonly #o: CallParts;

  constructor(services: FarVersions, parts: CallParts) {
    this.#services = services;
    this.#o = parts;
  }

  /** The version if it is another server's. */
  find(gv: { readonly group: string; readonly version: string }): ExtensionVersion | undefined {
    if (this.#services.isEmpty) return undefined;
    const found = this.#services.find(gv.group, gv.version);
    return found && new ExtensionVersion(found, this.#o);
  }
}

export interface CallParts {
  readonly clock: Clock;
  /** Aborted when draining begins. */
  readonly signal: AbortSignal;
}

/** A version of an extension server as the component door has it. */
export class ExtensionVersion {
  readonly #far: FarVersion;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;

  constructor(far: FarVersion, { clock, signal }: CallParts) {
    this.#far = far;
    this.#clock = clock;
    this.#signal = signal;
  }

  /** The version's list of resources. @throws ApiError while the server has not answered for it */
  discover(): object {
    const { group, version, resources } = this.#far;
    if (resources !== undefined) return resources;
    throw internal(`the server of ${group}/${version} does not answer`);
  }

  /** Get, Create, Update, Patch, Delete. @throws ApiError */
  async unary(verb: string, o: Caller & { ref: Ref; request: object }): Promise<Buffer> {
    const sent = VERBS[verb]?.(o.request) ?? { method: 'GET' };
    const answer = await this.#answer(o, sent);
    return Buffer.from(JSON.stringify(answer));
  }

  /** A page of objects, in messages. @throws ApiError */
  async list(
    o: Caller & { request: ListRequest },
    call: ServerWritableStream<ListRequest, ListChunk>,
  ): Promise<void> {
    const { request } = o;
    const query = selected(request, {
      limit: Number(request.limit) > 0 ? String(request.limit) : '',
      continue: request.continue_token,
      ...request.parameters,
    });
    const list = await this.#answer({ ...o, ref: refOf(request) }, { method: 'GET', query });
    const { resourceVersion = '', continue: token = '' } = isJsonObject(list.metadata)
      ? list.metadata
      : {};
    const cut = { resourceVersion: String(resourceVersion), continueToken: String(token) };
    await writeAll(call, listChunks(itemsOf(list), asItIs, cut));
  }

  /** Relays events until either side ends. @throws ApiError before the first one */
  async watch(
    o: Caller & { request: WatchRequest },
    call: ServerWritableStream<WatchRequest, WatchBatch>,
  ): Promise<void> {
    const { request } = o;
    const gone = new AbortController();
    for (const event of ['cancelled', 'close']) call.once(event, () => gone.abort());
    const signal = AbortSignal.any([gone.signal, this.#signal]);
    const bookmarks = request.allow_bookmarks ? 'true' : '';
    const query = selected(request, { watch: 'true', allowWatchBookmarks: bookmarks });
    const sent = { method: 'GET', query };
    const response = await this.#reach({ ...o, ref: refOf(request), signal }, sent);
    void relayEvents(response, call);
  }

  async #answer(o: Caller & { ref: Ref }, sent: Sent): Promise<JsonObject> {
    const late = new AbortController();
    const timer = this.#clock.setTimeout(() => late.abort(), LIMITS.extensionCallMs);
    const signal = AbortSignal.any([late.signal, this.#signal]);
    try {
      const response = await this.#reach({ ...o, signal }, sent);
      return (await readJson(response, LIMITS.extensionAnswerBytes)) as JsonObject;
    } catch (error) {
      if (error instanceof ProbeError) throw internal(error.message);
      throw error;
    } finally {
      timer.cancel();
    }
  }

  /** @throws ApiError what the server refuses with; never "unavailable", which would be said of this server */
  async #reach(
    o: Caller & { ref: Ref; signal: AbortSignal },
    sent: Sent,
  ): Promise<IncomingMessage> {
    const { user, userAgent, signal } = o;
    const { server } = this.#far;
    const path = pathOf(o.ref, sent.query ?? {});
    let response: IncomingMessage;
    try {
      response = await server.ask({ ...sent, user, userAgent, path, signal });
    } catch (error) {
      throw internal(errorMessage(error));
    }
    const code = response.statusCode ?? 0;
    if (code >= 200 && code < 300) return response;
    throw ownFault(await refusal(response));
  }
}

function ownFault(error: ApiError): ApiError {
  return error.code === 503 || error.code === 504 ? internal(error.message) : error;
}

const refOf = ({ ref }: { readonly ref: Ref | null }): Ref => ref ?? NO_REF;
const NO_REF: Ref = {
  ...{ group: '', version: '', resource: '', namespace: '', name: '', subresource: '' },
};

function selected(
  o: Pick<WatchRequest, 'label_selector' | 'field_selector' | 'resource_version'>,
  more: Readonly<Record<string, string>>,
): Record<string, string> {
  return {
    labelSelector: o.label_selector,
    fieldSelector: o.field_selector,
    resourceVersion: o.resource_version,
    ...more,
  };
}

function pathOf(ref: Ref, query: Readonly<Record<string, string>>): string {
  const { group, version, resource, namespace, name, subresource } = ref;
  const scope = namespace === '' ? [] : ['namespaces', namespace];
  const parts = ['apis', group, version, ...scope, resource, name, subresource];
  const path = parts.filter((part) => part !== '').map(encodeURIComponent);
  const said = Object.entries(query).filter(([, value]) => value !== '');
  const search = new URLSearchParams(said).toString();
  return `/${path.join('/')}${search === '' ? '' : `?${search}`}`;
}

const asItIs = (bytes: Buffer): Buffer => bytes;

/** Items of a list carry no kind: the list's says it. */
function itemsOf(list: JsonObject): Buffer[] {
  const kind = String(list.kind ?? '').replace(/List$/, '');
  const items = Array.isArray(list.items) ? list.items.filter(isJsonObject) : [];
  const head = { kind, apiVersion: list.apiVersion };
  return items.map((item) => Buffer.from(JSON.stringify({ ...head, ...item })));
}
