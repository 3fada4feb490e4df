/** The shapes of `proto/apiserver/resources.proto` as the proto loader hands them over, and how errors travel. */

import {
  type CallOptions,
  type Client,
  type ClientReadableStream,
  type ClientUnaryCall,
  type Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { ApiError, fromStatus, parseExact } from '@kubets/api';
import { TransportError } from '../errors.ts';

export interface WireRef {
  group: string;
  version: string;
  resource: string;
  namespace: string;
  name: string;
  subresource: string;
}

export interface ObjectReply {
  object: Buffer;
}

export interface WireListChunk {
  resource_version: string;
  items: Buffer[];
  continue_token: string;
}

/** Empty status: done. */
export interface WireWriteResult {
  status: Buffer;
}

export interface WireWrite {
  ref: WireRef;
  object: Buffer;
}

export interface WireEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  object: Buffer;
}

export interface WireBatch {
  events: WireEvent[];
}

export type UnaryMethod = 'Get' | 'Create' | 'Update' | 'Patch' | 'Delete' | 'Discover';

type Unary = (
  request: object,
  metadata: Metadata,
  options: CallOptions,
  callback: (error: ServiceError | null, reply?: ObjectReply) => void,
) => ClientUnaryCall;

type ServerStream<R> = (
  request: object,
  metadata: Metadata,
  options: CallOptions,
) => ClientReadableStream<R>;

/** The client the proto loader makes. */
export type ResourcesStub = Client &
  Record<UnaryMethod, Unary> & {
    CreateMany: (
      request: { items: readonly WireWrite[] },
      metadata: Metadata,
      options: CallOptions,
      callback: (error: ServiceError | null, reply?: { results: WireWriteResult[] }) => void,
    ) => ClientUnaryCall;
    List: ServerStream<WireListChunk>;
    Watch: ServerStream<WireBatch>;
  };

/** The trailing metadata that carries the Kubernetes Status as JSON bytes. */
export const STATUS_TRAILER = 'kubets-status-bin';

/** An object out of its JSON bytes. */
export function decodeObject<T>(bytes: Buffer): T {
  return parseExact(bytes.toString('utf8')) as T;
}

export function encodeObject(object: object): Buffer {
  return Buffer.from(JSON.stringify(object), 'utf8');
}

/** What became of one item of several; undefined: it was carried out. */
export function failureOf({ status: bytes }: WireWriteResult): ApiError | undefined {
  if (bytes.length === 0) return undefined;
  const failure = fromStatus(JSON.parse(bytes.toString('utf8')));
  if (failure.code !== 503) return failure;
  return new TransportError(failure.message, { ambiguous: true, cause: failure });
}

const WITHOUT_STATUS: Readonly<Record<number, { code: number; reason: string }>> = {
  [status.INVALID_ARGUMENT]: { code: 400, reason: 'BadRequest' },
  [status.NOT_FOUND]: { code: 404, reason: 'NotFound' },
  [status.ALREADY_EXISTS]: { code: 409, reason: 'AlreadyExists' },
  [status.PERMISSION_DENIED]: { code: 403, reason: 'Forbidden' },
  [status.UNAUTHENTICATED]: { code: 401, reason: 'Unauthorized' },
  [status.ABORTED]: { code: 409, reason: 'Conflict' },
  [status.OUT_OF_RANGE]: { code: 410, reason: 'Expired' },
  [status.RESOURCE_EXHAUSTED]: { code: 429, reason: 'TooManyRequests' },
  [status.UNIMPLEMENTED]: { code: 405, reason: 'MethodNotAllowed' },
};

function trailerOf(error: ServiceError): unknown {
  const [bytes] = error.metadata?.get(STATUS_TRAILER) ?? [];
  if (!(bytes instanceof Buffer)) return undefined;
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    // A trailer that is no JSON says nothing: the gRPC code still does.
    return undefined;
  }
}

/**
 * What a failed call means.
 * @param write whether the request could have changed something
 */
export function errorOf(error: ServiceError, write: boolean): ApiError {
  const sent = trailerOf(error);
  // An apiserver that says it is unavailable is as good as none: another one may do better.
  if (sent !== undefined && error.code !== status.UNAVAILABLE) return fromStatus(sent);
  const known = WITHOUT_STATUS[error.code];
  const message = error.details || error.message;
  if (known !== undefined) {
    const base = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure' };
    return new ApiError({ ...base, message, ...known }, { cause: error });
  }
  const timeout = error.code === status.DEADLINE_EXCEEDED;
  return new TransportError(message, { ambiguous: write, timeout, cause: error });
}
