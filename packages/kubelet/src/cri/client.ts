import {
  type ClientOptions,
  credentials,
  type ServiceClientConstructor,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { loadProto, serviceOf } from '@kubets/platform';
import { RuntimeFault } from '../errors.ts';
import { RUNTIME_CALL_MS } from '../limits.ts';

// containerd refuses streams whose :authority is the percent-encoded socket path grpc-js would send.
const OPTIONS: ClientOptions = {
  'grpc.default_authority': 'localhost',
  'grpc.max_receive_message_length': 16 * 1024 * 1024,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
  'grpc.enable_retries': 0,
};

interface UnaryCall {
  cancel(): void;
}

type Unary = (
  request: object,
  options: { deadline: number },
  done: (error: ServiceError | null, answer: unknown) => void,
) => UnaryCall;

type Stub = InstanceType<ServiceClientConstructor>;

/** `unix:///path`, `/path` and `host:port` as grpc-js wants them. */
export function criTarget(endpoint: string): string {
  if (endpoint.startsWith('/')) return `unix://${endpoint}`;
  return endpoint;
}

/** `NOT_FOUND` as `NotFound`: the names by which others know the codes. */
function codeName(code: status): string {
  const words = (status[code] ?? 'UNKNOWN').toLowerCase().split('_');
  const name = words.map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`).join('');
  return name === 'Cancelled' ? 'Canceled' : name;
}

function faultOf(method: string, error: ServiceError): RuntimeFault {
  const said = error.details === '' ? error.message : error.details;
  return new RuntimeFault(said, {
    notFound: error.code === status.NOT_FOUND,
    unavailable: error.code === status.UNAVAILABLE,
    code: codeName(error.code),
    cause: new Error(`CRI ${method}: ${error.message}`, { cause: error }),
  });
}

export interface CallOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

type OnCall = (method: string, tookMs: number, isFailed: boolean) => void;

/** Calls the two CRI services on one socket. Rejects with {@link RuntimeFault}. */
export class CriClient {
  readonly #runtime: Stub;
  readonly #images: Stub;
  readonly #now: () => number;
  readonly #onCall: OnCall | undefined;

  /** @param onCall told of every call that has ended */
  constructor(endpoint: string, now: () => number, onCall?: OnCall) {
    const tree = loadProto('cri/runtime.proto');
    const target = criTarget(endpoint);
    const insecure = credentials.createInsecure();
    const runtime = serviceOf(tree, 'runtime.v1.RuntimeService');
    const images = serviceOf(tree, 'runtime.v1.ImageService');
    this.#runtime = new runtime(target, insecure, OPTIONS);
    this.#images = new images(target, insecure, OPTIONS);
    this.#now = now;
    this.#onCall = onCall;
  }

  runtime<T>(method: string, request: object, options?: CallOptions): Promise<T> {
    return this.#call(this.#runtime, method, request, options);
  }

  images<T>(method: string, request: object, options?: CallOptions): Promise<T> {
    return this.#call(this.#images, method, request, options);
  }

  close(): void {
    this.#runtime.close();
    this.#images.close();
  }

  #call<T>(stub: Stub, method: string, request: object, options: CallOptions = {}): Promise<T> {
    const { timeoutMs = RUNTIME_CALL_MS, signal } = options;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(new RuntimeFault(`${method} was cancelled`));
        return;
      }
      const unary = (stub[method] as unknown as Unary).bind(stub);
      const startMs = this.#now();
      const deadline = startMs + timeoutMs;
      const onAbort = (): void => call.cancel();
      const call = unary(request, { deadline }, (error, answer) => {
        signal?.removeEventListener('abort', onAbort);
        this.#onCall?.(method, Math.max(0, this.#now() - startMs), error !== null);
        if (error === null) resolve(answer as T);
        else reject(faultOf(method, error));
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }
}
