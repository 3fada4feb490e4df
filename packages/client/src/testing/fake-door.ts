import { Metadata, type ServiceDefinition, status } from '@grpc/grpc-js';
import type { KubeObject } from '@kubets/api';
import { ApiError } from '@kubets/api';
import { GrpcHost, type Logger, loadProto, serviceOf, type TlsMaterial } from '@kubets/platform';
import { STATUS_TRAILER, type WireRef } from '../grpc/wire.ts';
import type {
  Api,
  DeleteOptions,
  ListOptions,
  PatchType,
  ResourceApi,
  WatchHandle,
} from '../ports.ts';

interface Wire {
  ref: WireRef;
  object: Buffer;
  patch: Buffer;
  type: 'JSON' | 'MERGE' | 'STRATEGIC_MERGE';
  options: Buffer;
  label_selector: string;
  field_selector: string;
  resource_version: string;
  limit: string;
  continue_token: string;
}

interface ServerStream {
  readonly request: Wire;
  readonly metadata: Metadata;
  write(message: object): boolean;
  end(): void;
  emit(event: 'error', error: Error): boolean;
  on(event: 'cancelled' | 'close', listener: () => void): void;
}

type Reply = (error: object | null, reply?: object) => void;

const PATCH_NAMES: Readonly<Record<Wire['type'], PatchType>> = {
  JSON: 'json',
  MERGE: 'merge',
  STRATEGIC_MERGE: 'strategic',
};

const parse = (bytes: Buffer): KubeObject => JSON.parse(bytes.toString('utf8')) as KubeObject;
const bytesOf = (object: object): Buffer => Buffer.from(JSON.stringify(object));

const GRPC_CODES: Readonly<Record<number, status>> = {
  400: status.INVALID_ARGUMENT,
  404: status.NOT_FOUND,
  409: status.ABORTED,
  410: status.OUT_OF_RANGE,
};

function wireError(error: unknown): Error & { code: number; details: string; metadata: Metadata } {
  const metadata = new Metadata();
  const message = error instanceof Error ? error.message : String(error);
  let code: number = status.INTERNAL;
  if (error instanceof ApiError) {
    metadata.set(STATUS_TRAILER, bytesOf(error.status));
    code = GRPC_CODES[error.code] ?? status.UNKNOWN;
  }
  return Object.assign(new Error(message), { code, details: message, metadata });
}

/** An apiserver's component door in front of any {@link Api}, for tests of clients over a real connection. */
export class FakeDoor {
  readonly #api: Api;
  readonly #host: GrpcHost;
  /** Requests seen, as METHOD resource. */
  readonly calls: string[] = [];
  /** Requests are carried out, but their answers never leave. */
  loseAnswers = false;
  /** Knows nothing of CreateMany. */
  isOld = false;
  /** The authorization metadata of the last request. */
  authorization: string | undefined;
  readonly #watches = new Set<WatchHandle>();

  constructor(api: Api, log: Logger, tls?: TlsMaterial) {
    this.#api = api;
    const secured = tls === undefined ? {} : { tls: { ...tls, requireClientCert: true } };
    this.#host = new GrpcHost({ log, ...secured });
    const { service } = serviceOf(
      loadProto('apiserver/resources.proto'),
      'kubets.apiserver.v1.Resources',
    );
    this.#host.addService(service as ServiceDefinition, {
      Get: this.#unary('Get', (of, { ref }) =>
        ref.subresource === ''
          ? of.get(ref.namespace, ref.name)
          : of.getSubresource(ref.namespace, ref.name, ref.subresource),
      ),
      Create: this.#unary('Create', (of, { ref, object }) =>
        ref.subresource === ''
          ? of.create(parse(object))
          : of.createSubresource(ref.namespace, ref.name, ref.subresource, parse(object)),
      ),
      Update: this.#unary('Update', (of, { ref, object }) =>
        ref.subresource === ''
          ? of.update(parse(object))
          : of.updateSubresource(ref.namespace, ref.name, ref.subresource, parse(object)),
      ),
      Patch: this.#unary('Patch', (of, { ref, type, patch }) =>
        of.patch(ref.namespace, ref.name, PATCH_NAMES[type], parse(patch), {
          subresource: ref.subresource,
        }),
      ),
      Delete: this.#unary('Delete', (of, { ref, options }) =>
        of.delete(ref.namespace, ref.name, parse(options) as DeleteOptions),
      ),
      CreateMany: (call: { request: { items: Wire[] }; metadata: Metadata }, reply: Reply) =>
        void this.#createMany(call, reply),
      List: (call: ServerStream) => void this.#list(call),
      Watch: (call: ServerStream) => this.#watch(call),
    });
  }

  /** @param port 0 takes a free one. @returns `host:port` */
  async listen(port = 0): Promise<string> {
    return `127.0.0.1:${await this.#host.listen(`127.0.0.1:${port}`)}`;
  }

  /** Cuts every connection, as a killed process does. */
  async kill(): Promise<void> {
    for (const watch of this.#watches) watch.stop();
    await this.#host.drain(0);
  }

  #of(method: string, call: { request: Wire; metadata: Metadata }): ResourceApi<KubeObject> {
    const { group, version, resource } = call.request.ref;
    this.calls.push(`${method} ${resource}`);
    this.authorization = call.metadata.get('authorization').map(String)[0];
    return this.#api.resource(group === '' ? version : `${group}/${version}`, resource);
  }

  #unary(method: string, act: (of: ResourceApi<KubeObject>, wire: Wire) => Promise<KubeObject>) {
    return (call: { request: Wire; metadata: Metadata }, reply: Reply): void => {
      act(this.#of(method, call), call.request).then(
        (object) => this.loseAnswers || reply(null, { object: bytesOf(object) }),
        (error: unknown) => this.loseAnswers || reply(wireError(error)),
      );
    };
  }

  async #createMany(
    { request, metadata }: { request: { items: Wire[] }; metadata: Metadata },
    reply: Reply,
  ): Promise<void> {
    if (this.isOld) {
      reply({ code: status.UNIMPLEMENTED, details: 'unknown method' });
      return;
    }
    const results = request.items.map(async (wire) => {
      const { ref, object } = wire;
      const { namespace, name, subresource } = ref;
      const of = this.#of('CreateMany', { request: wire, metadata });
      const failure = await of.submit(parse(object), { namespace, name, subresource }).then(
        () => undefined,
        (error: unknown) => error,
      );
      const failed = failure instanceof ApiError ? bytesOf(failure.status) : Buffer.alloc(0);
      return { status: failed };
    });
    const answer = { results: await Promise.all(results) };
    if (!this.loseAnswers) reply(null, answer);
  }

  async #list(call: ServerStream): Promise<void> {
    const { request } = call;
    const options: ListOptions = {
      labelSelector: request.label_selector,
      fieldSelector: request.field_selector,
      ...(Number(request.limit) > 0 ? { limit: Number(request.limit) } : {}),
      ...(request.continue_token === '' ? {} : { continue: request.continue_token }),
    };
    try {
      const list = await this.#of('List', call).list(request.ref.namespace, options);
      const middle = Math.ceil(list.items.length / 2);
      call.write({
        resource_version: list.resourceVersion,
        items: list.items.slice(0, middle).map(bytesOf),
      });
      call.write({
        items: list.items.slice(middle).map(bytesOf),
        continue_token: list.continue ?? '',
      });
      call.end();
    } catch (error) {
      call.emit('error', wireError(error));
    }
  }

  #watch(call: ServerStream): void {
    const { request } = call;
    const options = {
      labelSelector: request.label_selector,
      fieldSelector: request.field_selector,
      resourceVersion: request.resource_version,
    };
    const of = this.#of('Watch', call);
    const watch = of.watch(request.ref.namespace, options, (events) => {
      call.write({ events: events.map(({ type, object }) => ({ type, object: bytesOf(object) })) });
    });
    this.#watches.add(watch);
    call.on('cancelled', () => watch.stop());
    call.on('close', () => watch.stop());
    void watch.done.then((error) => {
      this.#watches.delete(watch);
      if (error === undefined) call.end();
      else call.emit('error', wireError(error));
    });
  }
}
