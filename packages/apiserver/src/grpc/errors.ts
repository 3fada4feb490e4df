/** Errors on the component door: a gRPC code, and the Kubernetes Status beside it. */
import { status as Code, Metadata } from '@grpc/grpc-js';
import { statusOf } from '../rest/respond.ts';

/** Metadata key of the Status (JSON bytes). */
const STATUS_KEY = 'kubets-status-bin';

const CODES: Readonly<Record<number, Code>> = {
  400: Code.INVALID_ARGUMENT,
  401: Code.UNAUTHENTICATED,
  403: Code.PERMISSION_DENIED,
  404: Code.NOT_FOUND,
  405: Code.UNIMPLEMENTED,
  409: Code.ABORTED,
  410: Code.OUT_OF_RANGE,
  413: Code.RESOURCE_EXHAUSTED,
  415: Code.INVALID_ARGUMENT,
  422: Code.INVALID_ARGUMENT,
  429: Code.RESOURCE_EXHAUSTED,
  503: Code.UNAVAILABLE,
  504: Code.DEADLINE_EXCEEDED,
};

export interface GrpcError {
  readonly code: Code;
  readonly details: string;
  readonly metadata: Metadata;
}

/** A gRPC error that carries the Status of anything that was thrown. */
export function grpcError(error: unknown): GrpcError {
  const { status, code } = statusOf(error);
  const metadata = new Metadata();
  metadata.set(STATUS_KEY, Buffer.from(JSON.stringify(status)));
  const details = status.message ?? status.reason ?? '';
  if (status.reason === 'AlreadyExists') return { code: Code.ALREADY_EXISTS, details, metadata };
  return { code: CODES[code] ?? Code.INTERNAL, details, metadata };
}
