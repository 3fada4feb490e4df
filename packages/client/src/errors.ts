/**
 * What goes wrong between a component and the API. Everything is an ApiError that carries a Kubernetes Status; match by
 * class or with the `is…` functions of @kubets/api, never by text.
 */
import { ApiError } from '@kubets/api';

export interface TransportErrorOptions {
  /** Whether the request may have been carried out nevertheless. Never so for reads. */
  readonly ambiguous: boolean;
  /** No answer in time, rather than a broken connection. */
  readonly timeout?: boolean;
  readonly cause?: unknown;
}

/** No answer came from any apiserver. */
export class TransportError extends ApiError {
  readonly ambiguous: boolean;

  constructor(message: string, options: TransportErrorOptions) {
    const late = options.timeout === true;
    super(
      {
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Failure',
        message,
        reason: late ? 'Timeout' : 'ServiceUnavailable',
        code: late ? 504 : 503,
      },
      { cause: options.cause },
    );
    this.name = 'TransportError';
    this.ambiguous = options.ambiguous;
  }
}
