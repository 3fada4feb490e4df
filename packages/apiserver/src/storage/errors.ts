/** What the store's failures mean to a client of the API. */
import { ApiError, expired, internal } from '@kubets/api';
import { AmbiguousError, EtcdError, NotTakenError } from '@kubets/etcd/client';
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

/** The likeliest cause when the time of a call is over, which was tried on every member. */
const MAJORITY = 'a majority of its members may be away';

/** Every member was asked; what each of them said tells which are away. */
function notTaken({ kind, message }: NotTakenError): string {
  const why = kind === 'noLeader' ? 'no leader: a majority of its members is away' : MAJORITY;
  return `the store did not take the request, ${why} (${message})`;
}

/**
 * The `ApiError` of a store failure. What surely had no effect invites to try again (Retry-After). A write whose fate is unknown
 * does not; nor does a call that was tried for all of its time: stock clients would repeat it ten times, and their users stare at
 * nothing for two minutes.
 */
export function storeError(error: unknown): unknown {
  if (!(error instanceof EtcdError)) return error;
  if (error.kind === 'compacted') return expired(TOO_OLD_LIST);
  if (error instanceof AmbiguousError) {
    const hint = error.code === CODE_DEADLINE_EXCEEDED ? `; ${MAJORITY}` : '';
    return unavailable(
      504,
      `Timeout: the store did not confirm the write: ${error.message}${hint}`,
    );
  }
  if (error instanceof NotTakenError) return unavailable(503, notTaken(error));
  switch (error.code) {
    case CODE_DEADLINE_EXCEEDED:
      return unavailable(504, `Timeout: the store did not answer: ${error.message}; ${MAJORITY}`);
    case CODE_UNAVAILABLE:
    case CODE_RESOURCE_EXHAUSTED:
      return unavailable(503, error.message, STORE_RETRY_SECONDS);
    default:
      return internal(errorMessage(error));
  }
}
