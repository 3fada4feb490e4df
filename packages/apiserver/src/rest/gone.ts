/** Knowing that a client has gone away, over either version of HTTP. */
import type { AnyResponse } from '../ports.ts';

/** Every response closes in the end; the error an abort makes by itself would cost more than the rest. */
const GONE = new Error('the client has gone');

/** A signal that is aborted when the response can reach nobody any more (also after it has ended). */
export function goneSignal(response: AnyResponse): AbortSignal {
  const gone = new AbortController();
  if (isGone(response)) gone.abort(GONE);
  else response.once('close', () => gone.abort(GONE));
  return gone.signal;
}

/** A response says `close` once only, so one that closed before the question has to be asked. */
export function isGone(response: AnyResponse): boolean {
  return 'isClosed' in response ? response.isClosed : response.destroyed === true;
}
