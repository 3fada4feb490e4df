/**
 * What goes wrong between a component and the API. Everything is an ApiError that carries a Kubernetes Status; match by
 * its reason (with the `is…` functions of @kubets/api), never by text.
 */
import { ApiError, type Status } from '@kubets/api';

/** The failure part of a Status, before it is made an error. */
export interface Failure {
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

function statusOf(failure: Failure): Status {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    ...failure,
  } as Status;
}

/** An ApiError with the given Status. */
export function statusError(failure: Failure): ApiError {
  return new ApiError(statusOf(failure));
}

/** No answer came from any apiserver. */
export class TransportError extends ApiError {
  /** Whether the request may have been carried out nevertheless. Never so for reads. */
  readonly ambiguous: boolean;

  constructor(
    message: string,
    options: { ambiguous: boolean; timeout?: boolean; cause?: unknown },
  ) {
    const code = options.timeout === true ? 504 : 503;
    const reason = options.timeout === true ? 'Timeout' : 'ServiceUnavailable';
    super(statusOf({ code, reason, message }));
    this.ambiguous = options.ambiguous;
    if (options.cause !== undefined) this.cause = options.cause;
  }
}

/** How a resource is named in error texts: `pods`, `deployments.apps`. */
export function groupResource(group: string, resource: string): string {
  return group === '' ? resource : `${resource}.${group}`;
}

export const failures = {
  notFound: (gr: string, name: string): ApiError =>
    statusError({
      code: 404,
      reason: 'NotFound',
      message: `${gr} "${name}" not found`,
      details: { name, kind: gr },
    }),
  alreadyExists: (gr: string, name: string): ApiError =>
    statusError({
      code: 409,
      reason: 'AlreadyExists',
      message: `${gr} "${name}" already exists`,
      details: { name, kind: gr },
    }),
  conflict: (gr: string, name: string, why: string): ApiError =>
    statusError({
      code: 409,
      reason: 'Conflict',
      message: `Operation cannot be fulfilled on ${gr} "${name}": ${why}`,
      details: { name, kind: gr },
    }),
  badRequest: (message: string): ApiError =>
    statusError({ code: 400, reason: 'BadRequest', message }),
  invalid: (gr: string, name: string, why: string): ApiError =>
    statusError({
      code: 422,
      reason: 'Invalid',
      message: `${gr} "${name}" is invalid: ${why}`,
      details: { name, kind: gr },
    }),
  expired: (message: string): ApiError => statusError({ code: 410, reason: 'Expired', message }),
  methodNotSupported: (gr: string, action: string): ApiError =>
    statusError({
      code: 405,
      reason: 'MethodNotAllowed',
      message: `${action} is not supported on resources of kind "${gr}"`,
    }),
};
