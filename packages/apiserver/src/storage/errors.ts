/** What the store's failures mean to a client of the API. */
import { ApiError, expired, internal } from '@kubets/api';
import { AmbiguousError, EtcdError } from '@kubets/etcd/client';
import { errorMessage } from '@kubets/platform';
import { STORE_RETRY_SECONDS } from '../limits.ts';

export const TOO_OLD_LIST = 'The resourceVersion for the provided list is too old.';

const CODE_DEADLINE_EXCEEDED = 4;
const CODE_RESOURCE_EXHAUSTED = 8;
const CODE_UNAVAILABLE = 14;

function unavailable(code: 503 | 504, message: string, retryAfterSeconds?: number): ApiError {
  return new ApiError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason: code === 503 ? 'ServiceUnavailable' : 'Timeout',
    ...(retryAfterSeconds !== undefined && { details: { retryAfterSeconds } }),
    code,
  });
}

/**
 * The `ApiError` of a store failure. Only what surely had no effect invites to try again (Retry-After); a write whose fate
 * is unknown does not.
 */
export function storeError(error: unknown): unknown {
  if (!(error instanceof EtcdError)) return error;
  if (error.kind === 'compacted') return expired(TOO_OLD_LIST);
  if (error instanceof AmbiguousError) {
    return unavailable(504, `Timeout: the store did not confirm the write: ${error.message}`);
  }
  switch (error.code) {
    case CODE_DEADLINE_EXCEEDED:
      return unavailable(504, `Timeout: ${error.message}`, STORE_RETRY_SECONDS);
    case CODE_UNAVAILABLE:
    case CODE_RESOURCE_EXHAUSTED:
      return unavailable(503, error.message, STORE_RETRY_SECONDS);
    default:
      return internal(errorMessage(error));
  }
}
