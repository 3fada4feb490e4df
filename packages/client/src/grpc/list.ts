import type { Metadata, ServiceError } from '@grpc/grpc-js';
import type { Clock } from '@kubets/platform';
import { TransportError } from '../errors.ts';
import type { ListResult } from '../ports.ts';
import type { Endpoint } from './endpoints.ts';
import { decodeObject, errorOf } from './wire.ts';

/** A list to be read. */
export interface ListCall {
  readonly request: object;
  /** The next chunk has to come by now, and each further one after no longer a wait than the first has. */
  readonly deadlineMs: number;
  readonly clock: Clock;
}

/**
 * Collects the chunks of one list. However large it is, it may take its time as long as something comes: a list that was given up
 * half-way would be asked for again, and never be read to its end. Rejects with an ApiError; a list that breaks in the
 * middle yields nothing.
 */
export function readList<T>(
  endpoint: Pick<Endpoint, 'stub'>,
  metadata: Metadata,
  { request, deadlineMs, clock }: ListCall,
): Promise<ListResult<T>> {
  return new Promise((resolve, reject) => {
    const items: T[] = [];
    let resourceVersion = '';
    let more = '';
    const stream = endpoint.stub.List(request, metadata, {});
    const patienceMs = deadlineMs - clock.now();
    const giveUp = (): void => {
      stream.cancel();
      const why = `no more of the list came for ${patienceMs} ms`;
      reject(new TransportError(why, { ambiguous: false, timeout: true }));
    };
    let late = clock.setTimeout(giveUp, patienceMs);
    stream.on('data', (chunk) => {
      late.cancel();
      late = clock.setTimeout(giveUp, patienceMs);
      for (const bytes of chunk.items) items.push(decodeObject<T>(bytes));
      resourceVersion ||= chunk.resource_version;
      more = chunk.continue_token;
    });
    stream.on('error', (error: ServiceError) => {
      late.cancel();
      reject(errorOf(error, false));
    });
    stream.on('end', () => {
      late.cancel();
      resolve(
        more === '' ? { items, resourceVersion } : { items, resourceVersion, continue: more },
      );
    });
  });
}
