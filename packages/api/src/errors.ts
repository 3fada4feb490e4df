/** Errors of the API: each is a Kubernetes `Status` that can be sent as it is. */
import { aggregateText, type FieldError } from './field-error.ts';
import type { Status, StatusCause, StatusDetails } from './generated/types.ts';
import { goQuote } from './go-text.ts';
import {
  type GroupKind,
  type GroupResource,
  isJsonObject,
  kindText,
  resourceText,
} from './meta.ts';

/** A failed request; `status` is what the client gets. Match on `status.reason` or the helpers. */
export class ApiError extends Error {
  readonly status: Status;

  constructor(status: Status, options?: { cause?: unknown }) {
    super(status.message ?? status.reason ?? 'unknown error', options);
    this.name = 'ApiError';
    this.status = status;
  }

  /** HTTP status code; 500 when the Status has none. */
  get code(): number {
    return this.status.code ?? 500;
  }

  get reason(): string {
    return this.status.reason ?? '';
  }
}

/** A JSON patch is meant only for what it did not find: the `test` in it failed. */
export class PatchTestFailed extends ApiError {}

/** A configuration that a policy makes does not fit its kind, or would replace what is owned as a whole. */
export class MutationError extends Error {
  override readonly name = 'MutationError';
}

function failure(code: number, reason: string, message: string, details?: StatusDetails): ApiError {
  return new ApiError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    ...(reason ? { reason } : {}),
    ...(details ? { details } : {}),
    code,
  });
}

/** Details that name an object of a resource; empty parts are left out. */
function about(name: string, group: string, kind: string, causes?: StatusCause[]): StatusDetails {
  return {
    ...(name ? { name } : {}),
    ...(group ? { group } : {}),
    ...(kind ? { kind } : {}),
    ...(causes && causes.length > 0 ? { causes } : {}),
  };
}

export function notFound(gr: GroupResource, name: string): ApiError {
  const text = `${resourceText(gr)} ${goQuote(name)} not found`;
  return failure(404, 'NotFound', text, about(name, gr.group, gr.resource));
}

/** The path itself names nothing the server has. */
export function pathNotFound(): ApiError {
  return failure(404, 'NotFound', 'the server could not find the requested resource', {});
}

export function alreadyExists(gr: GroupResource, name: string): ApiError {
  const text = `${resourceText(gr)} ${goQuote(name)} already exists`;
  return failure(409, 'AlreadyExists', text, about(name, gr.group, gr.resource));
}

/** The name is taken by an object that is being deleted. */
export function beingDeleted(gr: GroupResource, name: string): ApiError {
  const text = `object is being deleted: ${resourceText(gr)} ${goQuote(name)} already exists`;
  return failure(409, 'AlreadyExists', text, about(name, gr.group, gr.resource));
}

export const OPTIMISTIC_LOCK_TEXT =
  'the object has been modified; please apply your changes to the latest version and try again';

export function conflict(gr: GroupResource, name: string, why = OPTIMISTIC_LOCK_TEXT): ApiError {
  const text = `Operation cannot be fulfilled on ${resourceText(gr)} ${goQuote(name)}: ${why}`;
  return failure(409, 'Conflict', text, about(name, gr.group, gr.resource));
}

export function applyConflict(message: string, causes: StatusCause[]): ApiError {
  return failure(409, 'Conflict', message, { causes });
}

export function invalidObject(gk: GroupKind, name: string, errors: FieldError[]): ApiError {
  const causes = errors.map((e) => ({ reason: e.reason(), message: e.body(), field: e.field }));
  const text = `${kindText(gk)} ${goQuote(name)} is invalid: ${aggregateText(errors)}`;
  return failure(422, 'Invalid', text, about(name, gk.group, gk.kind, causes));
}

export function badRequest(message: string): ApiError {
  return failure(400, 'BadRequest', message);
}

export interface ForbiddenAbout {
  /** Empty for requests that name no object. */
  name?: string;
  why: string;
  causes?: StatusCause[];
}

/** The request is understood and refused, by admission or a rule of the kind. */
export function forbiddenBecause(gr: GroupResource, o: ForbiddenAbout): ApiError {
  const name = o.name ?? '';
  const what = name === '' ? resourceText(gr) : `${resourceText(gr)} ${goQuote(name)}`;
  const text = gr.resource === '' ? `forbidden: ${o.why}` : `${what} is forbidden: ${o.why}`;
  return failure(403, 'Forbidden', text, about(name, gr.group, gr.resource, o.causes));
}

/** What an authorizer was asked; either a resource or a plain path. */
export interface AccessAttributes {
  user: string;
  verb: string;
  group?: string;
  resource?: string;
  subresource?: string;
  namespace?: string;
  name?: string;
  path?: string;
  /** An authorizer's own explanation, appended when there is one. */
  reason?: string;
}

function deniedText(a: AccessAttributes): string {
  const who = `User ${goQuote(a.user)}`;
  if (!a.resource) return `${who} cannot ${a.verb} path ${goQuote(a.path ?? '')}`;
  const resource = a.subresource ? `${a.resource}/${a.subresource}` : a.resource;
  const what = `${who} cannot ${a.verb} resource ${goQuote(resource)}`;
  const where = a.namespace ? `in the namespace ${goQuote(a.namespace)}` : 'at the cluster scope';
  return `${what} in API group ${goQuote(a.group ?? '')} ${where}`;
}

/** The authorizer said no. */
export function forbidden(a: AccessAttributes): ApiError {
  const why = a.reason ? `${deniedText(a)}: ${a.reason}` : deniedText(a);
  const resource = a.resource ?? '';
  const gr = { group: resource ? (a.group ?? '') : '', resource };
  return forbiddenBecause(gr, { name: resource ? (a.name ?? '') : '', why });
}

export function unauthorized(message = 'Unauthorized'): ApiError {
  return failure(401, 'Unauthorized', message);
}

export function methodNotAllowed(): ApiError {
  const text = 'the server does not allow this method on the requested resource';
  return failure(405, 'MethodNotAllowed', text, {});
}

export function methodNotSupported(gr: GroupResource, action: string): ApiError {
  const text = `${action} is not supported on resources of kind ${goQuote(resourceText(gr))}`;
  return failure(405, 'MethodNotAllowed', text, about('', gr.group, gr.resource));
}

export function notAcceptable(message: string): ApiError {
  return failure(406, 'NotAcceptable', message);
}

/** The continue token or resource version is too old. */
export function expired(message: string): ApiError {
  return failure(410, 'Expired', message);
}

export function gone(message: string): ApiError {
  return failure(410, 'Gone', message);
}

export function requestTooLarge(message: string): ApiError {
  return failure(413, 'RequestEntityTooLarge', message);
}

export function unsupportedMediaType(accepted: readonly string[]): ApiError {
  const text = 'the body of the request was in an unknown format - accepted media types include: ';
  return failure(415, 'UnsupportedMediaType', text + accepted.join(', '));
}

export function unprocessable(message: string): ApiError {
  return failure(422, 'Invalid', message);
}

export function tooManyRequests(
  message: string,
  retryAfterSeconds: number,
  causes?: StatusCause[],
): ApiError {
  const details: StatusDetails = { ...(causes ? { causes } : {}), retryAfterSeconds };
  return failure(429, 'TooManyRequests', message, details);
}

/** Something broke on the server's side; the message says what. */
export function internal(message: string): ApiError {
  const text = `Internal error occurred: ${message}`;
  return failure(500, 'InternalError', text, { causes: [{ message }] });
}

/** An error the stock server passes on without a reason (code 500, the message alone). */
export function unclassified(message: string): ApiError {
  return failure(500, '', message);
}

export function serverTimeout(gr: GroupResource, verb: string, retryAfterSeconds = 0): ApiError {
  const text = `The ${verb} operation against ${resourceText(gr)} could not be completed at this time, please try again.`;
  const details = about('', gr.group, gr.resource);
  return failure(500, 'ServerTimeout', text, { ...details, retryAfterSeconds });
}

export function serviceUnavailable(message: string): ApiError {
  return failure(503, 'ServiceUnavailable', message);
}

export function timeout(message: string, retryAfterSeconds = 0): ApiError {
  return failure(504, 'Timeout', `Timeout: ${message}`, { retryAfterSeconds });
}

/** An ApiError out of a Status that came over the wire. */
export function fromStatus(status: unknown): ApiError {
  if (!isJsonObject(status)) return unclassified('unknown');
  return new ApiError(status as unknown as Status);
}

function hasReason(err: unknown, ...reasons: string[]): boolean {
  return err instanceof ApiError && reasons.includes(err.reason);
}

export const isNotFound = (err: unknown): boolean => hasReason(err, 'NotFound');
export const isAlreadyExists = (err: unknown): boolean => hasReason(err, 'AlreadyExists');
export const isConflict = (err: unknown): boolean => hasReason(err, 'Conflict');
export const isInvalid = (err: unknown): boolean => hasReason(err, 'Invalid');
export const isForbidden = (err: unknown): boolean => hasReason(err, 'Forbidden');
export const isUnauthorized = (err: unknown): boolean => hasReason(err, 'Unauthorized');
export const isBadRequest = (err: unknown): boolean => hasReason(err, 'BadRequest');
export const isExpired = (err: unknown): boolean => hasReason(err, 'Expired', 'Gone');
export const isTooManyRequests = (err: unknown): boolean => hasReason(err, 'TooManyRequests');

/** Is it worth trying the same request again, here or at another server? */
export function isRetriable(err: unknown): boolean {
  if (hasReason(err, 'ServerTimeout', 'Timeout', 'TooManyRequests')) return true;
  return hasReason(err, 'ServiceUnavailable', 'InternalError');
}
