/**
 * A client of one member that does exactly what it is told: one request is sent at most once, nothing is retried, and what became
 * of it is reported as what is known of it.
 */
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { EtcdError, type EtcdErrorKind } from '@kubets/etcd/client';
import {
  type LeaseGrantResponse,
  type LeaseKeepAliveResponse,
  type Loose,
  type MethodPlan,
  type StatusResponse,
  serviceMethods,
  type WatchCreateRequest,
  type WatchResponse,
} from '@kubets/etcd/codec';
import type { TlsMaterial } from '@kubets/platform';
import { LIMITS } from '../limits.ts';

const SERVICES = {
  KV: serviceMethods('etcdserverpb.KV'),
  Lease: serviceMethods('etcdserverpb.Lease'),
  Watch: serviceMethods('etcdserverpb.Watch'),
  Cluster: serviceMethods('etcdserverpb.Cluster'),
  Maintenance: serviceMethods('etcdserverpb.Maintenance'),
} as const;

/** grpc-js waits a second before it connects anew, and more each time: too long for a member that is back at once. */
const CHANNEL = {
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.min_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 200,
  'grpc.enable_retries': 0,
  'grpc.max_receive_message_length': 512 * 1024 * 1024,
  // Callers do not share connections: a member that hangs holds up only those that talk to it.
  'grpc.use_local_subchannel_pool': 1,
} as const;

const READY = 2;
const SHUTDOWN = 4;

/** Refusals that are decided before or when a request is applied, and leave nothing behind. */
const NO_EFFECT: ReadonlySet<EtcdErrorKind> = new Set([
  'emptyKey',
  'tooManyOps',
  'duplicateKey',
  'compacted',
  'futureRevision',
  'noSpace',
  'leaseNotFound',
  'leaseExists',
  'requestTooLarge',
  'tooManyRequests',
]);

/** A request that brought no result. `unknown`: it may have been carried out, or may be yet. */
export class CallFailed extends Error {
  override readonly name = 'CallFailed';
  readonly fate: 'not-sent' | 'refused' | 'unknown';
  readonly kind: EtcdErrorKind;

  constructor(fate: CallFailed['fate'], kind: EtcdErrorKind, message: string) {
    super(message);
    this.fate = fate;
    this.kind = kind;
  }
}

export interface StreamHandlers {
  onMessage(message: WatchResponse): void;
  /** The last call. */
  onEnd(why: string): void;
}

function methodOf(service: keyof typeof SERVICES, name: string): MethodPlan {
  const method = SERVICES[service][name];
  if (method === undefined) throw new TypeError(`there is no method ${service}.${name}`);
  return method;
}

export class EtcdCaller {
  readonly endpoint: string;
  readonly #client: Client;

  /** @param url `http://HOST:PORT`, or `https://HOST:PORT` with `tls` */
  constructor(url: string, tls?: TlsMaterial) {
    this.endpoint = url;
    const how =
      tls === undefined
        ? credentials.createInsecure()
        : credentials.createSsl(tls.ca, tls.key, tls.cert);
    this.#client = new Client(new URL(url).host, how, CHANNEL);
  }

  /** Waits for a connection. @throws CallFailed `not-sent` */
  async connect(timeoutMs: number = LIMITS.connectMs): Promise<void> {
    const channel = this.#client.getChannel();
    const untilMs = performance.timeOrigin + performance.now() + timeoutMs;
    for (;;) {
      const state = channel.getConnectivityState(true);
      if (state === READY) return;
      if (state === SHUTDOWN) throw new CallFailed('not-sent', 'other', 'closed');
      await new Promise<void>((resolve, reject) => {
        channel.watchConnectivityState(state, untilMs, (error) => {
          if (error === undefined || error === null) resolve();
          else reject(new CallFailed('not-sent', 'other', `no connection to ${this.endpoint}`));
        });
      });
    }
  }

  /** @throws CallFailed */
  async call<T>(
    service: keyof typeof SERVICES,
    name: string,
    request: unknown,
    timeoutMs: number = LIMITS.requestMs,
  ): Promise<T> {
    await this.connect(Math.min(timeoutMs, LIMITS.connectMs));
    const method = methodOf(service, name);
    return new Promise((resolve, reject) => {
      const done = (error: ServiceError | null, value: unknown): void => {
        if (error === null) resolve(value as T);
        else reject(failureOf(error));
      };
      this.#client.makeUnaryRequest(
        method.path,
        (value: unknown) => method.request.encode(value as never),
        (bytes: Buffer) => method.response.decode(bytes),
        request,
        new Metadata(),
        { deadline: performance.timeOrigin + performance.now() + timeoutMs },
        done,
      );
    });
  }

  status(timeoutMs: number): Promise<StatusResponse> {
    return this.call('Maintenance', 'Status', {}, timeoutMs);
  }

  grant(lease: bigint, ttlSeconds: number): Promise<LeaseGrantResponse> {
    return this.call('Lease', 'LeaseGrant', { ID: lease, TTL: BigInt(ttlSeconds) });
  }

  /** One renewal on a stream of its own. @returns the time granted; 0 when there is no such lease */
  async keepAlive(lease: bigint, timeoutMs: number = LIMITS.requestMs): Promise<number> {
    await this.connect();
    const method = methodOf('Lease', 'LeaseKeepAlive');
    return new Promise((resolve, reject) => {
      const stream = this.#client.makeBidiStreamRequest(
        method.path,
        (value: unknown) => method.request.encode(value as never),
        (bytes: Buffer) => method.response.decode(bytes) as LeaseKeepAliveResponse,
        new Metadata(),
        { deadline: performance.timeOrigin + performance.now() + timeoutMs },
      );
      stream.on('data', ({ TTL }: LeaseKeepAliveResponse) => {
        resolve(Number(TTL));
        stream.cancel();
      });
      stream.on('error', (error: ServiceError) => reject(failureOf(error)));
      stream.on('end', () => reject(new CallFailed('unknown', 'other', 'the stream ended')));
      stream.write({ ID: lease });
    });
  }

  /** Opens a stream with one watcher; it ends with the connection, and does not come back. @returns ends it, without `onEnd` */
  watch(create: Loose<WatchCreateRequest>, handlers: StreamHandlers): () => void {
    const method = methodOf('Watch', 'Watch');
    const metadata = new Metadata();
    metadata.set('hasleader', 'true');
    const stream = this.#client.makeBidiStreamRequest(
      method.path,
      (value: unknown) => method.request.encode(value as never),
      (bytes: Buffer) => method.response.decode(bytes) as WatchResponse,
      metadata,
    );
    let over = false;
    const end = (why: string): void => {
      if (over) return;
      over = true;
      handlers.onEnd(why);
    };
    stream.on('data', (message: WatchResponse) => {
      if (over) return;
      if (message.canceled) {
        end(message.cancelReason || 'canceled');
        stream.cancel();
      } else handlers.onMessage(message);
    });
    stream.on('error', (error: ServiceError) => end(error.details));
    stream.on('end', () => end('the stream ended'));
    stream.write({ createRequest: create });
    return () => {
      over = true;
      stream.cancel();
    };
  }

  close(): void {
    this.#client.close();
  }
}

function failureOf({ code, details }: ServiceError): CallFailed {
  const { kind } = EtcdError.fromWire(code, details);
  return new CallFailed(NO_EFFECT.has(kind) ? 'refused' : 'unknown', kind, details);
}
